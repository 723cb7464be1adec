"""After a month in which nothing ran, everything that came due is done once, in the order in which it was due."""

from __future__ import annotations

from dataclasses import replace

import pytest

from decide_help import NOON, engine, plan, runs, said
from retain.instants import DAY
from retain.model import MessageKind
from retain.pipeline import Pipeline
from retain.testing.virtual import VirtualEngine

MONTH = 31 * DAY
TEXT = "then: [{note.write: {text: '%s of {{ customer.score }}'}}]"
WAITS = "\n".join(
    f"  wait-{days}: {{when: {{event: a}}, then: [{{wait: {days}d}}, {{note.write: {{text: "
    f"'waited {days} days of {{{{ customer.score }}}}'}}}}]}}"
    for days in (23, 2, 16, 9)
)
RULES = f"""
rules:
{WAITS}
  mondays:
    when: {{schedule: {{cron: "0 13 * * 1", each: [customer.score is present], if_missed: run_all}}}}
    runs: {{mode: parallel}}
    {TEXT % "monday"}
  wednesdays:
    when: {{schedule: {{cron: "0 13 * * 3", if_missed: run_all}}}}
    runs: {{mode: parallel}}
    then: [{{post.nobody: {{text: wednesday}}}}]
  renewal: {{when: {{schedule: {{date: customer.renews_at, at: "13:00"}}}}, {TEXT % "renewal"}}}
  birthday: {{when: {{schedule: {{yearly: customer.birth_date, at: "09:00"}}}}, {TEXT % "birthday"}}}
  lapsed: {{when: {{becomes: [days_since(a) >= 12]}}, {TEXT % "lapsed"}}}
  quiet: {{when: {{becomes: [not exists(a in last 5d)], for: 2h}}, {TEXT % "quiet"}}}
"""
LATEST = """
rules:
  daily:
    when: {schedule: {cron: "0 13 * * *", each: [customer.score is present]}}
    then: [{note.write: {text: daily}}]
  renewal:
    when: {schedule: {date: customer.renews_at, at: "13:00", within: 1d}}
    then: [{note.write: {text: renewal}}]
  series:
    when: {event: a}
    then: [{wait: 1d}, {note.write: {text: first}}, {wait: 3d}, {note.write: {text: second}}]
"""
PEOPLE = 5


def shop(text: str, batch: int = 50) -> VirtualEngine:
    """Customers of whom something waits in every way there is."""
    world = engine(text, batch=batch)
    for number in range(1, PEOPLE + 1):
        fields = {"score": number, "renews_at": f"2026-01-{18 + number}", "birth_date": f"1990-01-{14 + number}"}
        world.identify(f"c{number}", fields)
        world.event(f"c{number}", "a")
    return world


def start_again(world: VirtualEngine, after: int) -> None:
    """The daemon comes back, and decides what it finds."""
    options = replace(world.pipeline.options, virtual=False)
    world.pipeline = Pipeline(world.store, world.plan, world.now + after, options)
    world.move_to(world.now + after)


def test_a_month_without_a_daemon_is_caught_up_in_the_order_in_which_it_would_have_passed() -> None:
    passed, caught_up = shop(RULES), shop(RULES)
    passed.move_to(NOON + MONTH)
    start_again(caught_up, MONTH)
    assert said(caught_up) == said(passed)
    assert len(said(passed)) == 4 * PEOPLE + 5 * PEOPLE + 5 + 4 * PEOPLE, "waits, mondays, wednesdays, dates and looks"
    assert {run.ended_at for run in runs(caught_up)} == {NOON + MONTH}


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_each_is_done_once_however_many_are_decided_at_a_time(batch: int) -> None:
    passed, caught_up = shop(RULES), shop(RULES, batch)
    passed.move_to(NOON + MONTH)
    start_again(caught_up, MONTH)
    assert sorted(said(caught_up)) == sorted(said(passed))
    start_again(caught_up, DAY)
    passed.move_to(NOON + MONTH + DAY)
    assert sorted(said(caught_up)) == sorted(said(passed))


def test_what_is_missed_is_as_each_rule_says() -> None:
    world = shop(LATEST)
    start_again(world, MONTH)
    assert sorted(said(world)) == ["daily"] * PEOPLE + ["first"] * PEOPLE
    assert {run.started_at for run in runs(world, "daily")} == {NOON + MONTH}
    world.move_to(NOON + MONTH + 3 * DAY)
    assert said(world).count("second") == PEOPLE, "a wait counts from the end of the step before it"


def test_events_that_came_while_nothing_was_decided_are_decided_in_their_place() -> None:
    world = shop(
        "rules: {r: {when: {event: a}, exit_when: [{event: b}], then: [{wait: 20d}, {note.write: {text: x}}]}}"
    )
    for customer, day in (("c1", 10), ("c2", 25)):
        world.now = NOON + day * DAY
        world.store.accept([world.message(customer, MessageKind.TRACK, "b", {})], world.now)
    start_again(world, NOON + MONTH - world.now)
    assert sorted(run.ended_by for run in runs(world)) == ["b", *["done"] * (PEOPLE - 1)]


def test_a_month_passes_over_a_backfill_as_well() -> None:
    world = shop("rules: {other: {when: {event: b}, then: [{wait: 1d}]}}", batch=1)
    world.pipeline.options = replace(world.pipeline.options, virtual=False)
    world.plan = plan(RULES)
    world.pipeline.use(world.plan, world.now)
    start_again(world, MONTH)
    expected = shop(RULES)
    expected.move_to(NOON + MONTH)
    by_event = [text for text in said(expected) if "waited" not in text]
    assert sorted(said(world)) == sorted(by_event)
