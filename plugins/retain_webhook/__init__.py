"""Webhooks: the action `webhook.post`, signed by the Standard Webhooks specification, version 1.0."""

from __future__ import annotations

from collections.abc import Iterable

from retain.hookspecs import hookimpl
from retain.model import Json
from retain.registry import Action, JsonSchema
from retain_webhook.posting import POST

_SECRET: dict[str, Json] = {"type": "string", "description": "A reference, env:NAME or file:PATH, to whsec_…"}


@hookimpl
def register_actions() -> Iterable[Action]:
    """`webhook.post`."""
    return [POST]


@hookimpl
def register_config() -> JsonSchema:
    """The section `webhook` of retain.yaml."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "secrets": {
                "type": "object",
                "additionalProperties": {"anyOf": [_SECRET, {"type": "array", "minItems": 1, "items": _SECRET}]},
                "description": "Secrets by name; a list while one is replaced, the newest first.",
            },
            "allow": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "description": "Hosts and networks (10.0.0.0/8) of the own house that webhooks may go to.",
            },
            "timeout_s": {
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 30,
                "description": "For the whole call, in seconds; default 15.",
            },
        },
    }
