"""A batch is written in one transaction or not at all, and what it wrote is read back by the next decision."""

from __future__ import annotations

from dataclasses import replace

import pytest

from retain.errors import NotFoundError, StoreConflictError
from retain.model import DecisionRow, EffectState, Record, RunState
from retain.store.rows import (
    Batch,
    ConsentRow,
    CustomerRow,
    PauseRow,
    ScheduleRow,
    Summary,
    SuppressionRow,
    WatchRow,
)
from store_help import T0, customer, derived, effect, identify, message, run
from stores import KINDS, new_store


@pytest.fixture(params=KINDS)
def store(request, tmp_path):
    with new_store(request.param, tmp_path) as opened:
        opened.accept([message(user_id="1", id="m1"), message(user_id="2", id="m2")], T0)
        yield opened


def test_derived_events_are_numbered_and_are_decided_already(store):
    numbers = store.commit(Batch(watermark=1, events=[derived(-1, 1), derived(-2, 1)]))
    assert numbers == {-1: 3, -2: 4}
    assert [event.seq for event in store.undecided(10)] == [2]


def test_rows_that_name_a_working_number_name_the_event_afterwards(store):
    decision = DecisionRow(
        at=T0,
        event_seq=-1,
        rule="r",
        customer=1,
        run="r1",
        kind="start",
        outcome="started",
        path="when",
        values={"a": 1},
    )
    batch = Batch(events=[derived(-1, 1)], runs=[run(started_seq=-1)], decisions=[decision])
    batch.summaries = [Summary(-1, T0, b"\x01", b'[["plan","free","pro"]]')]
    seq = store.commit(batch)[-1]
    assert store.runs_by_id(["r1"])["r1"].started_seq == seq
    assert store.decisions_of(customer=1) == [replace(decision, event_seq=seq)]
    assert store.summary_of(seq) == Summary(seq, T0, b"\x01", b'[["plan","free","pro"]]')
    assert store.event(seq).origin == ""


def test_posted_events_wait_for_their_own_turn(store):
    numbers = store.commit(Batch(watermark=2, posted=[derived(-1, 2)]))
    [event] = store.undecided(10)
    assert (event.seq, event.customer, event.depth) == (numbers[-1], 2, 1)


def test_derived_events_follow_the_accepted_event_that_caused_them(store):
    batch = Batch(watermark=2, events=[derived(-1, 1), derived(-2, 1, cause_seq=2), derived(-3, 1)])
    batch.summaries = [Summary(1, T0, b""), Summary(-1, T0, b""), Summary(2, T0, b""), Summary(-3, T0, b"")]
    numbers = store.commit(batch)
    assert [store.event(numbers[name]).cause_seq for name in (-1, -2, -3)] == [1, 2, 2]


def test_the_watermark_never_falls_and_passes_derived_events(store):
    store.commit(Batch(watermark=2))
    store.commit(Batch(events=[derived(-1, 1)]))
    assert store.watermark() == 3
    store.commit(Batch(watermark=1))
    assert store.watermark() == 3


def test_customers_are_replaced(store):
    row = CustomerRow(1, "user:1", {"plan": "pro"}, {"plan": T0}, T0, {"w": [1]}, T0 + 5, first_seq=1)
    store.commit(Batch(customers=[row]))
    assert store.customers([1, 99]) == {1: row}
    assert store.due_customers(T0 + 5, 10) == [(T0 + 5, 1)]
    store.commit(Batch(customers=[replace(row, watches={}, recheck_at=None)]))
    assert store.due_customers(T0 + 5, 10) == []


def test_runs_and_effects_are_inserted_and_then_replaced_by_id(store):
    first = run(wake_at=T0 + 10, context={"event": {"total": 9.5}}, started_at=T0)
    mail = effect(due_at=T0 + 1, inputs={"template": "hi"})
    store.commit(Batch(runs=[first], effects=[mail]))
    assert store.active_runs([1], {}) == [first]
    assert store.due_effects(T0 + 1, 10) == [mail]
    sent = replace(mail, state=EffectState.SENDING, attempt=1, sent_at=T0 + 2)
    later = replace(first, first_sent_at=T0 + 2, effects=1)
    store.commit(Batch(runs=[later], effects=[sent]))
    assert store.active_runs([1], {}) == [later]
    assert store.due_effects(T0 + 9, 10) == []
    assert store.in_doubt_on_start() == [sent]


def test_pending_effects_of_a_run_are_cancelled_with_it_those_of_the_batch_too(store):
    store.commit(Batch(effects=[effect("r1.1"), effect("r1.2", state=EffectState.SENDING), effect("r2.1", run="r2")]))
    store.commit(Batch(effects=[effect("r1.3")], cancel_effects_of=[("r1", "exit_when")]))
    states = {one.id: (one.state.value, one.reason) for one in store.list_effects()}
    assert states == {
        "r1.1": ("cancelled", "exit_when"),
        "r1.2": ("sending", ""),
        "r1.3": ("cancelled", "exit_when"),
        "r2.1": ("pending", ""),
    }
    assert store.pending_effects_of(["r1", "r2"]) == [effect("r2.1", run="r2")]


