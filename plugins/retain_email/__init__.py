"""E-mail over SMTP: the action `email.send`, the channel `email`, and the page to unsubscribe with one click."""

from __future__ import annotations

from collections.abc import Iterable

from retain.hookspecs import hookimpl
from retain.model import Json
from retain.registry import Action, Channel, Check, EventType, JsonSchema, Page
from retain_email.checks import check_unsubscribe
from retain_email.sending import SEND
from retain_email.settings import PAGE_PATH, SCHEMA
from retain_email.unsubscribe import page

_TEXT: dict[str, Json] = {"type": "string"}


@hookimpl
def register_actions() -> Iterable[Action]:
    """`email.send`."""
    return [SEND]


@hookimpl
def register_channels() -> Iterable[Channel]:
    """`email`."""
    return [Channel(name="email", address_field="email", summary="Messages by e-mail.")]


@hookimpl
def register_event_types() -> Iterable[EventType]:
    """What the plugin makes; deliveries, openings and bounces only a provider or a bounce message can know."""
    accepted = ("email_id", "message_id", "template", "email_subject", "purpose", "rule", "step")
    return [
        EventType(
            name="email_accepted",
            summary="The mail server took a message; that is not yet a delivery.",
            schema={
                "type": "object",
                "properties": dict.fromkeys(accepted, _TEXT),
                "required": ["email_id", "message_id", "template", "email_subject"],
            },
        ),
        EventType(
            name="unsubscribed",
            summary="The customer wants no more messages of one purpose.",
            schema={"type": "object", "properties": {"channel": _TEXT, "purpose": _TEXT}, "required": ["purpose"]},
        ),
    ]


@hookimpl
def register_checks() -> Iterable[Check]:
    """That people can unsubscribe from what they are sent."""
    return [check_unsubscribe]


@hookimpl
def register_pages() -> Iterable[Page]:
    """The unsubscribe page."""
    return [Page(path=PAGE_PATH + "{token}", methods=("GET", "POST"), handle=page)]


@hookimpl
def register_config() -> JsonSchema:
    """The section `email` of retain.yaml."""
    return SCHEMA
