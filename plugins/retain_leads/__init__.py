"""Leads: each gets an owner by territory, turn, weight, capacity and absence; how long one may wait, rules say.

A lead is a record of kind `lead` (state open, queued or closed) that belongs to a customer; where it stands and whose
it is also stand in the customer fields `lead_state` and `lead_owner`. What a team remembers between two leads is the
shared record `turn` of that team. Every assignment writes it, so two workers can neither give one turn twice nor fill
a member past the capacity.
"""

from __future__ import annotations

from collections.abc import Iterable

from retain.hookspecs import hookimpl
from retain.model import Json
from retain.registry import Action, CustomerField, EventType, JsonSchema, RecordKind
from retain_leads.actions import ASSIGN, CLOSE, REASSIGN

_TEXT: dict[str, Json] = {"type": "string"}


@hookimpl
def register_actions() -> Iterable[Action]:
    """lead.assign, lead.reassign, lead.close."""
    return ASSIGN, REASSIGN, CLOSE


@hookimpl
def register_fields() -> Iterable[CustomerField]:
    """The customer's open lead: where it stands, and who looks after it."""
    return (
        CustomerField(name="lead_owner", schema=_TEXT | {"description": "e-mail address of the lead's owner"}),
        CustomerField(name="lead_state", schema=_TEXT | {"enum": ["open", "queued"]}),
    )


@hookimpl
def register_records() -> Iterable[RecordKind]:
    """Leads, and the turn of each team."""
    lead = _object("team", "territory", "outcome")
    turn = {"type": "object", "properties": {"last": _TEXT, "given": {"type": "object"}, "credit": {"type": "object"}}}
    return (
        RecordKind(name="lead", summary="a lead and its owner", schema=lead, states=("open", "queued", "closed")),
        RecordKind(name="turn", summary="whose turn it is in a team", schema=turn, states=("open",), shared=True),
    )


@hookimpl
def register_event_types() -> Iterable[EventType]:
    """What comes in about leads, and what the actions make."""
    return (
        EventType(name="lead_created", summary="somebody may become a customer", schema=_object("channel", "campaign")),
        EventType(name="lead_contacted", summary="the owner has spoken to the lead", schema=_object("owner", "note")),
        EventType(name="lead_assigned", summary="a lead has an owner", schema=_object("owner!", "team!", "territory")),
        EventType(
            name="lead_reassigned",
            summary="a lead has another owner",
            schema=_object("owner!", "team!", "territory", "previous_owner!"),
        ),
        EventType(name="lead_closed", summary="a lead is won or lost", schema=_object("outcome!", "owner")),
    )


def _object(*names: str) -> JsonSchema:
    """The schema of an object of texts; a name with `!` is required."""
    return {
        "type": "object",
        "properties": {name.rstrip("!"): _TEXT for name in names},
        "required": [name.rstrip("!") for name in names if name.endswith("!")],
    }