def test_an_ended_run_is_not_woken(store):
    store.commit(Batch(runs=[run(wake_at=T0)]))
    store.commit(Batch(runs=[run(wake_at=T0, state=RunState.ENDED, ended_at=T0, ended_by="done")]))
    assert store.due_runs(T0, 10) == []
    assert store.next_due() is None


def test_a_record_is_raised_by_one_version_with_every_change(store):
    store.commit(Batch(records=[Record(kind="task", id="t1", customer=1, owner="ann", state="open")]))
    task = store.record("task", "t1")
    assert task.version == 1
    store.commit(Batch(records=[replace(task, state="closed", fields={"by": "ann"})]))
    assert store.record("task", "t1") == replace(task, state="closed", fields={"by": "ann"}, version=2)


@pytest.mark.parametrize("stale", [0, 2])
def test_a_record_changed_since_it_was_read_stops_the_whole_batch(store, stale):
    store.commit(Batch(records=[Record(kind="turn", id="sales")]))
    with pytest.raises(StoreConflictError):
        store.commit(Batch(watermark=2, runs=[run()], records=[Record(kind="turn", id="sales", version=stale)]))
    assert (store.watermark(), store.runs_by_id(["r1"]), store.record("turn", "sales").version) == (0, {}, 1)


def test_records_are_found_by_customer_by_kind_and_counted_by_owner(store):
    rows = [
        Record(kind="lead", id="b", customer=1, owner="ann", state="open"),
        Record(kind="lead", id="a", customer=1, owner="ann", state="open"),
        Record(kind="lead", id="c", customer=2, owner="bob", state="closed"),
        Record(kind="turn", id="sales", fields={"last": "ann"}),
    ]
    store.commit(Batch(records=rows))
    assert [row.id for row in store.records_of([1], ["lead", "turn"])] == ["a", "b"]
    assert [row.id for row in store.shared_records(["lead", "turn"])] == ["sales"]
    assert store.count_by_owner("lead") == {("ann", "open"): 2, ("bob", "closed"): 1}
    assert [row.id for row in store.list_records("lead", state="open", owner="ann", limit=1)] == ["a"]


def test_the_newest_consent_counts_and_of_equal_ones_the_withdrawal(store):
    def answer(granted, at):
        return ConsentRow(1, "marketing", granted, at, "form", "yes please")

    store.commit(Batch(consents=[answer(False, T0), answer(True, T0)]))
    assert store.consents([1, 2]) == {(1, "marketing"): False}
    store.add_consents([answer(True, T0 + 2), answer(False, T0 + 1)])
    assert store.consents([1]) == {(1, "marketing"): True}


def test_suppressions_stand_by_channel_and_address(store):
    store.commit(Batch(suppressions=[SuppressionRow("email", "a@example.test", "bounced", T0)]))
    store.add_suppressions([SuppressionRow("email", address, "import", T0) for address in ("a@example.test", "b")])
    assert store.suppressed("email", ["a@example.test", "b", "c"]) == {"a@example.test", "b"}
    assert store.suppressed("sms", ["b"]) == set()


def test_progress_and_pauses_are_replaced(store):
    pause = PauseRow("rule", "welcome", True, "too many", "breaker", T0)
    store.commit(
        Batch(schedules=[ScheduleRow("r", "when[0]", T0, 7, T0)], watch_progress=[WatchRow("w", "r", T0, 0, False)])
    )
    store.commit(Batch(schedules=[ScheduleRow("r", "when[0]", T0 + 1)], pauses=[pause]))
    store.commit(Batch(watch_progress=[WatchRow("w", "r", T0, 9, True)]))
    assert store.schedule_rows() == [ScheduleRow("r", "when[0]", T0 + 1)]
    assert store.watch_rows() == [WatchRow("w", "r", T0, 9, True)]
    assert store.pauses() == [pause]
    store.commit(Batch(pauses=[replace(pause, paused=False)]))
    assert store.pauses() == []


def test_revisions_keep_their_first_text_and_number(store):
    store.save_revisions([("v1", "a", "{}"), ("v2", "b", "{}")], T0)
    store.save_revisions([("v2", "b", "changed"), ("v3", "b", "{}")], T0 + 1, language=2)
    assert [store.revision_number("b", revision) for revision in ("v2", "v3")] == [2, 3]
    assert store.load_revision("v2") == ("b", "{}")
    assert store.load_revision("v9") is None
    assert [(row.revision, row.language) for row in store.list_revisions("b")] == [("v2", 1), ("v3", 2)]
    with pytest.raises(NotFoundError, match="no revision"):
        store.revision_number("a", "v2")


