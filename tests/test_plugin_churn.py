"""The health score: what it is made of, and that it never calls a one-time buyer safe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import retain_churn
from retain.instants import DAY, parse_instant
from retain.language.checking.expressions import read_value
from retain.language.environment import Environment
from retain.language.evaluation.interpreter import evaluate
from retain.language.scope import History, Scope
from retain.language.syntax.source import TextSource
from retain.language.types import Schema
from retain.model import Json

NOW = parse_instant("2026-11-21T12:00:00Z") or 0
SAFE, LEAVING = 60, 40
ENV = Environment(
    schema=Schema(events={"order_completed": {}}),
    events=None,
    roots=frozenset({"customer"}),
    steps={},
    segments={},
    metrics={},
    functions={function.name: function for function in retain_churn.register_functions()},
    named={},
    has_start=False,
)


def value(text: str, *days_ago: float) -> Json:
    """What an expression says of somebody who ordered so many days ago."""
    node, problems = read_value(TextSource(text), ENV)
    assert node is not None, problems
    history = History()
    for days in days_ago:
        history.add("order_completed", NOW - round(days * DAY), {})
    return evaluate(node, Scope(now=NOW, customer={}, history=history, first_seen=0))


def health(*days_ago: float) -> float:
    """The score with a cycle of 30 days."""
    return float(value("health(order_completed, 30d)", *days_ago))


@pytest.mark.parametrize(
    ("days_ago", "score", "why"),
    [
        ((), 0, "never ordered"),
        ((1,), 40, "once, lately: recency alone"),
        ((45,), 25, "once, more than a cycle ago"),
        ((75,), 10, "once, more than two cycles ago"),
        ((100,), 0, "once, more than three cycles ago"),
        ((1, 40), 40 + 7.5 + 30, "twice, both lately: rising"),
        ((1, 120), 40 + 7.5 + 20, "one then, one now: steady"),
        ((1, 120, 150), 40 + 15 + 10, "two then, one now: falling"),
        ((80, 90, 100), 10 + 15 + 30, "the order of 90 days ago is still within three cycles"),
        ((80, 91, 100), 10 + 15 + 10, "a day later it is not"),
        ((1, 2, 3, 4, 5, 6, 7), 40 + 30 + 30, "the most there is"),
        ((200, 210, 220, 230, 240), 0 + 30 + 0, "often, but long ago"),
        ((400, 410), 0, "two, more than a year ago"),
    ],
)
def test_the_score_is_the_sum_of_its_three_parts(days_ago: tuple[float, ...], score: float, why: str) -> None:
    assert health(*days_ago) == score, why


days = st.floats(0.001, 1000)


@given(days)
def test_a_one_time_buyer_is_never_safe(day: float) -> None:
    assert health(day) <= 40 < SAFE


@given(st.lists(days, max_size=12))
def test_the_score_lies_between_0_and_100(all_days: list[float]) -> None:
    assert 0 <= health(*all_days) <= 100


@given(st.lists(st.floats(91, 1000), min_size=1, max_size=12))
def test_whoever_has_been_away_for_three_cycles_is_leaving(all_days: list[float]) -> None:
    assert health(*all_days) < LEAVING


@given(st.lists(days, min_size=1, max_size=8), st.floats(0.001, 30))
def test_an_order_never_makes_a_customer_less_healthy(all_days: list[float], day: float) -> None:
    assert health(*all_days, min([*all_days, day])) >= health(*all_days)


@pytest.mark.parametrize(("days_ago", "trend"), [((), 0), ((1,), 1), ((1, 100), 0), ((100, 110, 1), -1), ((200,), 0)])
def test_trend_is_the_difference_of_two_quarters(days_ago: tuple[float, ...], trend: int) -> None:
    assert value("trend(order_completed, 30d)", *days_ago) == trend


def test_the_cycle_is_a_parameter() -> None:
    assert value("health(order_completed, 1w)", 10) == 25
