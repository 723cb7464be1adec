"""What cannot be decided is put aside alone, with its reason; everything and everybody else goes on."""

from __future__ import annotations

import pytest

from decide_help import NOON, done, engine, plan, runs, said
from retain.instants import DAY, HOUR
from retain.model import MessageKind, RunState
from retain.testing.virtual import Answer, VirtualEngine

CRASH = """
rules:
  crash: {when: {event: a}, then: [{crash.now: {}}]}
  say: {when: {event: b}, runs: {mode: parallel}, then: [{note.write: {text: "{{ event.k }}"}}]}
"""


def poisoned(text: str, *customers: str, **given: object) -> VirtualEngine:
    """An engine whose action `crash.now` raises for these customers."""
    world = engine(text, **given)  # type: ignore[arg-type]
    for customer in customers:
        world.identify(customer, {"poison": True})
    return world


def failures(world: VirtualEngine) -> list[str]:
    """The reasons of the decisions that failed."""
    return [row.why for row in world.decisions() if row.outcome == "failed"]


@pytest.mark.parametrize("batch", [1, 3, 50])
def test_c3_a_poison_event_is_quarantined_and_the_customers_later_events_are_decided(batch: int) -> None:
    world = poisoned(CRASH, "c1", batch=batch)
    world.send(
        world.message("c1", MessageKind.TRACK, "b", {"k": "before"}),
        world.message("c1", MessageKind.TRACK, "a", {}),
        world.message("c1", MessageKind.TRACK, "b", {"k": "after"}),
        world.message("c2", MessageKind.TRACK, "a", {}),
        world.message("c2", MessageKind.TRACK, "b", {"k": "other"}),
    )
    assert said(world) == ["before", "after", "other"]
    (failed,) = world.store.failed_events()
    assert (failed.event.name, failed.reason) == ("a", "RuntimeError: a fault of the plugin")
    assert not world.store.has_undecided()


def test_c3_nothing_of_a_quarantined_event_stays() -> None:
    world = poisoned("rules: {r: {when: {event: a}, then: [{turn.take: {}}, {crash.now: {}}]}}", "c1")
    world.event("c1", "a")
    assert (runs(world), done(world), world.store.list_records("turn")) == ([], [], [])
    world.event("c2", "a")
    assert world.fields_of("c2")["turn"] == 1


def test_c3_a_quarantined_event_is_no_history() -> None:
    world = poisoned(CRASH + "  second: {when: {event: b}, if: [exists(a)], then: [{note.write: {text: no}}]}", "c1")
    world.event("c1", "a")
    world.event("c1", "b", {"k": "yes"})
    assert said(world) == ["yes"]


def test_c3_a_retried_event_is_decided_at_the_end_of_the_order() -> None:
    world = poisoned(CRASH.replace("[{crash.now: {}}]", "[{crash.now: {}}, {note.write: {text: mended}}]"), "c1")
    world.event("c1", "a")
    world.event("c1", "b", {"k": "later"})
    world.identify("c1", {"poison": None})
    world.store.retry_failed([failed.event.seq for failed in world.store.failed_events()], world.now)
    world.move_to(world.now)
    assert said(world) == ["later", "mended"]
    assert world.store.failed_events() == []


@pytest.mark.parametrize("batch", [1, 50])
def test_a_timer_that_cannot_be_decided_holds_its_run_and_no_other(batch: int) -> None:
    text = "rules: {r: {when: {event: a}, then: [{wait: 1h}, {crash.now: {}}, {note.write: {text: hi}}]}}"
    world = poisoned(text, "c1", batch=batch)
    for customer in ("c1", "c2"):
        world.event(customer, "a")
    world.move_to(NOON + DAY)
    held, other = runs(world)
    assert {held.state, other.state} == {RunState.HELD, RunState.ENDED}
    assert said(world) == ["hi"]
    assert failures(world) == ["RuntimeError: a fault of the plugin"]


def test_a_delayed_effect_after_which_nothing_can_be_decided_holds_its_run() -> None:
    text = "rules: {r: {when: {event: a}, then: [{post.it: {text: hi}}, {crash.now: {}}]}}"
    world = poisoned(text, "c1", answers={"post.it": [Answer(status="retry")]})
    world.event("c1", "a")
    world.move_to(NOON + HOUR)
    assert [run.state for run in runs(world)] == [RunState.HELD]


def test_a_result_after_which_nothing_can_be_decided_is_kept_and_its_run_is_held() -> None:
    text = "rules: {r: {when: {event: a}, then: [{post.it: {text: hi}}, {crash.now: {}}]}}"
    world = poisoned(text, "c1", answers={"post.it": [Answer(status="later")]})
    world.event("c1", "a")
    world.answer("post.it", Answer(output={"id": "p7"}))
    (effect,) = world.store.list_effects()
    assert (effect.state, effect.output) == ("done", {"id": "p7"})
    assert [run.state for run in runs(world)] == [RunState.HELD]


def test_a_look_that_cannot_be_decided_is_recorded_and_stops_nobody_else() -> None:
    text = "rules: {r: {when: {becomes: [days_since(a) >= 1]}, then: [{crash.now: {}}, {note.write: {text: hi}}]}}"
    world = poisoned(text, "c1")
    for customer in ("c1", "c2"):
        world.event(customer, "a")
    world.move_to(NOON + 3 * DAY)
    assert said(world) == ["hi"]
    assert failures(world) == ["RuntimeError: a fault of the plugin"]


@pytest.mark.parametrize("batch", [1, 2, 50])
def test_a_cron_passes_over_a_member_for_whom_it_cannot_be_decided(batch: int) -> None:
    text = """
    rules:
      r:
        when: {schedule: {cron: "0 13 * * *", each: [known_days() >= 0]}}
        then: [{crash.now: {}}, {note.write: {text: hi}}]
    """
    world = poisoned(text, "c2", batch=batch)
    for customer in ("c1", "c3", "c4"):
        world.event(customer, "a")
    world.move_to(NOON + 2 * HOUR)
    assert said(world) == ["hi"] * 3
    assert failures(world) == ["RuntimeError: a fault of the plugin"]
    world.move_to(NOON + DAY + 2 * HOUR)
    assert said(world) == ["hi"] * 6


@pytest.mark.parametrize("batch", [1, 2, 50])
def test_a_backfill_passes_over_a_customer_for_whom_it_cannot_be_decided(batch: int) -> None:
    world = poisoned("rules: {other: {when: {event: a}, then: [{wait: 1d}]}}", "c2", batch=batch)
    for customer in ("c1", "c2", "c3"):
        world.identify(customer, {"score": 30})
    text = """
    rules:
      r: {when: {becomes: [customer.score < 40], backfill: true}, then: [{crash.now: {}}, {note.write: {text: hi}}]}
    """
    world.use(plan(text))
    assert said(world) == ["hi"] * 2
    assert failures(world) == ["RuntimeError: a fault of the plugin"]
