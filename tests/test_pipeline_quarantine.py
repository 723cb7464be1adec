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


FIRST = """
rules:
  crash: {when: {event: a}, if: [event.k == 'bad'], then: [{crash.always: {}}]}
  created: {when: {event: customer_created}, then: [{note.write: {text: created}}]}
  quiet: {when: {becomes: [count(b) == 0]}, then: [{note.write: {text: no b}}]}
  seen: {when: {becomes: [count(b) >= 1]}, then: [{note.write: {text: b}}]}
  dated: {when: {schedule: {date: customer.renews_at, at: "13:00"}}, then: [{note.write: {text: renewed}}]}
"""


def first_is_quarantined(batch: int) -> VirtualEngine:
    """A customer whose first event could not be decided, and who has been heard of since."""
    world = engine(FIRST, batch=batch)
    world.event("c1", "a", {"k": "bad"})
    assert [failed.event.name for failed in world.store.failed_events()] == ["a"]
    world.identify("c1", {"renews_at": "2026-01-06"})
    world.event("c1", "b")
    assert said(world) == ["b"]
    return world


@pytest.mark.parametrize("batch", [1, 50])
def test_a_customer_whose_first_event_is_retried_comes_into_being_then(batch: int) -> None:
    world = first_is_quarantined(batch)
    world.use(plan(FIRST.replace("crash.always", "post.it").replace("{}}]}\n  created", "{text: hi}}]}\n  created")))
    world.store.retry_failed([failed.event.seq for failed in world.store.failed_events()], world.now)
    world.move_to(NOON + 2 * DAY)
    assert said(world) == ["b", "hi", "created", "renewed"]


@pytest.mark.parametrize("batch", [1, 50])
def test_a_customer_whose_first_event_is_dropped_comes_into_being_without_it(batch: int) -> None:
    world = first_is_quarantined(batch)
    world.store.drop_failed([failed.event.seq for failed in world.store.failed_events()], world.now)
    world.move_to(NOON + 2 * DAY)
    assert said(world) == ["b", "created", "renewed"]
    assert world.store.failed_events() == []


def test_looks_that_a_dropped_first_event_would_have_caused_are_made() -> None:
    world = engine(FIRST)
    world.event("c1", "a", {"k": "bad"})
    world.store.drop_failed([failed.event.seq for failed in world.store.failed_events()], world.now)
    world.move_to(NOON + DAY)
    assert said(world) == ["no b", "created"]


def test_a_dropped_event_is_not_accepted_a_second_time_and_is_no_history() -> None:
    world = engine(FIRST + "  after: {when: {event: b}, if: [exists(a)], then: [{note.write: {text: a before}}]}")
    message = world.message("c1", MessageKind.TRACK, "a", {"k": "bad"})
    world.send(message)
    world.store.drop_failed([failed.event.seq for failed in world.store.failed_events()], world.now)
    (again,) = world.store.accept([message], world.now)
    world.event("c1", "b")
    assert again.duplicate
    assert "a before" not in said(world)


def test_two_customers_whom_a_dropped_event_joined_are_one() -> None:
    world = engine("rules: {crash: {when: {event: customer_updated}, if: [customer.poison], then: [{crash.now: {}}]}}")
    world.event("anonymous:n1", "a")
    world.event("c1", "b")
    joins = world.message("c1", MessageKind.IDENTIFY, "customer_updated", {"poison": True})
    world.send(joins._replace(anonymous_id="n1"))
    assert len(world.store.failed_events()) == 1
    world.store.drop_failed([failed.event.seq for failed in world.store.failed_events()], world.now)
    world.move_to(NOON + HOUR)
    visitor = world.store.find_customer("anonymous:n1")
    assert visitor is not None
    assert (visitor.key, world.fields_of("c1")) == ("user:c1", {})
    assert [row.merged_into for row in world.store.customers([1, 2]).values()] == [2, None]


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
    world.move_to(NOON + DAY)
    assert said(world) == ["hi"]
    assert failures(world) == ["RuntimeError: a fault of the plugin"]


LOOKS = """
rules:
  one: {when: {becomes: [days_since(a) >= 1]}, then: [{note.write: {text: one}}]}
  two: {when: {becomes: [days_since(a) >= 1]}, then: [{crash.now: {}}, {note.write: {text: two}}]}
  three: {when: {becomes: [days_since(a) >= 1]}, then: [{note.write: {text: three}}]}
  four: {when: {becomes: [days_since(a) >= 2]}, then: [{note.write: {text: four}}]}
  five: {when: {schedule: {date: customer.renews_at, at: "13:00"}}, then: [{note.write: {text: five}}]}
"""


@pytest.mark.parametrize("batch", [1, 50])
def test_a_look_that_cannot_be_decided_keeps_no_other_look_of_its_customer_waiting(batch: int) -> None:
    world = poisoned(LOOKS, "c1", batch=batch)
    world.event("c1", "a")
    world.identify("c1", {"renews_at": "2026-01-06"})
    world.move_to(NOON + DAY + HOUR - 1)
    assert said(world) == ["one", "three"]
    world.move_to(NOON + 3 * DAY)
    assert said(world) == ["one", "three", "five", "four"]
    failed = [row for row in world.decisions("two") if row.outcome == "failed"]
    assert {(row.kind, row.path, row.why) for row in failed} == {
        ("look", "when[0]", "RuntimeError: a fault of the plugin")
    }


@pytest.mark.parametrize("batch", [1, 50])
def test_a_look_that_could_not_be_decided_is_tried_again_ever_more_rarely(batch: int) -> None:
    world = poisoned(LOOKS, "c1", batch=batch)
    world.event("c1", "a")
    world.move_to(NOON + 4 * DAY)
    hours = [(row.at - NOON - DAY) / HOUR for row in world.decisions("two") if row.outcome == "failed"]
    assert hours == [0, 1, 3, 7, 15, 31, 55]


def test_an_edge_that_could_not_be_decided_is_not_lost_and_keeps_its_instant() -> None:
    world = poisoned(LOOKS, "c1")
    world.event("c1", "a")
    world.move_to(NOON + DAY + HOUR // 2)
    world.identify("c1", {"poison": None})
    world.move_to(NOON + DAY + HOUR)
    assert said(world) == ["one", "three", "two"]
    assert [run.context["trigger"]["planned_at"] for run in runs(world, "two")] == [NOON + DAY]


@pytest.mark.parametrize("batch", [1, 50])
def test_a_planned_start_that_cannot_be_decided_is_tried_again_with_its_own_instant(batch: int) -> None:
    text = """
    rules:
      r:
        when: {schedule: {date: customer.renews_at, at: "13:00"}}
        then: [{crash.now: {}}, {note.write: {text: "{{ trigger.planned_at }}"}}]
      s: {when: {event: b}, then: [{set: {poison: false}}]}
    """
    world = poisoned(text, "c1", batch=batch)
    world.identify("c1", {"renews_at": "2026-01-05"})
    world.move_to(NOON + HOUR)
    assert failures(world) == ["RuntimeError: a fault of the plugin"]
    world.event("c1", "b")
    world.move_to(NOON + 3 * HOUR)
    assert [(run.rule, run.context["trigger"]["planned_at"]) for run in runs(world) if run.rule == "r"] == [
        ("r", NOON + HOUR)
    ]


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
