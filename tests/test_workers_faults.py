"""What goes wrong on one of several workers: nothing of it is lost, and nothing of it is written twice."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress

import pytest

from decide_help import NOON, plan
from postgres_help import new_server
from retain.decide.facts import Facts, Moment, Performed
from retain.decide.operations import stop_run
from retain.errors import StoreConflictError, StoreUnavailableError
from retain.model import Record, Run
from retain.pipeline import Options, Pipeline
from retain.pipeline.agenda import EVENT
from retain.pipeline.aside import put_aside
from retain.pipeline.attempt import Failed
from retain.pipeline.operating import wake_held, with_runs
from retain.store.rows import Batch, PauseRow
from retain.store.sharing import PARTITIONS
from retain.store.store import Store
from store_help import identify, message
from test_workers import CHAIN, POST, Worker, insist, tick, wait, workers

POISON = CHAIN + "  crash: {when: {event: c}, runs: {mode: parallel}, then: [{crash.always: {}}]}\n"
HALF = PARTITIONS // 2


def test_an_event_that_is_put_aside_leaves_those_that_wait_for_another_worker() -> None:
    with workers(2, POISON) as (first, second):
        visits = [message("a", anonymous_id=f"v{number}", at=NOON, fields={"n": 1}) for number in range(HALF)]
        visits += [message("b", user_id=f"u{number}", at=NOON) for number in range(HALF)]
        first.store.accept(visits, NOON)  # the visitors are the first worker's, the users the second's
        joins = [identify(user_id=f"u{number}", anonymous_id=f"v{number}", at=NOON) for number in range(HALF // 2)]
        first.store.accept([*joins, *(message("c", user_id=f"u{number}", at=NOON) for number in range(HALF))], NOON)
        second.decide()
        wait(lambda: [worker.turn() for worker in (first, second)] == [False, False] and not undecided(first))
        assert len(first.store.failed_events()) == HALF
        assert len(first.store.customer_ids_after(0, 1000)) == HALF + HALF // 2, "every join was decided"


def undecided(worker: Worker) -> int:
    """How many accepted events nobody has decided."""
    return worker.store.backlog(NOON).undecided


def test_a_worker_that_lost_its_customers_puts_none_of_their_events_aside() -> None:
    with workers(2, CHAIN) as (first, second):
        first.store.accept([tick(user, 1) for user in range(40)], NOON)
        begun = first.store.undecided(100)[0]
        first.stop()
        wait(lambda: (second.turn(), len(second.store._share.tokens) == PARTITIONS)[1])
        second.decide()
        insist(first.pipeline.refresh)
        late = Failed(RuntimeError("late"))
        with pytest.raises(StoreConflictError):
            insist(lambda: put_aside(first.pipeline, (NOON, EVENT, begun.seq, ""), late, NOON, {begun.seq: begun}))
        assert second.store.failed_events() == []


def test_a_source_that_was_first_named_in_vain_is_named_again() -> None:
    with workers(2, CHAIN) as made:
        store = made[0].store
        with suppress(ZeroDivisionError), store.exclusively([]):
            store.accept([message("a", user_id="u1", at=NOON, source="shop")], NOON)
            raise ZeroDivisionError
        store.accept([message("a", user_id=f"u{user}", at=NOON, source="shop") for user in range(40)], NOON)
        assert {event.source for worker in made for event in worker.store.undecided(99)} == {"shop"}


def test_events_that_are_retried_take_their_turn_among_what_others_take_in() -> None:
    with workers(2, POISON) as (first, second):
        first.store.accept([message("c", user_id="u1", at=NOON)], NOON)
        for worker in (first, second):
            worker.decide()
        (failed,) = first.store.failed_events()
        raised: list[Exception] = []

        def retry() -> None:
            try:
                second.store.retry_failed([failed.event.seq], NOON)
            except Exception as error:
                raised.append(error)

        thread = threading.Thread(target=retry)
        with first.store.exclusively([]):
            first.store.accept([tick(1, 1)], NOON)
            thread.start()
            thread.join(0.5)
            assert thread.is_alive()
        thread.join()
        assert raised == []
        assert sorted(event.name for worker in (first, second) for event in worker.store.undecided(9)) == ["a", "c"]


def test_a_worker_that_has_not_looked_at_records_yet_tells_the_others_of_its_own() -> None:
    with workers(2, CHAIN) as (first, second):
        first.store.accept([tick(user, 1) for user in range(40)], NOON)
        mine = next(event.customer for event in first.store.undecided(100))
        second.store.records_changed()
        first.store.commit(
            Batch(
                records=[Record(kind="task", id="t", customer=mine)],
                about={mine},
            )
        )
        assert second.store.records_changed()


def test_a_pause_and_its_end_are_every_workers_at_once() -> None:
    with workers(2, POST) as made:
        store = made[0].store
        wait(lambda: all(worker.store.others for worker in made))
        store.accept([tick(user, 1) for user in range(20)], NOON)
        decide_all(made)
        store.commit(Batch(pauses=[PauseRow("rule", "r", True, "", "ada", NOON)]))
        store.accept([tick(user, 2) for user in range(20, 40)], NOON)
        decide_all(made)
        assert [len(worker.pipeline.release(NOON, {"post.it": 99}, 99)) for worker in made] == [0, 0]
        assert Counter(run.state.value for run in store.list_runs(limit=99)) == {"acting": 20, "parked": 20}
        store.commit(Batch(pauses=[PauseRow("rule", "r", False, "", "ada", NOON)]))
        wake_held(made[0].pipeline, NOON)
        decide_all(made)
        assert sum(len(worker.pipeline.release(NOON, {"post.it": 99}, 99)) for worker in made) == 20


def decide_all(made: list[Worker]) -> None:
    """Let each decide what is its own."""
    for worker in made:
        worker.decide()


def test_what_is_done_by_hand_is_told_once_though_another_worker_was_faster() -> None:
    with workers(2, POST) as (first, second):
        first.store.accept([tick(user, 1) for user in range(PARTITIONS)], NOON)
        decide_all([first, second])
        mine = [run.id for run in first.store.list_runs(limit=99) if not first.store.is_foreign([run.customer])]
        tried: list[str] = []

        def stop(facts: Facts, run: Run) -> tuple[str, bool]:
            if not tried:
                with second.store.exclusively([run.customer]):
                    pass
            tried.append(run.id)
            return run.id, stop_run(facts, run, "stopped", Moment.of_timer(NOON))

        told = with_runs(first.pipeline, mine, NOON, stop)
        assert sorted(told) == sorted((run, True) for run in mine)
        assert len(tried) == 2 * len(mine)


def test_a_command_of_another_process_takes_no_customers_from_the_workers_that_live() -> None:
    with workers(1, POST) as (worker,):
        worker.store.accept([tick(user, 1) for user in range(4)], NOON)
        worker.decide()
        with Store.open(worker.store._db.dialect._url, briefly=True) as hand:
            assert (worker.store.workers(), hand.leads) == ([], False)
            pipeline = Pipeline(hand, worker.pipeline.plan, NOON)
            hand.accept([tick(user, 1) for user in range(4, 8)], NOON)
            assert not pipeline.step(NOON).events
            first, *_, last = [run.id for run in hand.list_runs(limit=9)]

            def stop(facts: Facts, run: Run) -> bool:
                return stop_run(facts, run, "stopped", Moment.of_timer(NOON))

            assert with_runs(pipeline, [first, last], NOON, stop) == [True, True]
        worker.decide()
        assert Counter(run.ended_by for run in worker.store.list_runs(limit=9)) == {"stopped": 2, "": 6}
        assert len(worker.pipeline.release(NOON, {"post.it": 99}, 99)) == 6


def test_a_command_decides_for_everybody_where_no_worker_lives() -> None:
    with workers(1, POST) as (worker,):
        worker.store.close()
        with Store.open(worker.store._db.dialect._url, briefly=True) as hand:
            hand.accept([tick(user, 1) for user in range(4)], NOON)
            assert Pipeline(hand, worker.pipeline.plan, NOON).step(NOON).events == 4


SAY = "rules: {r: {when: {event: a}, runs: {mode: parallel}, then: [{note.write: {text: one}}, {emit: {event: b}}]}}"


@pytest.mark.parametrize("is_committed", [True, False])
def test_events_are_decided_once_though_the_server_goes_away_during_their_commit(is_committed: bool) -> None:
    server = new_server()
    try:
        with Store.open(server.url()) as store:
            gone = threading.Event()

            def observe(performed: Performed) -> None:
                if not gone.is_set():
                    gone.set()
                    server.stop()
                    raise StoreUnavailableError("the answer to the commit is lost")

            pipeline = Pipeline(store, plan(SAY), NOON, Options(observe=observe))
            store.accept([tick(user, 1) for user in range(5)], NOON)
            if not is_committed:
                pipeline.give_way()  # so that all is one transaction, which is open when the server goes away
            with pytest.raises(StoreUnavailableError):
                pipeline.step(NOON)
            server.start()
            wait(lambda: answers(store))
            while pipeline.step(NOON).more:
                pass
            assert store.failed_events() == []
            assert len(store.list_runs(limit=99)) == 5
    finally:
        server.remove()


def answers(store: Store) -> bool:
    """Whether the server is back."""
    try:
        store.probe()
    except StoreUnavailableError:
        return False
    return True
