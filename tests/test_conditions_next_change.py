"""Time alone: the next instant at which a condition can change is never given too late, and seldom in vain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from condition_generator import Conditions
from condition_world import checked, environment, population
from conditions_help import BERLIN, NOON, at, condition, customer, node
from retain.instants import DAY, HOUR
from retain.language.change.next_change import NextChange, compile_next_change
from retain.language.codegen.conditions import compile_value
from retain.language.evaluation.interpreter import evaluate
from retain.language.scope import Scope
from retain.language.syntax.ast import Node
from retain.model import Instant, Json

HORIZON = 400 * DAY
EDGES = (1, 3, 7, 30, 45, 60, 90)


def verdict(tree: Node, scope: Scope, now: Instant) -> Json:
    return evaluate(tree, replace(scope, now=now, metrics={}))


def next_change_of(tree: Node) -> NextChange:
    return compile_next_change(tree, compile_value(tree))


def next_change(tree: Node, scope: Scope) -> Instant | None:
    return next_change_of(tree)(scope)


def probes(random: Random, scope: Scope, end: Instant) -> list[Instant]:
    """Instants before `end` at which a change could hide: edges of windows, midnights, and some at random."""
    found = {scope.now + 1, end - 1, (scope.now + end) // 2, *(random.randrange(scope.now, end) for _ in range(3))}
    for series in scope.history.series.values():
        for happened in series.at[:2]:
            found |= {happened + days * DAY + late for days in EDGES for late in (0, 1)}
    near = [instant for instant in found if scope.now < instant < end]
    return random.sample(near, min(8, len(near)))


def looks(tree: Node, scope: Scope, most: int, next_change: NextChange) -> Iterator[tuple[Instant | None, bool]]:
    """Follow a condition through time with no new fact: each look, and whether something had changed."""
    now = verdict(tree, scope, scope.now)
    for _ in range(most):
        following = next_change(scope)
        if following is None:
            return
        then = verdict(tree, scope, following)
        yield following, then is not now
        scope, now = replace(scope, now=following, metrics={}), then


def too_late(random: Random, tree: Node, scope: Scope, next_change: NextChange) -> list[Instant]:
    """The probes at which the condition has already changed, though no look was announced."""
    following = next_change(scope)
    assert following is None or following > scope.now
    end = scope.now + HORIZON if following is None else following
    now = verdict(tree, scope, scope.now)
    return [probe for probe in probes(random, scope, end) if verdict(tree, scope, probe) is not now]


def never_late(seed: int, conditions: int, customers: int) -> tuple[int, int]:
    """Try random conditions on random customers; how many looks there were, and how many saw a change."""
    random, env, writer = Random(seed), environment(), Conditions(Random(seed + 1))
    people = population(Random(seed + 2), customers)
    looked = changed = 0
    for _ in range(conditions):
        text = writer.condition()
        tree = checked(text, env)
        following = next_change_of(tree)
        for scope in people:
            assert too_late(random, tree, scope, following) == [], f"{text} at {scope.now}"
        for scope in people[:10]:
            found = list(looks(tree, scope, 5, following))
            looked += len(found)
            changed += sum(real for _, real in found)
    return looked, changed


def test_a_look_is_never_late_and_seldom_in_vain() -> None:
    looked, changed = never_late(1, 80, 15)
    assert changed > 50
    assert looked <= 10 * changed


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_a_look_is_never_late_over_four_times_100_conditions_and_300_customers(part: int) -> None:
    looked, changed = never_late(10 * (part + 1), 100, 300)
    print(f"{looked} looks for {changed} changes: {looked / changed:.2f} looks a change")
    assert looked <= 10 * changed


def test_what_time_cannot_change_is_never_looked_at_again() -> None:
    env, writer = environment(), Conditions(Random(3), timeless=True)
    people = population(Random(4), 10)
    for _ in range(60):
        following = next_change_of(checked(writer.condition(), env))
        assert [following(scope) for scope in people] == [None] * len(people)


ORDERED = ("order", NOON - 10 * DAY, {"total": 60, "channel": "web"})
EARLIER = ("order", NOON - 25 * DAY, {"total": 30, "channel": "app"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("count(order in last 30d) >= 2", EARLIER[1] + 30 * DAY + 1),
        ("count(order in last 30d) >= 1", ORDERED[1] + 30 * DAY + 1),
        ("exists(order between 60d and 20d ago)", ORDERED[1] + 60 * DAY + 1),
        ("count(order between 60d and 20d ago) == 2", ORDERED[1] + 20 * DAY + 1),
        ("sum(order.total in last 30d) > 50", ORDERED[1] + 30 * DAY + 1),
        ("sum(order.total where channel == 'app' in last 30d) > 0", EARLIER[1] + 30 * DAY + 1),
        ("exists(order this month)", at("2026-12-01 00:00", BERLIN)),
        ("exists(order this year)", at("2027-01-01 00:00", BERLIN)),
        ("exists(order in last 14 calendar days)", at("2026-11-25 00:00", BERLIN)),
        ("exists(order since 2026-11-01)", None),
        ("exists(order)", None),
        ("days_since(order) > 30", ORDERED[1] + 30 * DAY + 1),
        ("days_since(order) >= 30", ORDERED[1] + 30 * DAY),
        ("days_since(order) < 5", None),
        ("days_since(order in last 12d) > 1", ORDERED[1] + 12 * DAY + 1),
        ("days_since(order) * 2 + 1 >= 41", ORDERED[1] + 20 * DAY),
        ("2 * days_since(order) >= known_days() - 300", NOON + 4 * DAY + 12 * HOUR),
        ("days_since(order) > days_until(customer.renews_at)", at("2026-12-07 00:00") + 1),
        ("days_until(customer.renews_at) <= 30", at("2026-12-02 12:00")),
        ("known_days() >= 365", at("2027-01-01 00:00")),
        ("age(customer.birth_date) >= 31", at("2027-02-28 00:00", BERLIN)),
        ("age(customer.birth_date) == 90", at("2086-02-28 00:00", BERLIN)),
        ("age(customer.birth_date) > event.total", at("2041-02-28 00:00", BERLIN)),
        ("customer.sizes contains round(days_since(order))", ORDERED[1] + 37 * DAY + 12 * HOUR),
        ("count(order in last 30d) / known_days() < 0.002", ORDERED[1] + 30 * DAY + 1),
        ("metrics.recency > 20", ORDERED[1] + 20 * DAY + 1),
        ("customer in segment quiet", ORDERED[1] + 30 * DAY + 1),
        ("case when days_since(order) < 14 then 1 else 2 end == 2", ORDERED[1] + 14 * DAY),
        ("days_since(order) > 30 and customer.country == 'FR'", None),
        ("days_since(order) > 30 or customer.country == 'DE'", None),
        ("ratio(email_opened, email_sent in last 30d) < 0.5", None),
    ],
)
def test_the_next_look_is_at_the_very_millisecond_of_the_change(text: str, expected: Instant | None) -> None:
    fields = {
        "country": "DE",
        "birth_date": "1996-02-29",
        "renews_at": "2027-01-01T12:00:00Z",
        "consent": True,
        "sizes": [38],
    }
    scope = customer(fields, EARLIER, ORDERED, zone=BERLIN, event={"total": 44.5})
    assert next_change(node(text), scope) == expected
    if expected is not None:
        tree = node(text)
        assert verdict(tree, scope, expected - 1) is verdict(tree, scope, NOON)
        assert verdict(tree, scope, expected) is not verdict(tree, scope, NOON)


def test_a_window_of_many_events_is_looked_at_once_not_once_for_each() -> None:
    events = [("order", NOON - days * DAY, {"total": 1}) for days in range(1, 80)]
    scope = customer({}, *events)
    tree = node("count(order in last 90d) >= 3")
    assert next_change(tree, scope) == NOON - 3 * DAY + 90 * DAY + 1


def test_two_times_that_move_alike_are_left_alone() -> None:
    scope = customer({}, ("order", NOON - 30 * DAY, {}), ("email_sent", NOON - 60 * DAY, {}))
    assert next_change(node("days_since(order) < days_since(email_sent)"), scope) is None


def test_a_curve_is_followed_to_the_very_millisecond() -> None:
    scope = customer({}, ("order", NOON - 10 * DAY, {}), ("email_sent", NOON - 20 * DAY, {}))
    tree = node("days_since(order) * days_since(email_sent) >= 600")
    assert next_change(tree, scope) == NOON + 10 * DAY
    assert len(list(looks(tree, scope, 20, next_change_of(tree)))) == 1


def test_a_night_of_23_hours_ends_at_its_own_midnight() -> None:
    now = at("2026-03-28 13:00", BERLIN)
    scope = customer({}, ("order", now - HOUR, {}), now=now, zone=BERLIN)
    assert next_change(node("exists(order this day)"), scope) == at("2026-03-29 00:00", BERLIN)
    late = replace(scope, now=at("2026-03-29 12:00", BERLIN), metrics={})
    assert next_change(node("exists(order in last 2 calendar days)"), late) == at("2026-03-30 00:00", BERLIN)


def test_a_condition_asks_the_first_clause_that_time_turns() -> None:
    scope = customer({"country": "DE"}, ORDERED)
    whole = condition("customer.country == 'DE'", "days_since(order) > 20", "known_days() > 400")
    assert whole.next_change(scope) == at("2027-02-05 00:00") + 1
    assert condition("customer.country == 'DE'").next_change(scope) is None
