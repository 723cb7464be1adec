"""A condition as the rest of the engine uses it: its identity, its needs, and the code that runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from condition_world import checked, checked_value, environment
from conditions_help import ENVIRONMENT, NOON, condition, customer, node
from retain.instants import DAY
from retain.language.codegen.conditions import compile_lookups, compile_test, source_of
from retain.language.condition import Expression, needs_of
from retain.language.evaluation.interpreter import evaluate
from retain.model import Json, Place


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("customer.ltv>3 and  customer.consent", "customer.ltv > 3 AND customer.consent"),
        ("customer.ltv = 3", "customer.ltv == 3"),
        ("count('Order' in last 7d)>1", "count(order in last 168h) > 1"),
        ("customer.country in [DE]", "customer.country in ['DE']"),
        ("event.total >= 20", "event.total >= 20.00"),
    ],
)
def test_spelling_is_no_part_of_a_conditions_identity(text: str, other: str) -> None:
    assert condition(text).key == condition(other).key


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("customer.ltv > 3", "customer.ltv > 4"),
        ("customer.ltv > 3", "customer.points > 3"),
        ("customer.country == 'DE'", "customer.country != 'DE'"),
        ("count(order in last 7d) > 1", "count(order in last 8d) > 1"),
        (
            "customer.consent and (event.gift or customer.ltv > 1)",
            "(customer.consent and event.gift) or customer.ltv > 1",
        ),
    ],
)
def test_meaning_is(text: str, other: str) -> None:
    assert condition(text).key != condition(other).key


def test_a_conditions_identity_follows_its_segments_and_metrics() -> None:
    edited = replace(ENVIRONMENT, segments={"german": node("customer.country == 'AT'")})
    place = Place("rules.yaml", 1, 1)
    text = "customer in segment german"
    now, then = Expression(text, node(text), place), Expression(text, checked(text, edited), place)
    assert now.key != then.key
    assert now.key == Expression("renamed", checked(text, environment()), Place("other.yaml", 9, 9)).key


def test_needs_name_every_fact_also_behind_names() -> None:
    needs = needs_of(node("customer in segment rich and event.total > spent(30d) and customer.address.city changed"))
    assert needs.customer == {"ltv", "address.city"}
    assert needs.event_fields == {"total"}
    assert needs.events == {"order": 90 * DAY}
    assert needs.uses_time


@pytest.mark.parametrize(
    ("window", "days"),
    [
        ("in last 36h", 1.5),
        ("between 60d and 30d ago", 60),
        ("since 2026-01-01", None),
        ("since start", None),
        ("", None),
    ],
)
def test_needs_say_how_far_back_history_is_read(window: str, days: float | None) -> None:
    assert needs_of(node(f"exists(order {window})")).events == {"order": None if days is None else days * DAY}


@pytest.mark.parametrize("unit", ["day", "week", "month", "quarter", "year"])
def test_needs_of_calendar_words_are_generous(unit: str) -> None:
    reach = needs_of(node(f"exists(order this {unit})")).events["order"]
    assert reach is not None
    assert reach >= {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}[unit] * DAY + DAY


def test_the_first_clause_that_fails_is_named_also_where_it_is_unknown() -> None:
    whole = condition("event.total > 1", "customer.consent", "customer.ltv > 1")
    assert whole.first_failing(customer({"consent": True, "ltv": 2}, event={"total": 2})) == -1
    assert whole.first_failing(customer({"ltv": 2}, event={"total": 2})) == 1
    assert whole.verdict(customer({"ltv": 2}, event={"total": 2})) is None
    assert whole.can_be_unknown
    assert not condition("count(order) > 3").can_be_unknown


def test_a_metric_is_computed_once_and_not_taken_for_another_of_the_same_name() -> None:
    scope = customer({}, ("order", NOON - DAY, {"total": 60}))
    edited = replace(ENVIRONMENT, metrics={"spend": checked_value("sum(order.total) * 2", ENVIRONMENT)})
    now, then = node("metrics.spend == 60"), checked("metrics.spend == 120", edited)
    for tree in (now, then, now):
        assert compile_test(tree)(scope)
        assert evaluate(tree, scope) is True
    assert list(scope.metrics) == ["spend"]


@pytest.mark.parametrize(
    ("text", "internal", "outward"),
    [
        ("sum(order.total)", 6050, 60.5),
        ("sum(order.total) - 0.5", 6000, 60),
        ("last_at(order)", NOON - DAY, "2026-11-20T12:00:00Z"),
        ("customer.birth_date", 0, "1970-01-01"),
        ("customer.tags", frozenset({"a", "b"}), ["a", "b"]),
        ("customer.renews_at", None, None),
        ("customer.profile", {"deep": [1]}, {"deep": [1]}),
    ],
)
def test_a_value_leaves_the_language_as_json(text: str, internal: Json, outward: Json) -> None:
    fields = {"birth_date": "1970-01-01", "tags": ["b", "a"], "profile": {"deep": [1]}}
    scope = customer(fields, ("order", NOON - DAY, {"total": 60.5}))
    expression = Expression(text, checked_value(text, ENVIRONMENT), Place("rules.yaml", 1, 1))
    assert expression.value(scope) == internal
    assert expression.json(scope) == outward


def test_deep_and_wide_conditions_compile() -> None:
    deep = "customer.consent"
    for _ in range(7):
        deep = f"not (case when {deep} then (customer.ltv > 1) else customer.consent end)"
    wide = " or ".join(f"customer.points == {number}" for number in range(120))
    scope = customer({"consent": True, "ltv": 0.5, "points": 119})
    for text in (deep, wide):
        assert compile_test(node(text))(scope) is (evaluate(node(text), scope) is True)


def test_any_number_of_values_is_looked_up_at_once() -> None:
    items = checked_value("event.items", environment())
    tables = [{None: 0, 3: 1 << place} for place in range(4_000)]
    looked_up = compile_lookups([(items, False)] * 4_000, tables, 1 << 4_000)
    assert looked_up(customer(event={"items": 3})) == (1 << 4_001) - 1
    assert looked_up(customer()) == 1 << 4_000


def test_texts_of_people_reach_the_generated_code_only_as_constants() -> None:
    nasty = "x' or __import__('os') or '\\n"
    tree = node(f'customer.email == "{nasty}" or customer.address.city starts with "{nasty}"')
    assert repr(nasty) in source_of(tree)
    assert compile_test(tree)(customer({"email": nasty}))
    assert compile_test(tree).__globals__["__builtins__"] == {}  # type: ignore[attr-defined]


def test_rows_kept_as_bytes_are_decoded_when_a_field_of_them_is_looked_at() -> None:
    scope = customer()
    decoded: list[bytes] = []
    scope.history._decode = lambda raw: decoded.append(raw) or {"total": 5}  # type: ignore[func-returns-value]
    scope.history.add("order", NOON - DAY, b"{}")
    assert compile_test(node("count(order in last 2d) == 1"))(scope)
    assert decoded == []
    assert compile_test(node("sum(order.total) == 5"))(scope)
    assert decoded == [b"{}"]


def test_an_aggregate_that_stands_in_a_condition_twice_is_computed_once() -> None:
    tree = node("spent(30d) > 300 or spent(30d) < customer.ltv or sum(order.total) > 9")
    assert source_of(tree).count("def f") == 2
    scope = customer({"ltv": 6}, ("order", NOON - DAY, {"total": 5}))
    assert compile_test(tree)(scope) is (evaluate(tree, scope) is True) is True
