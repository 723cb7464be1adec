"""Taking in many customers, deciding about them, and the backfill of a new rule keep nothing of each in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from decide_help import NOON, plan
from retain.instants import DAY, HOUR
from retain.language.plan import Plan
from retain.model import Message
from retain.pipeline import Options, Pipeline
from retain.store.store import Store
from store_help import identify, message

BEFORE = """
rules:
  high: {when: {becomes: [customer.score >= 40]}, then: [{stop: ok}]}
  lapsed: {when: {becomes: [days_since(a) >= 30]}, then: [{stop: ok}]}
"""
AFTER = """
rules:
  low: {when: {becomes: [customer.score < 40]}, then: [{stop: ok}]}
  first: {when: {becomes: [customer.score == 0], backfill: true}, then: [{stop: ok}]}
  seldom: {when: {becomes: ["count(a in last 90d) < 2"]}, then: [{stop: ok}]}
"""
CHUNK, BATCH, SCORES = 1_000, 200, 80


def history(numbers: range) -> list[Message]:
    """What an import has of these customers: their fields, and of every tenth an event."""
    made = []
    for number in numbers:
        at = NOON - 40 * DAY + number % 1_000 * HOUR // 2
        fields = {"score": number % SCORES, "email": f"u{number}@example.test"}
        past = {"user_id": f"u{number}", "at": at, "historical": True}
        made.append(identify(id=f"i{number}", fields=fields, **past))
        if number % 10 == 0:
            made.append(message("a", id=f"a{number}", **past))
    return made


def accepted(store: Store, customers: int) -> Iterator[int]:
    """Take in everybody; after each chunk how many blocks of memory Python has given out."""
    for start in range(0, customers, CHUNK):
        store.accept(history(range(start, min(start + CHUNK, customers))), NOON)
        yield sys.getallocatedblocks()


def decided(store: Store, rules: Plan) -> Iterator[int]:
    """Decide all that is to be done; after each step how many blocks of memory Python has given out."""
    pipeline = Pipeline(store, rules, NOON, Options(batch=BATCH))
    while pipeline.step(NOON).more:
        yield sys.getallocatedblocks()


def growth(blocks: list[int], customers: int) -> float:
    """How many blocks more are in use for each customer, in the last quarter against the second.

    The median is taken, because what is kept up to a bound fills and empties.
    """
    quarter = len(blocks) // 4
    return (median(blocks[-quarter:]) - median(blocks[quarter : 2 * quarter])) / (customers / 2)


@pytest.mark.long
def test_memory_does_not_grow_with_customers(tmp_path: Path) -> None:
    customers = 200_000  # so that what is kept up to a bound is full before the second quarter begins
    with Store.open(tmp_path / "retain.db") as store:
        taking_in = list(accepted(store, customers))
        deciding = list(decided(store, plan(BEFORE)))
        looking = list(decided(store, plan(AFTER)))
        assert (store.counts().customers, store.counts().undecided) == (customers, 0)
        assert all(row.done for row in store.watch_rows() if row.rule)
        assert len(store.list_runs(limit=customers)) == customers / SCORES, "who is true already, if a rule says so"
    assert len(looking) >= customers / BATCH
    assert growth(deciding, customers) < 0.1
    assert growth(looking, customers) < 0.1
    assert growth(taking_in, customers) < 0.1
