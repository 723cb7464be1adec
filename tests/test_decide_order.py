"""status, trigger, lateness, key, if, already exited, at_most, mode, holdout, breaker, start: always in this order."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from decide_help import NOON, engine, outcomes, plan, runs
from retain.app.reports.outcomes import outcomes_of
from retain.instants import DAY, HOUR
from retain.model import Json
from retain.testing.virtual import VirtualEngine

ORDER = ("off", "trigger", "late", "key_missing", "if", "already_exited", "at_most", "running", "parked")
REFUSING: dict[str, dict[str, Json]] = {
    "off": {"status": "off"},
    "trigger": {"when": {"event": "a", "if": ["event.n > 1"]}},
    "late": {},
    "key_missing": {"runs": {"per": "event.k"}},
    "if": {"if": ["customer.score > 50"]},
    "already_exited": {"exit_when": [{"becomes": ["customer.activated"]}]},
    "at_most": {"runs": {"at_most": "1 per 7d"}},
    "running": {"runs": {"mode": "single"}},
    "parked": {"breaker": "1 per 1d"},
}


def rule(*refusals: str) -> str:
    """A rule on `a` that refuses for exactly these reasons, once `happen` has prepared for them."""
    found: dict[str, Json] = {"when": {"event": "a"}, "runs": {"mode": "parallel"}}
    found["then"] = [{"note.write": {"text": "hi"}}, {"post.it": {"text": "hi"}}, {"wait": "30d"}]
    for refusal in refusals:
        part = REFUSING[refusal]
        found |= {**part, "runs": found["runs"] | part.get("runs", {})}
    return f"rules: {{r: {found}}}"


def refused(*refusals: str) -> str:
    """The outcome of an event that a rule refuses for several reasons at once."""
    world = engine(rule(*[name for name in refusals if name in ("at_most", "running", "parked", "key_missing")]))
    history = {"at_most", "running", "parked"} & set(refusals)
    if history:
        world.event("c1", "a", {"k": "k1", "n": 2})
        assert outcomes(world, "r") == {"started": 1}
    world.tally.clear()
    if "already_exited" in refusals:
        world.identify("c1", {"activated": True})
    world.use(plan(rule(*refusals)))
    fields = {"n": 0 if "trigger" in refusals else 2, "k": None if "key_missing" in refusals else "k1"}
    world.event("c1", "a", fields, occurred_at=NOON - 2 * DAY if "late" in refusals else None)
    (outcome,) = outcomes(world, "r")
    return outcome


@pytest.mark.parametrize("name", ORDER)
def test_each_reason_alone_refuses(name: str) -> None:
    assert refused(name) == name


@pytest.mark.parametrize(("first", "second"), list(pairwise(ORDER)))
def test_of_two_reasons_the_earlier_check_is_named(first: str, second: str) -> None:
    assert refused(first, second) == first


def test_of_all_reasons_the_first_check_is_named() -> None:
    for place in range(len(ORDER) - 1):
        assert refused(*ORDER[place:]) == ORDER[place]


def test_the_holdout_is_drawn_before_the_breaker_so_that_it_never_counts_against_it() -> None:
    text = """
    rules: {r: {when: {event: a}, holdout: 100%, breaker: 1 per 1d, then: [{wait: 1d}]}}
    """
    world = engine(text)
    for customer in ("c1", "c2", "c3"):
        world.event(customer, "a")
    assert [run.arm for run in runs(world)] == ["holdout"] * 3
    assert outcomes(world, "r") == {"started": 3}


def test_the_mode_is_looked_at_before_the_breaker_so_that_a_full_queue_parks_nothing() -> None:
    text = "rules: {r: {when: {event: a}, runs: {mode: queue}, breaker: 1 per 1d, then: [{wait: 1d}]}}"
    world = engine(text, max_queue=1)
    for _ in range(3):
        world.event("c1", "a")
    assert outcomes(world, "r") == {"started": 1, "queued": 1, "queue_full": 1}


def _queue(world: VirtualEngine) -> None:
    for _ in range(3):
        world.event("c1", "a")


def _twice_planned(world: VirtualEngine) -> None:
    world.identify("c1", {"birth_date": "1990-01-06", "timezone": "Asia/Tokyo"})
    world.move_to(NOON + DAY)
    world.use(plan(BIRTHDAY.replace("yearly", "timezone: customer.home_zone, yearly")))
    world.identify("c1", {"home_zone": "America/Los_Angeles"})
    world.move_to(NOON + 2 * DAY)


def _backfilled(world: VirtualEngine) -> None:
    world.identify("c1", {"score": 30})
    world.use(plan("rules: {r: {when: {becomes: [customer.score < 40]}, then: [{wait: 1d}]}}"))


BIRTHDAY = """
rules:
  r:
    when: {schedule: {yearly: customer.birth_date, at: "09:00"}}
    runs: {mode: parallel}
    then: [{wait: 30d}]
"""
REACHED: dict[str, tuple[str, Callable[[VirtualEngine], None]]] = {
    "queued": ("rules: {r: {when: {event: a}, runs: {mode: queue}, then: [{wait: 1d}]}}", _queue),
    "queue_full": ("rules: {r: {when: {event: a}, runs: {mode: queue}, then: [{wait: 1d}]}}", _queue),
    "repeated": (BIRTHDAY, _twice_planned),
    "backfill": ("rules: {other: {when: {event: a}, then: [{wait: 1d}]}}", _backfilled),
}


@pytest.mark.parametrize("name", REACHED)
def test_every_other_outcome_is_reached_too(name: str) -> None:
    text, happen = REACHED[name]
    world = engine(text, max_queue=1)
    happen(world)
    assert outcomes(world, "r").get(name) == 1


def test_two_triggers_of_one_event_are_noted_in_the_events_summary() -> None:
    text = (
        "rules: {r: {when: [{event: order_completed}, {becomes: [count(order_completed) >= 1]}], then: [{wait: 1d}]}}"
    )
    world = engine(text)
    world.event("c1", "order_completed", {"order_id": "o1"})
    assert summary_of(world, 1) == ["started", "other_trigger"]
    assert len(runs(world)) == 1


def summary_of(world: VirtualEngine, seq: int) -> list[str]:
    """The outcomes in the packed summary of an event."""
    found = world.store.summary_of(seq)
    assert found is not None
    return [outcome.value for _, outcome, _ in outcomes_of(world.store, found)]


def test_a_refusal_before_the_conditions_hold_stands_in_the_summary_alone() -> None:
    text = "rules: {r: {when: {event: a}, if: [event.n > 1, event.n > 2], then: [{wait: 1d}]}}"
    world = engine(text)
    world.event("c1", "a", {"n": 2})
    found = world.store.summary_of(1)
    assert found is not None
    assert [(outcome, clause) for _, outcome, clause in outcomes_of(world.store, found)] == [("if", 1)]
    assert world.decisions() == []


def test_a_refusal_after_the_conditions_held_has_a_row_with_its_place() -> None:
    text = "rules: {r: {when: {event: a}, runs: {at_most: 1 per 7d}, then: [{post.it: {text: hi}}]}}"
    world = engine(text)
    world.event("c1", "a")
    world.move_to(NOON + HOUR)
    world.event("c1", "a")
    (row,) = [row for row in world.decisions() if row.kind == "refusal"]
    assert (row.rule, row.outcome, row.path, row.at) == ("r", "at_most", "runs.at_most", NOON + HOUR)
