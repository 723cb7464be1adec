"""Customers that stay in memory between batches: nothing is decided otherwise than on what the store holds."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from zlib import crc32

import pytest
from hypothesis import given, settings

from decide_help import NOON, plan
from decide_worlds import SLOW, decided, in_many_worlds, rule_texts, streams, tables
from retain.instants import DAY, HOUR
from retain.model import Instant, Json, Message, MessageKind
from retain.pipeline import Options, Pipeline
from retain.registry import ActionRequest, EffectResult
from retain.store.store import Store

LOW = """
    rules:
      greet:
        when: {event: a}
        if: [customer.score < 40]
        then:
          - wait: 1d
"""
LABEL = """
    rules:
      label: {when: {event: a}, then: [{label.put: {text: x}}]}
      greet: {when: {event: a}, if: ['customer.tier in ["gold"]'], then: [wait: 1d]}
"""
SEND = """
    rules: {r: {when: {event: a}, then: [{post.it: {text: one}}, {note.write: {text: "{{ event.k }}"}}]}}
"""
_numbers = count()


def lived(text: str, messages: list[Message], kept: int) -> dict[str, list[tuple[Json, ...]]]:
    """Every row after messages were decided one by one as they came, and effects were sent and answered meanwhile."""
    store = Store.in_memory()
    pipeline = Pipeline(store, plan(text), NOON - 1, Options(batch=3, kept=kept))
    for message in messages:
        store.accept([message], message.received_at)
        go_on(pipeline, message.received_at)
    for later in range(0, 8 * DAY, 11 * HOUR):
        go_on(pipeline, messages[-1].received_at + later)
    return tables(store)


def go_on(pipeline: Pipeline, now: Instant) -> None:
    """Decide, send and answer all that is due."""
    for _ in range(5_000):
        while pipeline.step(now).more:
            pass
        requests = pipeline.release(now, {}, 2)
        if not requests:
            return
        pipeline.finish([answer(request, now) for request in requests], now)
    raise AssertionError("it never comes to an end")


def answer(request: ActionRequest, now: Instant) -> EffectResult:
    """Mostly done, at times put off, refused for good or in doubt; the same for the same attempt."""
    chance = crc32(f"{request.effect_id} {request.attempt}".encode()) % 10
    if chance < 2:
        return EffectResult(
            effect_id=request.effect_id, status="retry", attempt=request.attempt, reason="busy", retry_at=now + HOUR
        )
    status = {2: "dead", 3: "in_doubt"}.get(chance, "done")
    return EffectResult(effect_id=request.effect_id, status=status, attempt=request.attempt)


def same_whoever_is_kept(text: str, messages: list[Message]) -> None:
    """Decide over a past and as it goes on, with nobody, four and everybody kept."""
    rules = plan(text)
    fresh, fresh_live = decided(rules, messages, 1, kept=0), lived(text, messages, 0)
    for kept in (4, 1_000):
        assert decided(rules, messages, 1, kept=kept) == fresh
        assert lived(text, messages, kept) == fresh_live


@given(rule_texts(), streams())
@settings(max_examples=15, deadline=None, suppress_health_check=SLOW)
def test_who_is_kept_changes_nothing(text: str, messages: list[Message]) -> None:
    same_whoever_is_kept(text, messages)


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_who_is_kept_changes_nothing_in_many_worlds(part: int) -> None:
    in_many_worlds(part, same_whoever_is_kept)


def came(now: Instant, **traits: Json) -> list[Message]:
    """A customer came, and before it said something of itself."""
    about = MessageKind.IDENTIFY if traits else MessageKind.TRACK
    return [
        Message(
            kind=about, name="customer_updated" if traits else "a", fields=traits, occurred_at=now, received_at=now,
            source="test", message_id=f"m{next(_numbers)}", user_id="u1",
        )
    ]  # fmt: skip


def test_what_is_written_of_a_kept_customer_by_hand_counts_at_once() -> None:
    store = Store.in_memory()
    pipeline = Pipeline(store, plan(LOW), NOON, Options())
    for messages in (came(NOON, score=50), came(NOON)):
        store.accept(messages, NOON)
        pipeline.step(NOON)
    assert store.counts().runs == {}
    (row,) = store.customers([1]).values()
    with store._db.write() as session:
        session.change("UPDATE customers SET fields = ? WHERE id = ?", ('{"score":30}', row.id))
    store.accept(came(NOON), NOON)
    pipeline.step(NOON)
    assert sum(store.counts().runs.values()) == 1


@pytest.mark.parametrize("kept", [0, 1_000])
def test_what_a_plugin_sets_counts_as_it_is_stored(kept: int) -> None:
    store = Store.in_memory()
    pipeline = Pipeline(store, plan(LABEL), NOON, Options(kept=kept))
    for _ in range(2):
        store.accept(came(NOON), NOON)
        pipeline.step(NOON)
    assert [run.rule for run in store.list_runs() if not run.ended_by] == ["greet"]


@pytest.mark.parametrize("kept", [0, 1_000])
def test_what_a_plugin_does_to_its_request_changes_nothing_that_is_kept(kept: int) -> None:
    store = Store.in_memory()
    pipeline = Pipeline(store, plan(SEND), NOON, Options(kept=kept))
    store.accept([came(NOON)[0]._replace(fields={"k": "x"})], NOON)
    pipeline.step(NOON)
    (request,) = pipeline.release(NOON, {}, 1)
    assert isinstance(request.event, dict)
    request.event["k"] = "y"
    pipeline.finish([EffectResult(effect_id=request.effect_id, status="done", attempt=1)], NOON)
    (noted,) = [row.values for row in store.decisions_of(limit=9) if row.outcome == "applied"]
    assert noted["text"] == "x"


def test_nobody_is_kept_while_hardly_anybody_comes_again() -> None:
    store = Store.in_memory()
    pipeline = Pipeline(store, plan(LOW), NOON, Options(kept=10))

    def found(people: Iterable[int]) -> int:
        """How many of them were in memory when they came."""
        hits = 0
        for person in people:
            store.accept([came(NOON)[0]._replace(user_id=f"u{person}")], NOON)
            hits += bool({*pipeline._warm._young, *pipeline._warm._old} & {store.last_customer()})
            pipeline.step(NOON)
        return hits

    assert found([7] * 15) == 14
    strangers = range(100, 160)
    assert found(strangers) == 0
    assert pipeline._warm._young == pipeline._warm._old == {}
    assert found([200] * 400) > 100, "it is tried again"


def test_of_customers_with_many_events_fewer_are_kept() -> None:
    store = Store.in_memory()
    rules = plan("rules: {often: {when: {event: b}, if: ['count(a) >= 2'], then: [wait: 1d]}}")
    pipeline = Pipeline(store, rules, NOON, Options(kept=10))
    events, people = [], []
    for number in range(160):
        store.accept([came(NOON)[0]._replace(user_id=f"u{number % 4}")], NOON)
        pipeline.step(NOON)
        kept = [*pipeline._warm._young.values(), *pipeline._warm._old.values()]
        people.append(len(kept))
        events.append(sum(len(one.history.series["a"].at) for one in kept))
    assert max(people) == 4
    assert people[-1] < 4
    assert 50 < max(events) <= 10 * 10 + 40, "each half goes over its bound by the customer who came last at most"


def test_of_who_is_kept_no_more_is_remembered_than_the_windows_reach() -> None:
    store = Store.in_memory()
    rules = plan("rules: {often: {when: {event: b}, if: ['count(a in last 2h) >= 2'], then: [wait: 1d]}}")
    pipeline = Pipeline(store, rules, NOON, Options())
    for hour in range(0, 50, 2):
        store.accept(came(NOON + hour * HOUR), NOON + hour * HOUR)
        pipeline.step(NOON + hour * HOUR)
    (customer,) = pipeline._warm.take([1], NOON + 48 * HOUR).values()
    assert customer.history.series["a"].at == [NOON + 46 * HOUR, NOON + 48 * HOUR]
