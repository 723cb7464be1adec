"""The action `email.send`: render, address, hand over to the mail server, and say what it answered."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from retain.errors import PermanentError
from retain.model import NewEvent
from retain.registry import Action, ActionRequest, ActionResult, Example, Retry
from retain_email.addresses import check_address, parse_mailbox
from retain_email.connections import Connections
from retain_email.mime import Letter, to_bytes
from retain_email.settings import Settings, read_settings
from retain_email.templates import Rendered, render
from retain_email.unsubscribe import make_token

TRANSACTIONAL = "transactional"
_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Connections] = WeakKeyDictionary()


async def send(request: ActionRequest) -> ActionResult:
    """Send one message; an acceptance by the server is not yet a delivery, so the event is `email_accepted`."""
    settings = read_settings(request.config)
    letter = compose(request, settings)
    connections = _by_loop.setdefault(asyncio.get_running_loop(), Connections())
    answer = await connections.send(settings, letter.to, to_bytes(letter))
    accepted = {
        "email_id": request.effect_id,
        "message_id": letter.message_id,
        "template": request.inputs["template"],
        "email_subject": letter.subject,
        "purpose": request.purpose,
        "rule": request.rule,
        "step": request.step,
    }
    return ActionResult(
        output={"message_id": letter.message_id, "response": answer},
        events=(NewEvent(name="email_accepted", fields=accepted),),
    )


def compose(request: ActionRequest, settings: Settings) -> Letter:
    """The message of a request.

    Raises:
        PermanentError: there is no address, the template cannot be rendered, or a value cannot stand in a header.
    """
    inputs = request.inputs
    to = inputs.get("to") or request.customer.get("email")
    if not to:
        raise PermanentError("the customer has no e-mail address", cure="add `customer.email is present` to the rule")
    to = check_address(to, "the recipient")
    unsubscribe_url = _unsubscribe_url(request, settings)
    rendered = _rendered(request, settings, unsubscribe_url)
    sender = inputs.get("from") or rendered.headers.get("From")
    return Letter(
        effect_id=request.effect_id,
        at=request.now,
        sender=parse_mailbox(sender) if sender else settings.sender,
        to=to,
        subject=(inputs.get("subject") or rendered.headers["Subject"]).strip(" "),
        text=rendered.text,
        html=rendered.html,
        reply_to=inputs.get("reply_to") or rendered.headers.get("Reply-To") or settings.reply_to,
        list_id=settings.list_id,
        unsubscribe_url=unsubscribe_url,
    )


def _unsubscribe_url(request: ActionRequest, settings: Settings) -> str:
    """The link of a message that needs consent; a transactional one has none."""
    if request.purpose in ("", TRANSACTIONAL):
        return ""
    if not settings.public_url or not settings.unsubscribe_secrets:
        raise PermanentError(
            f"a {request.purpose} message needs an unsubscribe link",
            where="retain.yaml",
            cure="give `public_url` and `unsubscribe_secrets` in the section `email`",
        )
    if not settings.public_url_is_safe:
        raise PermanentError("public_url is not https", where="retain.yaml", cure="give its https address")
    token = make_token(request.customer_key, request.purpose, settings.unsubscribe_secrets)
    return settings.unsubscribe_url(token)


def _rendered(request: ActionRequest, settings: Settings, unsubscribe_url: str) -> Rendered:
    context = {
        "customer": request.customer,
        "event": request.event,
        "steps": request.steps,
        "trigger": request.trigger,
        "data": request.inputs.get("data") or {},
        "unsubscribe_url": unsubscribe_url or None,
    }
    return render(settings.templates, request.inputs["template"], context, request.filters)


SEND = Action(
    name="email.send",
    summary="Send an e-mail made from a template.",
    inputs={
        "type": "object",
        "required": ["template"],
        "additionalProperties": False,
        "properties": {
            "template": {"type": "string", "minLength": 1, "description": "Name of a template in templates/."},
            "to": {"type": "string", "description": "The address; default: customer.email."},
            "subject": {"type": "string", "description": "In place of the template's subject."},
            "data": {"type": "object", "description": "Values that the template uses as data.NAME."},
            "from": {"type": "string", "description": "The sender, as `Shop <shop@example.com>`."},
            "reply_to": {"type": "string", "description": "Where answers go."},
        },
    },
    output={
        "type": "object",
        "properties": {
            "message_id": {"type": "string", "description": "The Message-ID header, the same on every attempt."},
            "response": {"type": "string", "description": "What the server said to the message."},
        },
    },
    example=Example(
        inputs={"template": "cart-reminder", "data": {"code": "SAVE10"}},
        output={"message_id": "<0f3a@shop.example>", "response": "250 OK"},
    ),
    run=send,
    channel="email",
    idempotent=False,
    in_doubt="hold",  # a second copy of a message is worse than one that a person looks at
    retry=Retry(first_s=60, factor=3, most_s=4 * 3600, give_up_after_s=72 * 3600),
    timeout_s=700.0,  # the two time limits of the settings, 60 s and 600 s, end first
    concurrency=8,
)
