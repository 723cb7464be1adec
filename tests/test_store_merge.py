"""Two customers become one: everything moves, nothing is lost, and before that instant they stay apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from retain.model import DecisionRow, EffectState, Record, RunState
from retain.store.rows import Batch, ConsentRow, CustomerRow, Merge, SuppressionRow
from store_help import T0, customer, decide_all, derived, effect, identify, message, run
from stores import new_store

LOSER, SURVIVOR = 1, 2
MERGE = Merge(LOSER, SURVIVOR, T0)


@pytest.fixture(params=["memory", "postgresql"])
def store(request, tmp_path):
    with new_store(request.param, tmp_path) as opened:
        opened.accept([message(anonymous_id="a"), message(user_id="1")], T0)
        opened.commit(Batch(watermark=2))
        yield opened


def test_identities_events_runs_effects_and_records_move(store):
    ended = run("ended", LOSER, state=RunState.ENDED, first_sent_at=T0)
    effects = [effect("p", LOSER), effect("s", LOSER, sent_at=T0, state=EffectState.DONE, run="ended")]
    task = Record(kind="task", id="t", customer=LOSER)
    store.commit(Batch(runs=[run("r1", LOSER), ended], effects=effects, records=[task]))
    store.commit(Batch(merges=[MERGE]))
    assert customer(store, "anonymous:a") == SURVIVOR
    assert [row[0] for row in store.history([LOSER, SURVIVOR], {"order_completed": None}, 2)] == [SURVIVOR, SURVIVOR]
    assert [one.id for one in store.active_runs([SURVIVOR], {"welcome": T0})] == ["ended", "r1"]
    assert {one.customer for one in store.list_effects()} == {SURVIVOR}
    assert store.sends([SURVIVOR], T0) == [(SURVIVOR, "email", T0, "live")]
    assert [record.id for record in store.records_of([SURVIVOR], ["task"])] == ["t"]


def test_the_absorbed_row_is_emptied_and_names_the_survivor(store):
    store.commit(Batch(customers=[CustomerRow(LOSER, "anonymous:a", {"plan": "pro"}, {"plan": T0}, T0, {"w": 1}, T0)]))
    store.commit(Batch(merges=[MERGE]))
    row = store.customers([LOSER])[LOSER]
    assert (row.fields, row.stamps, row.watches, row.recheck_at) == ({}, {}, {}, None)
    assert row.merged_into == SURVIVOR
    assert (store.counts().customers, store.customer_ids_after(0, 9)) == (1, [SURVIVOR])


def test_what_the_batch_itself_writes_for_the_absorbed_one_moves_with_it(store):
    batch = Batch(merges=[MERGE], events=[derived(-1, LOSER, "points_earned")], runs=[run("r1", LOSER)])
    batch.consents = [ConsentRow(LOSER, "marketing", True, T0, "form")]
    seq = store.commit(batch)[-1]
    assert (store.event(seq).customer, store.runs_by_id(["r1"])["r1"].customer) == (SURVIVOR, SURVIVOR)
    assert store.consents([SURVIVOR]) == {(SURVIVOR, "marketing"): True}


def test_the_survivors_merged_row_stands_in_the_batch(store):
    merged = CustomerRow(SURVIVOR, "user:1", {"plan": "pro"}, {"plan": T0}, T0 - 9)
    store.commit(Batch(merges=[MERGE], customers=[merged]))
    assert store.customers([SURVIVOR])[SURVIVOR] == replace(merged, first_seq=2)


@pytest.mark.parametrize(("granted_at", "withdrawn_at", "counts"), [(1, 2, False), (2, 2, False), (2, 1, True)])
def test_a_withdrawal_of_either_wins_unless_a_later_grant(store, granted_at, withdrawn_at, counts):
    grant = ConsentRow(SURVIVOR, "marketing", True, T0 + granted_at, "form")
    withdrawal = ConsentRow(LOSER, "marketing", False, T0 + withdrawn_at, "form")
    store.commit(Batch(consents=[grant, withdrawal]))
    store.commit(Batch(merges=[MERGE]))
    assert store.consents([SURVIVOR]) == {(SURVIVOR, "marketing"): counts}


def test_suppressions_stay_by_address(store):
    store.add_suppressions([SuppressionRow("email", "a@example.test", "bounced", T0)])
    store.commit(Batch(merges=[MERGE]))
    assert store.suppressed("email", ["a@example.test"]) == {"a@example.test"}


def test_the_log_keeps_whom_a_decision_was_about_and_shows_both(store):
    row = DecisionRow(at=T0, event_seq=1, rule="r", customer=LOSER, run="", kind="refusal", outcome="if", path="if[0]")
    store.commit(Batch(decisions=[row, replace(row, customer=SURVIVOR, at=T0 + 1)]))
    store.commit(Batch(merges=[MERGE]))
    assert [one.customer for one in store.decisions_of(customer=SURVIVOR)] == [SURVIVOR, LOSER]


def test_merges_in_a_row_lead_to_the_last_survivor(store):
    store.accept([message(user_id="3")], T0)
    store.commit(Batch(merges=[MERGE, Merge(SURVIVOR, 3, T0)]))
    assert {row.merged_into for row in store.customers([1, 2]).values()} == {3}
    assert {event.customer for event in store.events_after(0, 9)} == {3}
    assert customer(store, "anonymous:a") == 3


def test_what_is_sent_for_the_absorbed_one_afterwards_is_the_survivors(store):
    store.commit(Batch(merges=[MERGE]))
    [accepted] = store.accept([message(anonymous_id="a")], T0)
    assert accepted.customer == SURVIVOR


def test_a_rebuild_keeps_the_two_apart_until_the_merge(store):
    store.accept([identify(anonymous_id="a", at=T0 + 1, fields={"plan": "pro"})], T0)
    store.accept([identify(user_id="1", anonymous_id="a", at=T0 + 5, fields={"age": 3})], T0)
    decide_all(store)
    before = store.customer_at(LOSER, T0 + 4)
    assert (before.exists, before.fields, len(before.history)) == (True, {"plan": "pro"}, 2)
    assert store.customer_at(SURVIVOR, T0 + 4).fields == {}
    after = store.customer_at(SURVIVOR, T0 + 5)
    assert (after.fields, len(after.history)) == ({"plan": "pro", "age": 3}, 4)
    gone = store.customer_at(LOSER, T0 + 5)
    assert (gone.exists, gone.merged_into) == (False, SURVIVOR)


def test_derived_events_of_the_absorbed_one_move_too(store):
    store.commit(Batch(events=[derived(-1, LOSER, "points_earned")]))
    store.commit(Batch(merges=[MERGE]))
    assert [row[0] for row in store.history([SURVIVOR], {"points_earned": None}, 0)] == [SURVIVOR]
