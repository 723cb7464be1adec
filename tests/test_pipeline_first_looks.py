"""What is true when a `becomes` comes is noted, what turns later starts: wherever its backfill stands just then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from decide_help import NOON, engine, plan, said
from retain.instants import DAY, HOUR, MINUTE
from retain.model import Instant, Message, MessageKind
from retain.pipeline import paging
from retain.testing.virtual import VirtualEngine

OTHER = "rules: {other: {when: {event: z}, then: [{wait: 1d}]}}"
LOW = "rules: {r: {when: {becomes: [customer.score < 40]}, then: [{note.write: {text: low}}]}}"
TWICE = "rules: {r: {when: {becomes: [count(a) >= 2]}, then: [{note.write: {text: twice}}]}}"
NEVER_B = "rules: {r: {when: {becomes: [not exists(b in last 1d)]}, then: [{note.write: {text: no b}}]}}"
LAPSED = "rules: {r: {when: {becomes: [days_since(a) >= 1]}, then: [{note.write: {text: lapsed}}]}}"
DATED = """
rules:
  r: {when: {schedule: {date: customer.renews_at, at: '13:00'}}, then: [{note.write: {text: renew}}]}
"""
PEOPLE = 6


def live(batch: int, start: Instant = NOON) -> VirtualEngine:
    """An engine that decides at the present instant, as the daemon does: events come between chunks of a backfill."""
    world = engine(OTHER, start=start, batch=batch)
    world.pipeline.options = replace(world.pipeline.options, virtual=False)
    return world


def deploy(world: VirtualEngine, text: str) -> None:
    """The rules come; nothing is decided by them yet."""
    world.plan = plan(text)
    world.pipeline.use(world.plan, world.now)


def scores(world: VirtualEngine, value: int) -> list[Message]:
    """Messages that give everybody a score, the last customer first, because a backfill begins with the first one."""
    return [
        world.message(f"c{number}", MessageKind.IDENTIFY, "customer_updated", {"score": value})
        for number in reversed(range(PEOPLE))
    ]


@pytest.fixture(params=[1, 2, 50], ids="batch_{}".format)
def world(request: pytest.FixtureRequest) -> VirtualEngine:
    """A live engine with chunks and batches of one size."""
    found = live(request.param)
    for number in range(PEOPLE):
        found.event(f"c{number}", "z")
    return found


def test_an_event_during_a_backfill_is_an_edge_wherever_the_backfill_stands(world: VirtualEngine) -> None:
    world.send(*scores(world, 50))
    deploy(world, LOW)
    world.send(*scores(world, 30))
    assert said(world) == ["low"] * PEOPLE


def test_an_event_during_a_backfill_starts_nothing_where_it_was_true_already(world: VirtualEngine) -> None:
    world.send(*scores(world, 30))
    deploy(world, LOW)
    world.send(*scores(world, 20))
    assert said(world) == []


def test_what_turned_false_and_true_again_during_a_backfill_starts_once(world: VirtualEngine) -> None:
    world.send(*scores(world, 30))
    deploy(world, LOW)
    world.send(*scores(world, 60), *scores(world, 10))
    assert said(world) == ["low"] * PEOPLE


@pytest.mark.parametrize("few", [1_000, 0], ids=["everybody_is_looked_at", "the_database_is_asked"])
def test_of_events_in_the_millisecond_in_which_a_rule_came_those_count_as_before_that_were_decided_before(
    world: VirtualEngine, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(paging, "FEW", few)
    for customer in ("before", "before", "between"):
        world.event(customer, "a")
    deploy(world, TWICE)
    world.event("between", "a")
    assert world.now == NOON
    world.move_to(NOON + DAY)
    assert said(world) == ["twice"]
    (start,) = [row for row in world.decisions("r") if row.kind == "start"]
    assert start.at == NOON


def test_who_becomes_a_customer_during_a_backfill_starts_as_every_new_customer_does(world: VirtualEngine) -> None:
    deploy(world, NEVER_B)
    world.event("new", "a")
    assert said(world) == ["no b"]


@pytest.mark.parametrize(("text", "word"), [(LAPSED, "lapsed"), (DATED, "renew")], ids=["becomes", "a_date"])
@pytest.mark.parametrize("pause", [2 * MINUTE, 30 * DAY], ids=["minutes", "a_month"])
def test_what_time_turns_before_a_backfill_comes_to_a_customer_is_not_lost(text: str, word: str, pause: int) -> None:
    world = live(batch=1, start=NOON + HOUR - DAY)
    for number in range(PEOPLE):
        world.identify(f"c{number}", {"renews_at": "2026-01-05"})
        world.event(f"c{number}", "a")
    world.now = NOON + HOUR - MINUTE
    deploy(world, text)
    world.pipeline.step(world.now)  # comes to one customer; then the daemon stops
    assert [row.position for row in world.store.watch_rows() if not row.done] == [1]
    world.now += pause
    deploy(world, text)
    world.move_to(world.now)
    assert said(world) == [word] * PEOPLE


def test_looks_during_a_backfill_leave_nothing_behind_once_it_is_done(world: VirtualEngine) -> None:
    world.send(*scores(world, 50))
    deploy(world, LOW)
    world.send(*scores(world, 60))
    assert all(row.done for row in world.store.watch_rows())
    assert [row.watches for row in world.store.customers(range(1, PEOPLE + 1)).values()] == [{}] * PEOPLE


def test_looks_at_whom_a_backfill_has_passed_leave_nothing_behind_either(world: VirtualEngine) -> None:
    world.send(*scores(world, 50))
    deploy(world, LOW)
    changes = [world.message("c0", MessageKind.IDENTIFY, "customer_updated", {"score": value}) for value in (30, 60)]
    world.send(*changes)
    assert said(world) == ["low"]
    assert all(row.done for row in world.store.watch_rows())
    assert [row.watches for row in world.store.customers(range(1, PEOPLE + 1)).values()] == [{}] * PEOPLE


def test_an_edit_that_is_taken_back_does_not_start_what_turned_while_it_was_in_force(world: VirtualEngine) -> None:
    deploy(world, LAPSED)
    world.send(*scores(world, 1))
    deploy(world, OTHER)
    for number in range(PEOPLE):
        world.event(f"c{number}", "a")
    world.move_to(NOON + 2 * DAY)
    deploy(world, LAPSED)
    world.move_to(NOON + 3 * DAY)
    assert said(world) == []
