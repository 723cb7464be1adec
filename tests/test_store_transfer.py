"""A store moves between SQLite and PostgreSQL, in either direction, and nothing differs afterwards."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from decide_help import NOON, plan
from decide_worlds import answer, tables
from postgres_help import database
from retain.errors import StoreBusyError, StoreError
from retain.instants import DAY, MINUTE
from retain.language.plan import Plan
from retain.model import Message, MessageKind
from retain.pipeline import Options, Pipeline
from retain.store.store import Store
from retain.store.transfer import copy_store, hashes
from store_help import T0, message

RULES = """
policies: {email: {unknown: allow}}
rules:
  r:
    when: {event: a}
    runs: {mode: parallel}
    then: [{set: {score: 3}}, {wait: 1h}, {post.it: {text: "ä€"}}, {emit: x}]
  s: {when: {becomes: ["count(a in last 7d) >= 2"]}, then: [{email.send: {template: t}}]}
  t: {when: {event: x}, if: ["customer.score > 1"], then: [{turn.take: {}}, {wait: 2d}, {note.write: {text: late}}]}
"""


def messages(count: int, seed: int, start: int) -> list[Message]:
    """Events of forty people, some of whom turn out to be one."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        at = start + number * MINUTE
        user = chance.randrange(40)
        who = {"user_id": f"u{user}"} if chance.random() < 0.7 else {"anonymous_id": f"v{user}"}
        if chance.random() < 0.05:
            who = {"user_id": f"u{user}", "anonymous_id": f"v{user}"}
            found.append(message("", kind=MessageKind.IDENTIFY, at=at, id=f"{seed}-{number}", **who))
        else:
            found.append(message(chance.choice("aaab"), at=at, id=f"{seed}-{number}", fields={"k": "ß"}, **who))
    return found


def decide(store: Store, rules: Plan, sent: list[Message]) -> None:
    """Everything that follows from these messages within a day."""
    pipeline = Pipeline(store, rules, sent[0].received_at - 1, Options(batch=50, virtual=True, respond=answer))
    store.accept(sent, sent[-1].received_at)
    while pipeline.step(sent[-1].received_at + DAY).more:
        pass


def rows(store: Store) -> dict[str, Counter[object]]:
    """Everything that is stored, but for what is the database's own."""
    own = ("partitions", "workers")
    found = {name: Counter(map(_plain, given)) for name, given in tables(store).items() if name not in own}
    found["counters"] = Counter(row for row in found["counters"] if row[0] not in ("watermark", "merges", "records"))
    return found


def _plain(row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)


@pytest.mark.parametrize("start", ["sqlite", "postgresql"])
def test_a_copy_is_equal_and_decides_a_thousand_further_events_alike(start, tmp_path):
    rules = plan(RULES)
    with database() as url, database(empty=True) as other:
        here, there = (url, tmp_path / "copy.db") if start == "postgresql" else (tmp_path / "first.db", other)
        with Store.open(here) as store:
            decide(store, rules, messages(300, 1, NOON))
        copied = copy_store(here, there)
        assert sum(table.rows for table in copied if table.name == "events") > 300
        with Store.open(here) as first, Store.open(there) as second:
            assert hashes(first) == hashes(second) == copied
            for store in (first, second):
                decide(store, rules, messages(1000, 2, NOON + 2 * DAY))
            assert rows(first) == rows(second)
            assert first.counts() == second.counts()


def test_a_copy_of_a_copy_is_the_first_again(tmp_path):
    with database(empty=True) as url:
        with Store.open(tmp_path / "first.db") as store:
            store.accept([message(at=T0), message(user_id="2"), message(anonymous_id="x")], T0)
        sent = copy_store(tmp_path / "first.db", url)
        assert copy_store(url, tmp_path / "second.db") == sent
        with Store.open(tmp_path / "second.db") as store:
            assert [event.seq for event in store.undecided(10)] == [1, 2, 3]


def test_a_copy_needs_a_source_at_rest_and_an_empty_target(tmp_path):
    with Store.open(tmp_path / "first.db") as store:
        store.accept([message()], T0)
        with pytest.raises(StoreBusyError, match="a daemon has the store open"):
            copy_store(tmp_path / "first.db", tmp_path / "second.db")
    copy_store(tmp_path / "first.db", tmp_path / "second.db")
    with pytest.raises(StoreError, match="has rows in events already"):
        copy_store(tmp_path / "first.db", tmp_path / "second.db")
    with database() as url, Store.open(url), pytest.raises(StoreBusyError, match="a daemon has the store open"):
        copy_store(url, tmp_path / "third.db")
