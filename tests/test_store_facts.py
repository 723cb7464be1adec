"""What decisions are decided on: history, runs, sends and what is due, in the order that decisions were made."""

from __future__ import annotations

import threading

import pytest

from retain.model import EffectState, RunState
from retain.store.rows import Batch, CustomerRow, Summary
from retain.store.store import Store
from store_help import T0, decide_all, derived, effect, identify, message, run
from stores import new_store


@pytest.fixture(params=["memory", "postgresql"])
def store(request, tmp_path):
    with new_store(request.param, tmp_path) as opened:
        yield opened


def test_history_holds_decided_events_of_the_names_and_windows_asked_for(store):
    store.accept([message("a", at=T0 + place, fields={"n": place}) for place in range(4)] + [message("b")], T0)
    store.commit(Batch(watermark=3))
    assert store.history([1], {"a": T0 + 1, "b": None}, store.watermark()) == [
        (1, "a", T0 + 1, b'{"n":1}'),
        (1, "a", T0 + 2, b'{"n":2}'),
    ]


def test_history_is_ordered_by_customer_then_by_when_it_happened(store):
    store.accept([message(user_id="2", at=T0), message(user_id="1", at=T0 + 5), message(user_id="1", at=T0)], T0)
    decide_all(store)
    assert [row[:3:2] for row in store.history([2, 1], {"order_completed": None}, 3)] == [(1, T0), (2, T0), (2, T0 + 5)]


def test_of_events_at_one_instant_those_caused_by_an_earlier_event_come_before_a_later_one(store):
    store.accept([message("e1"), message("x", fields={"n": 2}, user_id="1")], T0)
    store.commit(Batch(watermark=2, events=[derived(-1, 1, "x", at=T0, cause_seq=1, fields={"n": 1})]))
    assert [body for *_, body in store.history([1], {"x": None}, 2)] == [b'{"n":1}', b'{"n":2}']


def test_derived_events_count_at_once_and_accepted_ones_when_they_are_decided(store):
    store.accept([message("x"), message("x")], T0)
    store.commit(Batch(watermark=1, events=[derived(-1, 1, "x")]))
    assert len(store.history([1], {"x": None}, store.watermark())) == 2


def test_customer_updated_counts_where_something_changed_and_says_what(store):
    store.accept([identify(fields={"plan": "pro", "age": 3}), identify(fields={"plan": "pro"})], T0)
    changes = b'[["plan",null,"pro"],["age",null,3]]'
    store.commit(Batch(watermark=2, summaries=[Summary(1, T0, b"", changes), Summary(2, T0, b"")]))
    assert store.history([1], {"customer_updated": None}, 2) == [
        (1, "customer_updated", T0, b'{"changed":["age","plan"]}')
    ]


def test_many_customers_are_read_whatever_their_number(store):
    store.accept([message(user_id=str(number)) for number in range(1200)], T0)
    decide_all(store)
    ids = list(range(1, 1201))
    assert len(store.history([*ids, *ids], {"order_completed": None}, 1200)) == 1200
    assert list(store.customers(set(ids))) == ids
    assert store.history([], {"order_completed": None}, 1200) == []


def test_active_runs_are_the_live_ones_and_ended_ones_that_at_most_counts(store):
    def ended(id, rule, sent):
        return run(id, rule=rule, state=RunState.ENDED, first_sent_at=sent, ended_by="done")

    runs = [run("live"), ended("old", "cart", T0 - 1), ended("new", "cart", T0), ended("other", "nps", T0)]
    store.commit(Batch(runs=[*runs, ended("unsent", "cart", None), run("elsewhere", customer=2)]))
    assert [one.id for one in store.active_runs([1], {"cart": T0})] == ["live", "new"]
    assert [one.id for one in store.active_runs([1], {})] == ["live"]
    assert store.run_ids_exist(["live", "old", "never"]) == {"live", "old"}


