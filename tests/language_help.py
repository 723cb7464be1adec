"""A small shop's schema and the surroundings in which test texts are checked."""

from __future__ import annotations

from dataclasses import replace

from retain.language.checking.expressions import read_condition, read_value
from retain.language.environment import ALL_ROOTS, Environment
from retain.language.syntax.ast import Node
from retain.language.syntax.source import TextSource
from retain.language.types import Schema, Type
from retain.model import Problem
from retain.registry import Function

TEXT = Type("text", nullable=True)
MONEY = Type("money", nullable=True, scale=100)
TAGS = Type("text_set")

SCHEMA = Schema(
    customer={
        "email": TEXT,
        "country": Type("text", nullable=True, enum=("DE", "AT", "CH")),
        "plan": Type("text"),
        "age": Type("int", nullable=True),
        "score": Type("number", nullable=True),
        "ltv": MONEY,
        "vip": Type("bool", nullable=True),
        "tags": TAGS,
        "sizes": Type("number_set"),
        "created_at": Type("instant"),
        "birth_date": Type("date", nullable=True),
        "address": Type("opaque", nullable=True),
        "address.city": TEXT,
    },
    events={
        "order_completed": {
            "order_id": TEXT,
            "total": Type("money", scale=100),
            "currency": TEXT,
            "channel": TEXT,
            "quantity": Type("int"),
            "weight": Type("number", nullable=True),
            "products": Type("opaque", nullable=True),
            "products.category": TAGS,
        },
        "cart_updated": {"cart_id": Type("text"), "total": MONEY, "note": TEXT, "gift": Type("bool", nullable=True)},
        "cart_emptied": {"cart_id": Type("text"), "note": Type("int")},
        "email_sent": {},
        "email_opened": {"campaign": TEXT},
    },
)

FUNCTIONS = {
    function.name: function
    for function in (
        Function(
            name="orders", summary="", parameters={"span": "duration"}, body="count(order_completed in last span)"
        ),
        Function(name="more_than", summary="", parameters={"limit": "number"}, body="event.total > limit"),
        Function(name="broken", summary="", parameters={}, body="customer.nothing > 1", plugin="bad"),
        Function(name="unreadable", summary="", parameters={}, body="1 +", plugin="bad"),
        Function(name="again", summary="", parameters={}, body="again() + 1"),
        Function(
            name="level",
            summary="",
            parameters={"programme": "name"},
            body=lambda args, named: (
                "case when customer.ltv >= "
                + str(named["tiers"][args["programme"]]["gold"])
                + " then 'gold' else 'none' end"
            ),
        ),
    )
}


def _checked(text: str, env: Environment, *, condition: bool = True) -> Node:
    node, problems = (read_condition if condition else read_value)(TextSource(text), env)
    assert node is not None, [problem.render() for problem in problems]
    return node


_BASE = Environment(schema=SCHEMA)
RULE = replace(
    _BASE,
    events=("cart_updated",),
    steps={"coupon": {"code": TEXT, "percent": Type("int")}},
    segments={
        "vip": _checked("customer.ltv > 1000", _BASE),
        "known": _checked("customer.plan == 'pro'", _BASE),
        "buyers": _checked("exists(order_completed)", _BASE),
    },
    metrics={"spend": _checked("sum(order_completed.total where currency == 'EUR')", _BASE, condition=False)},
    functions=FUNCTIONS,
    named={"tiers": {"main": {"gold": 100}}},
)

SETTINGS = {
    "rule": RULE,
    "run": replace(RULE, has_start=True),
    "segment": replace(RULE, events=None, roots=frozenset({"customer", "metrics"})),
    "two events": replace(RULE, events=("cart_updated", "cart_emptied")),
    "event or schedule": replace(RULE, events=("cart_updated", "")),
    "no customer": replace(RULE, events=None, roots=ALL_ROOTS - {"customer", "event"}),
}


def problems_of(text: str, setting: str = "rule", *, value: bool = False) -> list[Problem]:
    """All that is reported about a text."""
    read = read_value if value else read_condition
    return read(TextSource(text), SETTINGS[setting])[1]


def checked(text: str, setting: str = "rule", *, value: bool = False) -> Node:
    """The checked tree of a text without errors."""
    return _checked(text, SETTINGS[setting], condition=not value)
