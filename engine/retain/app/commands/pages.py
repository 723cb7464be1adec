"""What a public page asks for, as messages: a withdrawal of consent, an event."""

from __future__ import annotations

from retain.app.commands.intake import message_of
from retain.model import Instant, Message, MessageKind, digest, slug
from retain.registry import PageResponse

_SOURCE = "page"


def messages_of(response: PageResponse, at: Instant) -> list[Message]:
    """The messages of one answer; the same answer at the same instant is the same messages."""
    found = []
    for key, purpose in response.withdraw:
        fields = {"purpose": purpose, "granted": False}
        message_id = digest("withdraw", key, purpose, str(at))
        found.append(
            message_of(
                key,
                "consent_changed",
                fields,
                source=_SOURCE,
                message_id=message_id,
                at=at,
                kind=MessageKind.CONSENT,
            )
        )
    for number, (key, event) in enumerate(response.events):
        message_id = digest("event", key, event.name, str(number), str(at))
        found.append(
            message_of(
                key, slug(event.name), event.fields, source=_SOURCE, message_id=message_id, at=at, kind=event.kind
            )
        )
    return found