def test_sends_are_messages_claimed_for_sending(store):
    store.commit(
        Batch(
            effects=[
                effect("1", sent_at=T0, state=EffectState.DONE),
                effect("2", sent_at=T0 - 1, state=EffectState.DONE),
                effect("3", sent_at=T0 + 1, arm="shadow", state=EffectState.SHADOW),
                effect("4", channel="", action="webhook.post", sent_at=T0),
                effect("5"),
            ]
        )
    )
    assert store.sends([1], T0) == [(1, "email", T0, "live"), (1, "email", T0 + 1, "shadow")]


def test_due_work_is_ordered_by_instant_and_limited(store):
    runs = [run("b", wake_at=T0), run("a", wake_at=T0), run("c", wake_at=T0 - 1), run("d", wake_at=T0 + 1)]
    store.commit(Batch(runs=runs, effects=[effect("2", due_at=T0), effect("1", due_at=T0)]))
    assert store.due_runs(T0, 10) == [(T0 - 1, "c", 1), (T0, "a", 1), (T0, "b", 1)]
    assert store.due_runs(T0, 1) == [(T0 - 1, "c", 1)]
    assert [one.id for one in store.due_effects(T0, 10)] == ["1", "2"]


def test_held_rules_do_not_wake_and_do_not_hide_others(store):
    store.commit(Batch(runs=[run("a", rule="held", wake_at=T0), run("b", wake_at=T0 + 1)]))
    assert store.due_runs(T0 + 1, 1, {"held"}) == [(T0 + 1, "b", 1)]
    assert store.due_runs(T0 + 1, 1, None) == []
    assert (store.next_due(), store.next_due({"held"}), store.next_due(None)) == (T0, T0 + 1, None)


def test_effects_of_actions_without_a_free_slot_do_not_hide_others(store):
    store.commit(Batch(effects=[effect("1"), effect("2", action="webhook.post")]))
    assert [one.id for one in store.due_effects(T0, 1, exclude=["email.send"])] == ["2"]


def test_next_due_is_the_earliest_of_runs_customers_and_effects(store):
    store.accept([message()], T0)
    assert store.next_due() is None
    store.commit(Batch(effects=[effect(due_at=T0 + 3)]))
    assert store.next_due() == T0 + 3
    store.commit(Batch(customers=[CustomerRow(1, "user:1", {}, {}, T0, {}, T0 + 2)]))
    assert store.next_due() == T0 + 2
    store.commit(Batch(runs=[run(wake_at=T0 + 1)]))
    assert store.next_due() == T0 + 1


def test_a_breaker_counts_live_starts_in_order(store):
    store.commit(
        Batch(runs=[run(str(at), started_at=T0 + at) for at in (3, 1, 2)] + [run("s", arm="shadow", started_at=T0)])
    )
    assert store.starts_since("welcome", T0 + 2) == [T0 + 2, T0 + 3]


def test_readers_in_other_threads_see_whole_batches_while_one_thread_writes(tmp_path):
    seen, stop = [], threading.Event()
    with Store.open(tmp_path / "retain.db") as store:

        def look():
            while not stop.is_set():
                seen.append(len(store.history([1], {"x": None}, 1 << 40)) % 10)

        readers = [threading.Thread(target=look) for _ in range(3)]
        for reader in readers:
            reader.start()
        for _ in range(30):
            store.accept([message("x", user_id="1") for _ in range(10)], T0)
        stop.set()
        for reader in readers:
            reader.join()
        assert store.counts().events == 300
    assert set(seen) == {0}


def test_threads_may_take_turns_in_writing(tmp_path):
    with Store.open(tmp_path / "retain.db") as store:

        def write():
            for _ in range(20):
                store.accept([message(user_id="1")], T0)
                store.undecided(1000)

        writers = [threading.Thread(target=write) for _ in range(3)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert [event.seq for event in store.undecided(100)] == list(range(1, 61))