def test_a_quarantined_event_leaves_history_until_it_is_accepted_anew(store):
    store.commit(Batch(watermark=2, quarantined=[(1, "score raised ValueError")]))
    [failed] = store.failed_events()
    assert (failed.event.seq, failed.reason) == (1, "score raised ValueError")
    assert store.history([1], {"order_completed": None}, 2) == []
    assert store.retry_failed([1], T0 + 50) == {1: 3}
    [event] = store.undecided(10)
    assert (event.seq, event.occurred_at, event.received_at, event.message_id) == (3, T0, T0 + 50, "m1")
    assert (store.failed_events(), store.customers([1])[1].first_seq) == ([], 3)
    store.commit(Batch(watermark=3))
    assert len(store.history([1], {"order_completed": None}, 3)) == 1
    with pytest.raises(NotFoundError, match="quarantined"):
        store.retry_failed([2], T0)


def test_rejects_and_audit_are_listed_newest_first(store):
    store.add_rejects([(T0, "web", "no_identity", "{}"), (T0, "app", "bad_type", "[]")])
    assert [row.reason for row in store.list_rejects()] == ["bad_type", "no_identity"]
    assert [row.body for row in store.list_rejects(source="web")] == ["{}"]
    assert (store.prune_rejects(keep=1), len(store.list_rejects())) == (1, 1)
    store.audit("ann", "rules resume", {"rule": "welcome"}, at=T0)
    [row] = store.list_audit()
    assert (row.who, row.what, row.details, row.at) == ("ann", "rules resume", {"rule": "welcome"}, T0)


def test_runs_and_effects_are_listed_by_what_people_ask_for(store):
    ended = run("r2", 2, rule="other", state=RunState.ENDED, started_at=T0 + 1, ended_by="goal")
    store.commit(
        Batch(runs=[run(started_at=T0), ended], effects=[effect(), effect("r2.1", 2, run="r2", created_at=T0 + 1)])
    )
    assert [one.id for one in store.list_runs()] == ["r2", "r1"]
    assert [one.id for one in store.list_runs(rule="other", states=[RunState.ENDED], customer=2, since=T0 + 1)] == [
        "r2"
    ]
    assert store.list_runs(customer=1, since=T0 + 1) == []
    assert [one.id for one in store.list_effects(customer=2)] == ["r2.1"]
    assert [one.id for one in store.list_effects(rule="welcome", until=T0 + 1, states=[EffectState.PENDING])] == [
        "r1.1"
    ]
    assert [one.id for one in store.list_effects(run="r2", action="email.send")] == ["r2.1"]
    assert [one.id for one in store.effects_by_id(["r2.1", "none"])] == ["r2.1"]


def test_stats_of_a_rule_count_starts_ends_sends_and_refusals(store):
    refusal = DecisionRow(
        at=T0, event_seq=1, rule="welcome", customer=1, run="", kind="refusal", outcome="at_most", path="runs.at_most"
    )
    runs = [run("a"), run("b", arm="shadow"), run("c", state=RunState.ENDED, ended_by="goal")]
    effects = [
        effect("a.1", state=EffectState.DONE, sent_at=T0),
        effect("a.2", state=EffectState.REFUSED, reason="consent"),
        effect("b.1", arm="shadow", state=EffectState.SHADOW, sent_at=T0),
    ]
    store.commit(Batch(runs=runs, effects=effects, decisions=[refusal]))
    stats = store.rule_stats("welcome")
    assert (stats.started, stats.states, stats.converted) == ({"live": 2, "shadow": 1}, {"waiting": 2}, 1)
    assert (stats.sent, stats.refused, stats.refused_effects) == ({"email.send": 1}, {"at_most": 1}, {"consent": 1})
    assert stats.effects == {"done": 1, "refused": 1, "shadow": 1}


def test_counts_say_what_the_store_holds(store):
    store.commit(Batch(watermark=1, runs=[run()], effects=[effect()], quarantined=[(1, "x")]))
    counts = store.counts()
    assert (counts.customers, counts.events, counts.undecided, counts.failed, counts.rejects) == (2, 2, 1, 1, 0)
    assert (counts.runs, counts.effects) == ({"waiting": 1}, {"pending": 1})


def test_events_are_paged_in_order_and_by_customer(store):
    store.commit(Batch(watermark=2, events=[derived(-1, 1, at=T0 + 9)]))
    assert [event.seq for event in store.events_after(1, 10)] == [2]
    assert [event.seq for event in store.events_after(0, 10, from_outside=False)] == [1, 2, 3]
    assert [event.seq for event in store.events_of(1)] == [3, 1]
    assert [event.seq for event in store.events_of(1, name="order_completed", since=T0, until=T0 + 1)] == [1]
    assert [summary.event_seq for summary in store.summaries_after(0, 10)] == []


def test_identify_traits_are_kept_as_an_events_body(store):
    store.accept([identify(user_id="1", fields={"plan": "pro"})], T0)
    assert store.event(3).fields == {"plan": "pro"}
    assert customer(store, "user:1") == 1
