"""Starts that were parked by a breaker or a pause: released or dropped by a person, never lost."""

from __future__ import annotations

import pytest

from decide_help import NOON, ends, engine, runs, said
from retain.decide.facts import Facts, Moment
from retain.decide.operations import release_parked, stop_run
from retain.instants import DAY, HOUR
from retain.model import Run, RunState
from retain.pipeline.operating import with_runs
from retain.store.rows import Batch, PauseRow
from retain.testing.virtual import VirtualEngine

RULE = """
rules:
  r: {when: {event: a}, MORE breaker: 1 per 1d, then: [{note.write: {text: "{{ event.k }}"}}, {wait: 1h}]}
"""


def parked(more: str = "", customers: int = 3) -> VirtualEngine:
    """An engine in which all starts but the first of this many customers are parked."""
    world = engine(RULE.replace("MORE", more))
    for number in range(customers):
        world.event(f"c{number}", "a", {"k": f"k{number}"})
    return world


def release(world: VirtualEngine) -> list[str]:
    """Resume the rule and release its parked runs, as `retain rules resume --release` does."""
    said: list[str] = []
    moment = Moment.of_timer(world.now)

    def act(facts: Facts, run: Run) -> None:
        said.append(release_parked(facts, run, moment))

    world.store.commit(Batch(pauses=[PauseRow("rule", "r", False, "", "ada", world.now)]))
    world.pipeline.reset_breakers(["r"], world.now)
    waiting = [run.id for run in runs(world) if run.state is RunState.PARKED]
    with_runs(world.pipeline, waiting, world.now, act)
    world.move_to(world.now)
    return said


def test_b24_released_runs_start_in_the_order_in_which_they_were_parked() -> None:
    world = parked()
    assert said(world) == ["k0"]
    world.move_to(NOON + HOUR)
    assert release(world) == ["started", "started"]
    assert said(world) == ["k0", "k1", "k2"]
    world.event("c9", "a", {"k": "k9"})
    assert said(world)[-1] == "k9", "the breaker counts anew"


def test_b24_what_was_parked_too_long_is_dropped_and_listed() -> None:
    world = parked()
    world.move_to(NOON + DAY + HOUR)
    assert release(world) == ["late", "late"]
    assert sorted(ends(world)) == ["done", "late", "late"]


def test_b24_exits_are_looked_at_again_before_a_release() -> None:
    world = parked("exit_when: {becomes: [customer.activated]},")
    world.identify("c1", {"activated": True})
    assert sorted(release(world)) == ["started"]
    assert sorted(ends(world)) == ["", "", "becomes"]


def test_b24_of_parked_restarts_of_one_key_the_newest_is_released() -> None:
    world = parked("runs: {mode: restart},", customers=1)
    for number in (1, 2):
        world.event("c0", "a", {"k": f"k{number}"})
    assert release(world) == ["restart", "started"]
    assert ends(world) == ["restart", "restart", ""]


def test_a_pause_by_hand_parks_starts_too() -> None:
    world = engine(RULE.replace("MORE", "").replace("breaker: 1 per 1d,", ""))
    world.store.commit(Batch(pauses=[PauseRow("rule", "r", True, "holidays", "ada", NOON)]))
    world.pipeline.refresh()
    world.event("c0", "a", {"k": "k0"})
    assert world.tally["r", "parked"] == 1
    release(world)
    assert said(world) == ["k0"]


def test_a_run_is_stopped_by_hand_once() -> None:
    world = engine("rules: {r: {when: {event: a}, runs: {mode: queue}, then: [{note.write: {text: hi}}, {wait: 1d}]}}")
    for _ in range(2):
        world.event("c1", "a")
    stopped: list[bool] = []
    for _ in range(2):
        with_runs(
            world.pipeline,
            [runs(world)[0].id],
            world.now,
            lambda facts, run: stopped.append(stop_run(facts, run, "stopped", Moment.of_timer(world.now))),
        )
    assert stopped == [True, False]
    assert (ends(world), said(world)) == (["stopped", ""], ["hi", "hi"])


def test_a_release_that_fails_leaves_nothing_of_itself_for_what_is_written_next() -> None:
    world = engine("rules: {r: {when: {event: a}, breaker: 1 per 1d, then: [{turn.take: {}}]}}")
    for number in range(3):
        world.event(f"c{number}", "a")
    turns = world.store.list_records("turn")
    waiting = [run.id for run in runs(world) if run.state is RunState.PARKED]

    def act(facts: Facts, run: Run) -> None:
        release_parked(facts, run, Moment.of_timer(world.now))
        raise ZeroDivisionError

    world.store.commit(Batch(pauses=[PauseRow("rule", "r", False, "", "ada", world.now)]))
    world.pipeline.reset_breakers(["r"], world.now)
    with pytest.raises(ZeroDivisionError):
        with_runs(world.pipeline, waiting, world.now, act)
    world.event("c9", "b")
    assert world.store.list_records("turn") == turns
