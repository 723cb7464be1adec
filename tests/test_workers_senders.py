"""Two workers that send for the same customers, because one was taken for lost: the newest attempt counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from decide_help import NOON
from deliver_help import dispatching, outside, request
from retain.clock import running
from retain.errors import StoreError
from retain.model import Effect
from retain.registry import ActionRequest, ActionResult, EffectResult
from retain.store.sharing import PARTITIONS
from test_workers import POST, Worker, insist, tick, wait, workers

AGAIN = "rules: {r: {when: {event: a}, runs: {mode: parallel}, then: [{post.again: {text: one}}]}}"
FREE = {"post.again": 99, "post.it": 99, "post.skip": 99}
SKIP = AGAIN.replace("post.again", "post.skip").replace("}}]", "}}, {wait: 1d}]")


@contextmanager
def lost(rules: str) -> Iterator[tuple[Worker, Worker, ActionRequest]]:
    """Two workers; the first stopped while it sent an effect, and the second has its customers."""
    with workers(2, rules) as (first, second):
        first.store.accept([tick(1, 1)], NOON)
        first.decide()
        (old,) = first.pipeline.release(NOON, FREE, 99)
        first.stop()
        wait(lambda: (second.turn(), len(second.store._share.tokens) == PARTITIONS)[1])
        yield first, second, old


@contextmanager
def taken_over() -> Iterator[tuple[Worker, Worker, ActionRequest, ActionRequest]]:
    """The same where the second sends it again."""
    with lost(AGAIN) as (first, second, old):
        (new,) = second.pipeline.release(NOON, FREE, 99)
        yield first, second, old, new


def stored(worker: Worker) -> Effect:
    """The one effect there is."""
    (effect,) = worker.store.list_effects()
    return effect


def test_the_late_result_of_a_worker_that_was_taken_for_lost_does_not_end_the_attempt_that_followed() -> None:
    with taken_over() as (first, second, old, new):
        assert (old.effect_id, old.attempt, new.attempt) == (new.effect_id, 1, 2)
        late = EffectResult(effect_id=old.effect_id, status="retry", attempt=1, reason="refused", retry_at=NOON)
        insist(lambda: first.pipeline.finish([late], NOON))
        assert (stored(second).state.value, stored(second).attempt) == ("sending", 2)
        second.pipeline.finish([EffectResult(effect_id=new.effect_id, status="done", attempt=2)], NOON)
        assert stored(second).state.value == "done"


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_attempts_that_end_at_the_same_time_the_newest_counts(order: int) -> None:
    with taken_over() as (_, second, old, new):
        late = EffectResult(effect_id=old.effect_id, status="retry", attempt=1, reason="refused", retry_at=NOON)
        done = EffectResult(effect_id=new.effect_id, status="done", attempt=2)
        second.pipeline.finish([late, done][::order], NOON)
        assert stored(second).state.value == "done"


@pytest.mark.parametrize(("policy", "status", "effect", "run"), [
    ("hold", "done", "done", "ended"),
    ("hold", "dead", "dead", "held"),
    ("hold", "retry", "pending", "acting"),
    ("hold", "in_doubt", "in_doubt", "held"),
    ("skip", "done", "done", "waiting"),
    ("skip", "retry", "cancelled", "waiting"),
])  # fmt: skip
def test_the_late_result_of_a_worker_that_was_taken_for_lost_settles_what_is_in_doubt(
    policy: str, status: str, effect: str, run: str
) -> None:
    with lost({"hold": POST, "skip": SKIP}[policy]) as (first, second, old):
        assert stored(second).state.value == "in_doubt"
        late = EffectResult(effect_id=old.effect_id, status=status, attempt=1, retry_at=NOON)
        insist(lambda: first.pipeline.finish([late], NOON))
        (found,) = second.store.list_runs()
        assert (stored(second).state.value, found.state.value) == (effect, run)


def test_a_worker_that_regains_customers_takes_its_own_old_attempt_for_none_of_another_worker() -> None:
    with taken_over() as (first, second, old, _):
        second.store.close()
        wait(lambda: _balances(first, (old.effect_id, old.attempt)))
        assert stored(first).state.value == "pending", "the other's attempt is in doubt, and is made again"
        assert [again.attempt for again in first.pipeline.release(NOON, FREE, 99)] == [3]


def _balances(worker: Worker, under_way: tuple[str, int]) -> bool:
    """Whether a worker that lives again has everything; the first try finds its connection ended."""
    assert worker.store._leases is not None
    with suppress(StoreError):
        with worker.store._db.write() as session:
            worker.store._leases.renew(session)
        worker.pipeline.balance(NOON, besides={under_way})
    return len(worker.store._share.tokens) == PARTITIONS


async def test_what_was_claimed_before_a_worker_stood_still_for_longer_than_its_lease_is_not_begun() -> None:
    called: list[str] = []

    async def note(asked: ActionRequest) -> ActionResult:
        called.append(asked.effect_id)
        return ActionResult()

    async with dispatching(outside("shop.do", note)) as (dispatcher, results):
        dispatcher.submit(request("shop.do", "late"), until=running())
        dispatcher.submit(request("shop.do", "early"), until=running() + 60)
        late, early = await results.wait_for("late", "early")
    assert (called, late.status, early.status) == (["early"], "retry", "done")
