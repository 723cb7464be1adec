"""A step of a run writes the row and little else, and whatever it changes is read back as it was written."""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postgres_help import database
from retain.model import Effect, EffectState, Run, RunState
from retain.store import migrate
from retain.store.rows import Batch
from retain.store.store import Store
from retain.store.tables import SCHEMA_VERSION
from store_help import T0, effect, message, run
from stores import KINDS, new_store

FAR = T0 + 1_000_000


@pytest.fixture(params=KINDS)
def store(request, tmp_path):
    with new_store(request.param, tmp_path) as opened:
        opened.accept([message(user_id="1"), message(user_id="2")], T0)
        yield opened


def pages_in_journal(path):
    """How many pages have been written since the journal was last moved into the file."""
    journal = path.with_name(path.name + "-wal").read_bytes()
    (page,) = struct.unpack(">I", journal[8:12]) if journal else (4096,)
    return (len(journal) - 32) // (page + 24)


def test_a_step_writes_one_page_for_each_run_that_lies_apart(tmp_path):
    path, apart = tmp_path / "retain.db", range(0, 3000, 100)
    with Store.open(path) as store:
        runs = [run(f"{number * 7919 % 3000:05}", number, started_at=T0, wake_at=FAR) for number in range(3000)]
        for number in apart:
            runs[number].wake_at = T0
        store.commit(Batch(runs=runs))
        store.checkpoint()
        store.commit(Batch(runs=[replace(runs[number], state=RunState.ACTING, wake_at=None) for number in apart]))
        assert len(apart) <= pages_in_journal(path) <= len(apart) + 4


def test_a_result_leaves_the_index_of_what_was_sent_as_it_is(tmp_path):
    path = tmp_path / "retain.db"
    with Store.open(path) as store:
        effects = [
            effect(f"{number:05}.1", number * 7919 % 3000, state=EffectState.SENDING, sent_at=T0)
            for number in range(3000)
        ]
        store.commit(Batch(effects=effects))
        store.checkpoint()
        store.commit(Batch(effects=[replace(one, state=EffectState.DONE) for one in effects[:60]]))
        assert pages_in_journal(path) <= 20


