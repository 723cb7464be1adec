"""The events of a customer are decided in order, and before the timers that are due after them, whoever decides."""

from __future__ import annotations

from decide_help import NOON
from retain.instants import HOUR, MINUTE
from retain.store.sharing import PARTITIONS
from store_help import identify, message
from test_workers import Worker, balanced, tick, wait, workers
from test_workers_faults import POISON, decide_all

IN_TIME = """
rules:
  r:
    when: {event: a}
    then:
      - wait_for: {event: b}
        up_to: 1h
        then: [{set: {stage: 1}}]
        else: [{set: {stage: 2}}]
"""


def customers_of(worker: Worker) -> list[int]:
    """Everybody whom a worker decides."""
    return [one for one in worker.store.customer_ids_after(0, 1_000) if not worker.store.is_foreign([one])]


def key_of(worker: Worker, customer: int) -> str:
    """The user id or anonymous id of a customer."""
    return worker.store.customers([customer])[customer].key.partition(":")[2]


def test_an_event_that_is_retried_before_its_customer_is_joined_comes_to_whoever_joins() -> None:
    with workers(2, POISON) as (first, second):
        first.store.accept([message("c", anonymous_id="v", at=NOON)], NOON)
        first.store.accept([message("b", user_id=f"u{number}", at=NOON) for number in range(PARTITIONS)], NOON)
        decide_all([first, second])
        (failed,) = first.store.failed_events()
        assert failed.event.customer in customers_of(first)
        user = key_of(second, customers_of(second)[0])
        first.store.accept([identify(user_id=user, anonymous_id="v", at=NOON)], NOON)
        assert first.store.retry_failed([failed.event.seq], NOON)
        first.store.accept([message("b", user_id=user, at=NOON)], NOON)
        decide_all([second, first])
        assert first.store.backlog(NOON).undecided == 0
        assert [again.event.name for again in first.store.failed_events()] == ["c"], "it was decided, and fails again"


def test_no_timer_overtakes_the_events_that_came_before_it_where_some_customers_are_behind() -> None:
    with workers(2, IN_TIME) as (first, second):
        first.store.accept([tick(user, 1) for user in range(PARTITIONS)], NOON)
        decide_all([first, second])
        behind, (ahead, waits) = customers_of(second)[0], customers_of(first)[:2]
        for customer in (behind, ahead):
            first.store.accept([message("c", user_id=key_of(first, customer), at=NOON + MINUTE)], NOON + MINUTE)
        while first.turn(NOON + MINUTE):
            pass
        second.store.close()
        wait(lambda: balanced([first]))
        first.store.accept([message("b", user_id=key_of(first, waits), at=NOON + 2 * MINUTE)], NOON + 2 * MINUTE)
        while first.turn(NOON + 2 * HOUR):
            pass
        stages = {one.id: one.fields.get("stage") for one in first.store.customers(customers_of(first)).values()}
        assert stages.pop(waits) == 1, "what it waited for had come in time"
        assert set(stages.values()) == {2}


def test_no_timer_overtakes_an_event_that_waits_for_another_worker() -> None:
    with workers(2, IN_TIME) as (first, second):
        first.store.accept([tick(user, 1) for user in range(PARTITIONS)], NOON)
        decide_all([first, second])
        mine = customers_of(first)[0]
        first.store.accept([message("c", anonymous_id=f"v{number}", at=NOON) for number in range(PARTITIONS)], NOON)
        visitor, user = key_of(second, customers_of(second)[-1]), key_of(first, mine)
        joined = identify(user_id=user, anonymous_id=visitor, at=NOON + MINUTE)
        first.store.accept([joined, message("b", user_id=user, at=NOON + MINUTE)], NOON + MINUTE)
        while first.turn(NOON + 2 * HOUR):
            pass
        assert first.store.customers([mine])[mine].fields == {}, "nothing is decided yet"
        wait(lambda: (second.turn(NOON), first.turn(NOON + 2 * HOUR), first.store.customers([mine])[mine].fields)[2])
        assert first.store.customers([mine])[mine].fields == {"stage": 1}
