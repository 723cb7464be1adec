"""Short ways to write a condition, a customer and what comes of both."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from condition_world import checked, checked_value, environment
from retain.instants import from_datetime
from retain.language.codegen.conditions import compile_value
from retain.language.condition import Clause, Condition
from retain.language.evaluation.interpreter import evaluate
from retain.language.scope import History, Scope
from retain.language.syntax.ast import Node
from retain.model import Fields, Instant, Json, Place

ENVIRONMENT = environment()
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: tzinfo = UTC) -> Instant:
    """`at("2026-03-29 01:30", BERLIN)`."""
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=zone))


NOON = at("2026-11-21 12:00")


def customer(
    fields: Fields | None = None,
    *events: tuple[str, Instant, Fields],
    now: Instant = NOON,
    event: Fields | None = None,
    **rest: Json,
) -> Scope:
    """A customer with some fields and a history of (name, instant, fields)."""
    history = History()
    for name, happened, row in events:
        history.add(name, happened, row)
    given = {"first_seen": at("2026-01-01 00:00"), **rest}
    return Scope(now=now, customer=fields or {}, history=history, event=event or {}, **given)


def node(text: str) -> Node:
    """A condition, checked."""
    return checked(text, ENVIRONMENT)


def value(text: str, scope: Scope) -> Json:
    """What an expression comes to; both evaluators must agree on it."""
    tree = checked_value(text, ENVIRONMENT)
    meant, generated = evaluate(tree, scope), compile_value(tree)(scope)
    assert generated == meant
    assert type(generated) is type(meant) or {type(generated), type(meant)} == {int, float}
    return meant


def condition(*texts: str) -> Condition:
    """Clauses joined by and."""
    place = Place("rules.yaml", 1, 1)
    return Condition(tuple(Clause(f"if[{i}]", text, place, node(text)) for i, text in enumerate(texts)))
