"""The action `log.write`: one structured line in the daemon's log. For trying rules out, and for watching them."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from retain.hookspecs import hookimpl
from retain.registry import Action, ActionRequest, ActionResult, Example

log = structlog.get_logger("retain.log_plugin")


async def write(request: ActionRequest) -> ActionResult:
    """Write the message with the names of the rule, the run and the customer."""
    log.info(
        "log_write",
        message=request.inputs["message"],
        rule=request.rule,
        customer=request.customer_key,
        run=request.run,
        effect=request.effect_id,
    )
    return ActionResult()


@hookimpl
def register_actions() -> Iterable[Action]:
    """`log.write`."""
    return [
        Action(
            name="log.write",
            summary="Write one line to the daemon's log; nothing is sent.",
            inputs={
                "type": "object",
                "properties": {"message": {"type": "string", "description": "The text of the line."}},
                "required": ["message"],
                "additionalProperties": False,
            },
            example=Example(inputs={"message": "The cart of {{ customer.first_name }} is still full."}),
            run=write,
            idempotent=True,  # a line written twice hurts nobody, one in doubt would
            in_doubt="resend",
            timeout_s=5.0,
            concurrency=16,
            customer="none",
        )
    ]
