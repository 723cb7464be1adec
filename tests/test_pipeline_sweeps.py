"""Backfills and crons for a segment ask the database whom they concern, and come to what looking at everybody does."""

from __future__ import annotations

from random import Random

import pytest

from decide_help import NOON, engine, plan, runs
from retain.instants import DAY, HOUR, MINUTE
from retain.language.condition import Condition
from retain.pipeline import paging
from retain.pipeline.paging import CustomerPages
from retain.testing.virtual import VirtualEngine

BEFORE = "rules: {other: {when: {event: z}, then: [{stop: ok}]}}"
AFTER = """
segments:
  low: {if: [customer.score < 40]}
rules:
  low: {when: {becomes: [customer.score < 40, customer.activated], backfill: true}, then: [{wait: 30d}]}
  quiet: {when: {becomes: [customer.score >= 40, "days_since(a) >= 2"]}, then: [{wait: 30d}]}
  often: {when: {becomes: ["count(a) >= 2"], backfill: true}, then: [{wait: 30d}]}
  noon:
    when: {schedule: {cron: "0 13 * * *", each: [customer in segment low, exists(a in last 2d)]}}
    then: [{stop: ok}]
  week:
    when: {schedule: {cron: "0 13 * * *", each: ["count(a this week) >= 1"]}}
    then: [{stop: ok}]
"""


def shop(customers: int) -> VirtualEngine:
    """Customers with and without scores, a third of whom have done something."""
    chance = Random(5)
    world = engine(BEFORE)
    for number in range(customers):
        score = {"score": chance.randrange(80)} if chance.random() < 0.8 else {}
        world.identify(f"c{number}", {**score, "activated": chance.random() < 0.5})
    for _ in range(customers):
        world.event(f"c{chance.randrange(customers)}", "a")
    world.move_to(NOON + MINUTE)
    return world


def lived(customers: int = 40) -> tuple[list[tuple[object, ...]], list[tuple[str, int, str]]]:
    """What the rules do in three days after they came, and what is kept of each customer."""
    world = shop(customers)
    world.use(plan(AFTER))
    world.move_to(NOON + 3 * DAY)
    started = sorted((run.rule, run.customer, run.started_at, run.state.value) for run in runs(world))
    kept = [
        (row.key, row.recheck_at or 0, watch)
        for row in world.store.customers(range(1, customers + 1)).values()
        for watch, state in sorted(row.watches.items())
        if state
    ]
    return started, kept


def test_asking_the_database_starts_the_same_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    everybody = lived()
    monkeypatch.setattr(paging, "FEW", 0)
    monkeypatch.setattr(paging, "SPAN", 7)
    assert lived() == everybody
    assert {rule for rule, *_ in everybody[0]} == {"low", "quiet", "often", "noon", "week"}


def test_a_backfill_leaves_alone_whom_it_does_not_concern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "FEW", 0)
    world = shop(30)
    before = {row.id: row.watches for row in world.store.customers(range(1, 31)).values()}
    world.use(plan("rules: {r: {when: {becomes: [customer.score < 3], backfill: true}, then: [{wait: 1d}]}}"))
    world.move_to(NOON + HOUR)
    rows = world.store.customers(range(1, 31)).values()
    assert {row.id for row in rows if row.watches != before[row.id]} == {run.customer for run in runs(world)}
    assert all(row.done for row in world.store.watch_rows())


def test_a_page_ends_at_a_stretch_without_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "FEW", 0)
    monkeypatch.setattr(paging, "SPAN", 10)
    world = shop(25)
    rules = plan("segments: {few: {if: [customer.score < 0]}}\nrules: {r: {when: {event: a}, then: [{stop: ok}]}}")
    condition: Condition = rules.ruleset.segments["few"].condition
    asked = CustomerPages(world.store, condition.nodes, rules.defaults.zone)
    pages = [asked.page(after, 5, NOON) for after in (0, 10, 20)]
    assert [(page.ids, page.reached, page.is_last) for page in pages] == [
        ([], 10, False),
        ([], 20, False),
        ([], 25, True),
    ]