@pytest.mark.parametrize(
    "change",
    [{"rule": "renamed", "revision": "v2"}, {"started_at": T0 + 9}, {"customer": 2}, {"ended_by": "goal"}],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.parametrize("state", [RunState.WAITING, RunState.ENDED])
def test_whatever_changes_in_a_run_is_stored(store, change, state):
    before = [run("a", started_at=T0, wake_at=T0 + 1), run("b", started_at=T0)]
    store.commit(Batch(runs=before))
    after = [replace(one, state=state, step="then[1]", wake_at=None, **change) for one in before]
    store.commit(Batch(runs=after))
    assert store.runs_by_id(["a", "b"]) == {one.id: one for one in after}
    [found] = store.list_runs(rule=after[0].rule, customer=after[0].customer, since=after[0].started_at, limit=1)
    assert found.state is state


@pytest.mark.parametrize("change", [{"rule": "renamed", "step": "then[2]"}, {"customer": 2}, {"sent_at": None}, {}])
@pytest.mark.parametrize("state", [EffectState.PENDING, EffectState.DONE])
def test_whatever_changes_in_an_effect_is_stored(store, change, state):
    before = [effect(f"{name}.1", state=EffectState.SENDING, sent_at=T0) for name in "abcde"]
    store.commit(Batch(effects=before))
    after = [replace(one, state=state, attempt=2, output={"id": one.id}, **change) for one in before]
    store.commit(Batch(effects=after))
    assert store.effects_by_id([one.id for one in before]) == after


RUN = {"rule": "renamed", "revision": "v2", "customer": 2, "state": RunState.HELD, "step": "then[1]", "wake_at": None,
       "started_at": T0 + 9, "context": {"depth": 1}, "effects": 3, "first_sent_at": T0, "goal_until": T0,
       "ended_at": T0, "ended_by": "goal"}  # fmt: skip
EFFECT = {"rule": "renamed", "step": "then[1]", "customer": 2, "inputs": {"to": "ada"}, "state": EffectState.IN_DOUBT,
          "due_at": T0 + 9, "attempt": 2, "sent_at": T0 + 9, "reason": "late", "output": {"id": 1},
          "first_failed_at": T0}  # fmt: skip


@pytest.mark.parametrize("state", [RunState.WAITING, RunState.ENDED])
def test_each_thing_that_a_step_may_change_in_a_run_is_stored_alone(store, state):
    assert {one.name for one in fields(Run)} - RUN.keys() == {"id", "key", "arm", "started_seq", "cause"}
    before = {name: run(name, started_at=T0, wake_at=T0) for name in RUN}
    after = {name: replace(one, **{"state": state, "wake_at": None, name: RUN[name]}) for name, one in before.items()}
    for name in RUN:
        store.commit(Batch(runs=[before[name]]))
        store.commit(Batch(runs=[after[name]]))
    assert store.runs_by_id(RUN) == after


@pytest.mark.parametrize("state", [EffectState.PENDING, EffectState.DONE])
def test_each_thing_that_a_step_may_change_in_an_effect_is_stored_alone(store, state):
    settled = {"id", "run", "action", "channel", "arm", "created_at"}
    assert {one.name for one in fields(Effect)} - EFFECT.keys() == settled
    before = {name: effect(name, state=EffectState.SENDING, sent_at=T0) for name in EFFECT}
    after = {name: replace(one, **{"state": state, name: EFFECT[name]}) for name, one in before.items()}
    for name in EFFECT:
        store.commit(Batch(effects=[before[name]]))
        store.commit(Batch(effects=[after[name]]))
    assert {one.id: one for one in store.effects_by_id(EFFECT)} == after


def test_a_run_is_found_among_the_live_ones_exactly_while_it_lives(store):
    for state in (RunState.WAITING, RunState.ENDED, RunState.ACTING, RunState.ENDED):
        store.commit(Batch(runs=[run("a", state=state)]))
        assert [one.state for one in store.active_runs([1], {})] == [state] * (state is not RunState.ENDED)


def test_of_rows_written_together_those_that_moved_do_not_keep_back_the_others(store):
    before = [run(name, started_at=T0) for name in "abcdef"]
    store.commit(Batch(runs=before))
    after = [replace(one, step="then[1]", rule="renamed" if one.id == "c" else one.rule) for one in before]
    store.commit(Batch(runs=after))
    assert list(store.runs_by_id("abcdef").values()) == after


instants = st.none() | st.integers(T0, T0 + 3)
batches = st.lists(st.dictionaries(st.sampled_from("abc"), st.tuples(instants, st.sampled_from(RunState)), min_size=1))


@given(batches)
def test_runs_are_due_when_their_last_step_said(steps):
    with Store.in_memory() as store:
        known = {}
        for batch in steps:
            store.commit(Batch(runs=[run(name, wake_at=at, state=state) for name, (at, state) in batch.items()]))
            known |= batch
        due = [(at, name, 1) for name, (at, state) in known.items() if at is not None and state is not RunState.ENDED]
        assert store.due_runs(FAR, 10) == sorted(due)
        assert store.next_due() == store.next_due({"another"}) == min((at for at, _, _ in due), default=None)


OLDER = """INSERT INTO runs (id, rule, revision, customer, key, arm, state, step, wake_at, started_at, started_seq,
 cause, context, effects, ended_at, ended_by)
 VALUES ('{}', 'r', 'v', 1, '', 'live', '{}', '', {}, 0, 0, '', '{{}}', 0, {}, '')"""
ROWS = [("a", "waiting", T0, "NULL"), ("b", "watched", T0 + 1, T0), ("c", "ended", "NULL", T0)]


@pytest.fixture(params=("file", "postgresql"))
def older(request, tmp_path):
    if request.param == "postgresql":
        with database(empty=True) as url:
            yield url
    else:
        (tmp_path / "retain.db").touch()
        yield tmp_path / "retain.db"


def test_runs_of_an_older_store_wait_and_are_over_as_before(older):
    migrate.upgrade(older, to="0003")
    with closing(sqlite3.connect(older) if isinstance(older, Path) else psycopg.connect(older)) as connection:
        for row in ROWS:
            connection.execute(OLDER.format(*row))
        connection.commit()
    assert migrate.upgrade(older) == ("0003", SCHEMA_VERSION)
    with Store.open(older) as store:
        assert [one.id for one in store.active_runs([1], {})] == ["a", "b"]
        assert store.due_runs(FAR, 10) == [(T0, "a", 1), (T0 + 1, "b", 1)]
        assert len(store.list_runs(customer=1)) == 3
