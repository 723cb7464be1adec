"""The figures of docs/reference/conditions.md and docs/explanation/missing-values.md are what Retain computes."""

from __future__ import annotations

import re
from datetime import UTC

import pytest

from docs_help import registry, schema, tables, text_of
from moments import at, shown
from retain.instants import HOUR
from retain.language.checking.expressions import read_condition
from retain.language.checking.functions import HISTORY, SCALAR
from retain.language.condition import Clause, Condition
from retain.language.environment import Environment
from retain.language.scope import History, Scope
from retain.language.syntax.source import TextSource
from retain.model import Place

PAGE = "docs/reference/conditions.md"
NEXT = [row for table in tables(PAGE) if table.note == "next change" for row in table.rows]


def condition(text: str) -> Condition:
    env = Environment(schema=schema(), functions=registry().functions, events=("order_completed",))
    node, problems = read_condition(TextSource(text), env)
    assert node is not None, [problem.render() for problem in problems]
    return Condition((Clause("if[0]", text, Place(PAGE, 1, 1), node),))


def scope_of(facts: str, now: int) -> Scope:
    """`orders 2026-05-01 80.00, 2026-05-10; country DE` as a customer's facts."""
    history, fields, seen = History(), {}, now
    for fact in facts.split("; "):
        name, _, said = fact.partition(" ")
        if name == "orders":
            for order in said.split(", "):
                day, _, total = order.partition(" ")
                happened = at(day, UTC) + 12 * HOUR
                seen = min(seen, happened)
                history.add("order_completed", happened, {"total": float(total)} if total else {})
        elif name != "nothing":
            fields[name] = said
    return Scope(now=now, customer=fields, history=history, first_seen=seen, zone=UTC)


@pytest.mark.parametrize(("text", "facts", "now", "expected"), NEXT)
def test_next_change(text: str, facts: str, now: str, expected: str) -> None:
    scope = scope_of(facts, at(now, UTC))
    found = condition(text).next_change(scope)
    assert _shown(found) == expected
    if found is not None:
        then = scope_of(facts, found)
        assert condition(text).verdict(then) is not condition(text).verdict(scope)


def _shown(found: int | None) -> str:
    if found is None:
        return "never"
    late = found % 1000
    return shown(found - late, UTC)[:16].replace("T", " ") + (f", {late} ms later" if late else "")


def test_every_built_in_function_is_explained() -> None:
    page = text_of(PAGE)
    missing = [name for name in (*HISTORY, *SCALAR, *registry().functions) if f"`{name}(" not in page]
    assert missing == []


def test_every_function_over_history_has_a_line_about_its_next_change() -> None:
    section = text_of(PAGE).split("## When time alone")[1]
    missing = [name for name in (*HISTORY, *SCALAR) if not re.search(rf"\b{name}\b", section)]
    assert missing == []


MISSING = "docs/explanation/missing-values.md"
LOGIC, NOTHING = (table.rows for table in tables(MISSING))
WORDS = {"true": True, "false": False, "unknown": None}
WRITTEN = {"true": "customer.email is missing", "false": "customer.email is present", "unknown": "customer.age > 18"}


@pytest.mark.parametrize(("a", "b", "both", "either", "negated"), LOGIC)
def test_logic_of_three_values(a: str, b: str, both: str, either: str, negated: str) -> None:
    first, second = WRITTEN[a], WRITTEN[b]
    assert verdict_of_nobody(f"({first}) and ({second})") is WORDS[both]
    assert verdict_of_nobody(f"({first}) or ({second})") is WORDS[either]
    assert verdict_of_nobody(f"not ({first})") is WORDS[negated]


@pytest.mark.parametrize(("text", "expected"), NOTHING)
def test_what_comes_of_missing_values(text: str, expected: str) -> None:
    assert verdict_of_nobody(text) is WORDS[expected]


def verdict_of_nobody(text: str) -> bool | None:
    """What a condition says about a customer without any field or event."""
    return condition(text).verdict(scope_of("nothing", at("2026-05-20", UTC)))
