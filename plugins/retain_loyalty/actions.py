"""The three store actions: set the tier, earn points, take points back. Points are events, the balance is their sum."""

from __future__ import annotations

from fractions import Fraction
from math import floor

from retain.errors import PermanentError
from retain.model import Fields, Json, NewEvent
from retain.registry import Action, Example, StoreChanges
from retain.store_view import StoreView
from retain_loyalty.programmes import read_programme

_TEXT: dict[str, Json] = {"type": "string", "minLength": 1}
_AMOUNT: dict[str, Json] = {"type": "number", "minimum": 0}


def set_tier(view: StoreView, inputs: Fields) -> StoreChanges:
    """Set the customer's tier; the event says which way it went. The tier that the customer has changes nothing."""
    name = inputs["programme"]
    written = view.tier(name)
    if written is None:
        raise PermanentError(f"no loyalty programme is called {name!r}", cure="write it under `tiers` in a rule file")
    programme, before, after = read_programme(name, written), view.customer.get("tier"), inputs.get("tier")
    if after is not None:
        programme.level(after)
    direction = "up" if programme.rank(after) > programme.rank(before) else "down"
    told = {"from": before, "to": after, "direction": direction}
    shown = {key: value for key, value in told.items() if value is not None}
    if before == after:
        return StoreChanges(output={"changed": False})
    return StoreChanges(
        output={"changed": True, **shown},
        fields={"tier": after},
        events=(NewEvent(name="tier_changed", fields={"programme": name, **shown}),),
    )


def earn(view: StoreView, inputs: Fields) -> StoreChanges:
    """Credit points; none at all makes no event."""
    points = floor(inputs["points"])
    if points == 0:
        return StoreChanges(output={"points": 0})
    told = {name: inputs[name] for name in ("reason", "order_id") if inputs.get(name)}
    return StoreChanges(
        output={"points": points}, events=(NewEvent(name="points_earned", fields={"points": points, **told}),)
    )


def reverse(view: StoreView, inputs: Fields) -> StoreChanges:
    """Take back what an order earned, in proportion to what was refunded of it so far, never more than is left."""
    points = points_to_reverse(
        earned=floor(inputs["earned"]),
        reversed_before=floor(inputs.get("reversed", 0)),
        refunded=inputs.get("refunded"),
        total=inputs.get("total"),
    )
    if points == 0:
        return StoreChanges(output={"points": 0})
    told = {name: inputs[name] for name in ("reason", "order_id") if inputs.get(name)}
    return StoreChanges(
        output={"points": points}, events=(NewEvent(name="points_reversed", fields={"points": points, **told}),)
    )


def points_to_reverse(*, earned: int, reversed_before: int, refunded: float | None, total: float | None) -> int:
    """How many points a refund takes back.

    Args:
        earned: points of the order.
        reversed_before: points of the order that were taken back already.
        refunded: amount refunded of the order so far, this refund included; None is the whole order.
        total: amount of the order; None or 0 makes every refund a whole one.
    """
    if refunded is None or not total or refunded >= total:
        due = earned
    else:
        due = floor(earned * Fraction(str(refunded)) / Fraction(str(total)))
    return max(0, min(due, earned) - reversed_before)


SET_TIER = Action(
    name="loyalty.set_tier",
    summary="Set the customer's tier in a loyalty programme.",
    inputs={
        "type": "object",
        "properties": {
            "programme": _TEXT | {"description": "a programme under `tiers` in the rule files"},
            "tier": _TEXT | {"description": "the name of one of its levels; left out, the customer has no tier"},
        },
        "required": ["programme"],
        "additionalProperties": False,
    },
    output={
        "type": "object",
        "properties": {
            "changed": {"type": "boolean"},
            "from": {"type": "string"},
            "to": {"type": "string"},
            "direction": {"enum": ["up", "down"]},
        },
        "required": ["changed"],
    },
    example=Example(
        inputs={"programme": "club", "tier": "gold"},
        output={"changed": True, "from": "silver", "to": "gold", "direction": "up"},
    ),
    apply=set_tier,
)
EARN = Action(
    name="loyalty.earn",
    summary="Credit points to the customer.",
    inputs={
        "type": "object",
        "properties": {
            "points": _AMOUNT | {"description": "how many; a fraction is cut off"},
            "reason": _TEXT | {"description": "a word for people"},
            "order_id": _TEXT | {"description": "the order that earned them"},
        },
        "required": ["points"],
        "additionalProperties": False,
    },
    output={"type": "object", "properties": {"points": {"type": "integer"}}, "required": ["points"]},
    example=Example(inputs={"points": 49, "reason": "order", "order_id": "o-17"}, output={"points": 49}),
    apply=earn,
)
REVERSE = Action(
    name="loyalty.reverse",
    summary="Take back the points of an order, in proportion to what was refunded of it.",
    inputs={
        "type": "object",
        "properties": {
            "order_id": _TEXT | {"description": "the order"},
            "earned": _AMOUNT | {"description": "points that the order earned"},
            "reversed": _AMOUNT | {"description": "points of it that were taken back before"},
            "refunded": _AMOUNT | {"description": "amount refunded of it so far; left out, the whole order"},
            "total": _AMOUNT | {"description": "amount of the order; left out, every refund is of the whole order"},
            "reason": _TEXT | {"description": "a word for people"},
        },
        "required": ["order_id", "earned"],
        "additionalProperties": False,
    },
    output={"type": "object", "properties": {"points": {"type": "integer"}}, "required": ["points"]},
    example=Example(
        inputs={"order_id": "o-17", "earned": 49, "reversed": 0, "refunded": 20, "total": 49.9}, output={"points": 19}
    ),
    apply=reverse,
)
