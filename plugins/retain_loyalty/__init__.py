"""Loyalty: tiers by qualifying spend, and points as a ledger of events.

A programme is written once, under `tiers`: its levels and what qualifies. `tier_for(programme)` and
`level_for(programme)` say what the spend reaches now, `level(programme)` what the customer has, so a rule upgrades when
the first is above the second and downgrades when it has stayed below. The tier stands in the customer field `tier`: one
programme moves it.

Points are never stored as a number that could drift: `points_earned` and `points_reversed` are events, and
`points_balance()` is the difference of their sums.
"""

from __future__ import annotations

from collections.abc import Iterable

from retain.hookspecs import hookimpl
from retain.model import Json
from retain.registry import Action, CustomerField, EventType, Function, JsonSchema
from retain_loyalty.actions import EARN, REVERSE, SET_TIER
from retain_loyalty.programmes import grace, level, level_for, spend, tier_for

_TEXT: dict[str, Json] = {"type": "string"}
_PROGRAMME = {"programme": "name"}


@hookimpl
def register_actions() -> Iterable[Action]:
    """loyalty.set_tier, loyalty.earn, loyalty.reverse."""
    return SET_TIER, EARN, REVERSE


@hookimpl
def register_fields() -> Iterable[CustomerField]:
    """The customer's tier."""
    return (CustomerField(name="tier", schema=_TEXT | {"description": "level in the loyalty programme"}),)


@hookimpl
def register_functions() -> Iterable[Function]:
    """What a programme says about the customer."""
    return (
        Function(name="spend", summary="Spend that qualifies in a programme.", parameters=_PROGRAMME, body=spend),
        Function(
            name="tier_for", summary="Tier that the qualifying spend reaches.", parameters=_PROGRAMME, body=tier_for
        ),
        Function(
            name="level_for",
            summary="How high the tier is that the qualifying spend reaches; 0 is the lowest.",
            parameters=_PROGRAMME,
            body=level_for,
        ),
        Function(
            name="level",
            summary="How high the customer's present tier is; 0 is the lowest or none.",
            parameters=_PROGRAMME,
            body=level,
        ),
        Function(
            name="grace",
            summary="How long a tier is kept once the spend has fallen below it.",
            parameters=_PROGRAMME,
            body=grace,
        ),
        Function(
            name="points_balance",
            summary="Points earned less points taken back.",
            parameters={},
            body="sum(points_earned.points) - sum(points_reversed.points)",
        ),
    )


@hookimpl
def register_event_types() -> Iterable[EventType]:
    """The ledger of points, and changes of tier."""
    points = {"points": {"type": "integer", "minimum": 0}, "reason": _TEXT, "order_id": _TEXT}
    moved = {"programme": _TEXT, "from": _TEXT, "to": _TEXT, "direction": {"enum": ["up", "down"]}}
    return (
        EventType(name="points_earned", summary="points were credited", schema=_object(points, "points")),
        EventType(name="points_reversed", summary="points were taken back", schema=_object(points, "points")),
        EventType(name="tier_changed", summary="the tier is another", schema=_object(moved, "programme", "direction")),
    )


def _object(properties: JsonSchema, *required: str) -> JsonSchema:
    return {"type": "object", "properties": properties, "required": list(required)}
