"""Whoever only asks whether a condition is true looks again at the very instant at which time makes it another."""

from __future__ import annotations

from random import Random

import pytest

from condition_generator import Conditions
from condition_world import checked, environment, population
from conditions_help import NOON, condition, customer, node
from retain.instants import DAY
from retain.language.change.next_change import compile_next_change
from retain.language.change.turning import next_turn_of
from retain.language.condition import Clause, Condition
from retain.language.scope import Scope
from retain.language.syntax import ast
from retain.model import Instant, Place

PLACE = Place("rules.yaml", 1, 1)
DELAYS = (1, 3, 7, 30, 45, 60, 90)


def next_look(found: Condition, scope: Scope) -> Instant | None:
    return found.next_look(scope, found.first_failing(scope))


def random_conditions(seed: int, number: int) -> list[Condition]:
    random, env, writer = Random(seed), environment(), Conditions(Random(seed + 1))
    found = []
    for _ in range(number):
        texts = [writer.condition() for _ in range(random.choice((1, 1, 2, 3)))]
        clauses = [Clause(f"if[{i}]", text, PLACE, checked(text, env)) for i, text in enumerate(texts)]
        found.append(Condition(tuple(clauses)))
    return [one for one in found if one.needs.uses_time]


def is_never_late(random: Random, found: Condition, scope: Scope, look: Instant | None) -> bool:
    end = scope.now + 400 * DAY if look is None else look
    happened = [at for series in scope.history.series.values() for at in series.at]
    edges = [at + days * DAY + late for at in happened for days in DELAYS for late in (0, 1)]
    near = [at for at in (*edges, scope.now + 1, end - 1, random.randrange(scope.now, end)) if scope.now < at < end]
    now = found.is_true(scope)
    return all(found.is_true(scope.at(at)) is now for at in random.sample(near, min(len(near), 8)))


def compare_looks(seed: int, conditions: int, customers: int) -> int:
    """Hold every look against the truth and against the clauses taken as one and followed part by part."""
    random, people, turns = Random(seed), population(Random(seed + 2), customers), 0
    for found in random_conditions(seed, conditions):
        whole = ast.And(start=0, end=0, parts=found.nodes)
        follow = compile_next_change(whole, found.is_true)
        turns += any(next_turn_of(tree) is not None for tree in found.nodes)
        for scope in people:
            look = next_look(found, scope)
            text = " and ".join(clause.text for clause in found.clauses)
            assert is_never_late(random, found, scope, look), f"{text} at {scope.now}"
            assert look == follow(scope), f"{text} at {scope.now}"
    return turns


def test_a_look_is_never_late_and_the_same_whether_instants_are_tried_or_parts_are_followed() -> None:
    assert compare_looks(21, 100, 12) > 20


@pytest.mark.long
def test_looks_agree_over_500_conditions_and_100_customers() -> None:
    assert compare_looks(22, 500, 100) > 100


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("days_since(order) >= 30", 30 * DAY),
        ("days_since(order) > 30", 30 * DAY + 1),
        ("30 <= days_since(order)", 30 * DAY),
        ("days_since(order) >= 10.1", 872_640_000),
        ("days_since(order) == 12.5", 12 * DAY + DAY // 2),
        ("days_since(order) != 12.5", 12 * DAY + DAY // 2),
        ("not days_since(order) < 30", 30 * DAY),
        ("metrics.recency > 20", 20 * DAY + 1),
        ("days_since(order in last 20d) >= 15", 15 * DAY),
        ("count(order in last 45d) == 0", 45 * DAY + 1),
        ("exists(order between 60d and 20d ago)", 20 * DAY + 1),
        ("days_since(order) >= 2000000", 2_000_000 * DAY),
        ("days_since(order) >= 99999999999", None),
        ("exists(order)", None),
    ],
)
def test_a_look_comes_a_known_time_after_the_event(text: str, expected: Instant | None) -> None:
    ordered = NOON - 10 * DAY
    look = next_look(condition(text), customer({}, ("order", ordered, {"total": 60})))
    assert look == (None if expected is None else ordered + expected)


def test_clauses_are_followed_until_all_of_them_are_true() -> None:
    scope = customer({}, ("order", NOON - 5 * DAY, {}), ("order", NOON - 40 * DAY, {}))
    found = condition("days_since(order) >= 30", "count(order in last 90d) < 2", "count(order in last 60d) < 1")
    assert next_look(found, scope) == NOON - 5 * DAY + 60 * DAY + 1


def test_a_clause_that_only_a_new_event_can_make_true_has_no_look() -> None:
    scope = customer({}, ("order", NOON - 5 * DAY, {}))
    assert next_look(condition("count(order) >= 2", "days_since(order) >= 30"), scope) is None


def test_a_long_history_is_not_tried_event_by_event() -> None:
    events = [("order", NOON - hours * DAY // 24, {"total": 1}) for hours in range(1, 2_000)]
    found = condition("count(order in last 90d) < 3")
    assert next_look(found, customer({}, *events)) == NOON - 3 * DAY // 24 + 90 * DAY + 1


def test_a_comparison_that_comes_out_alike_whatever_its_case_comes_to_has_no_look() -> None:
    text = (
        "case when count(order in last 45d) >= 2 then 2 when exists(order in last 45d) then 1 else 0 end < customer.{}"
    )
    fields = {"points": 0, "ltv": 1.5}
    scope = customer(fields, ("order", NOON - 5 * DAY, {}), ("order", NOON - 40 * DAY, {}))
    assert next_look(condition(text.format("points")), scope) is None
    assert next_look(condition(text.format("balance")), scope) is None
    assert next_look(condition(text.format("ltv")), scope) == NOON + 5 * DAY + 1


def test_what_is_not_so_long_after_an_event_is_left_to_the_general_way() -> None:
    for text in ("exists(order this month)", "known_days() > 3", "days_since(order) > known_days()"):
        assert next_turn_of(node(text)) is None
