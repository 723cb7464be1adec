"""Several workers on one PostgreSQL: each decides its own customers, and what a lost one did not decide others do."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from decide_help import NOON, plan
from postgres_help import database
from retain.errors import StoreConflictError, StoreError, StoreUnavailableError
from retain.instants import MINUTE
from retain.language.plan import Plan
from retain.pipeline import Options, Pipeline
from retain.registry import EffectResult
from retain.store import leases
from retain.store.rows import Batch
from retain.store.sharing import PARTITIONS, partition_of
from retain.store.store import Store
from store_help import identify, message
from test_pipeline_leads import LEADS

CHAIN = """
rules:
  chain:
    when: {event: a}
    if: ["event.n == default(customer.score, 0) + 1"]
    runs: {mode: parallel}
    then: [{set: {score: "{{ event.n }}"}}]
"""
POST = "rules: {r: {when: {event: a}, runs: {mode: parallel}, then: [{post.it: {text: one}}]}}"
LEASE_MS = 60_000  # so long that none ends because the machine is busy
BEAT_MS = 250


class Worker:
    """One worker as a process would be: a store and a pipeline, and a thread that decides while it is not stopped."""

    def __init__(self, url: str, rules: Plan, *, batch: int = 50) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(leases, "_BEATS", LEASE_MS // BEAT_MS)
            self.store = Store.open(url, lease_ms=LEASE_MS)
        self.pipeline = Pipeline(self.store, rules, NOON, Options(batch=batch))
        self.requests: list[str] = []
        self.failure: Exception | None = None
        self._runs = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def turn(self, now: int = NOON) -> bool:
        """Balance, then decide one batch; whether there is more."""
        if self.store.needs_balance():
            self.pipeline.balance(now)
        return self.pipeline.step(now).more

    def decide(self) -> None:
        """Decide all that is this worker's."""
        while self.turn():
            pass

    def start(self) -> None:
        """Decide in a thread from now on."""
        self._runs.set()
        self._thread.start()

    def stop(self) -> None:
        """Stand still between two statements for longer than the lease."""
        self._runs.clear()
        lease = self.store._leases
        assert lease is not None
        lease.stop()
        assert not lease._thread.is_alive()
        lease.sure_until -= LEASE_MS / 1000
        with self.store._db.write() as session:
            session.change("UPDATE workers SET leased_until = leased_until - ? WHERE id = ?", (LEASE_MS, lease.worker))

    def go_on(self) -> None:
        """Wake up; what was begun before is tried first."""
        self._runs.set()

    def end(self) -> None:
        """Leave in order."""
        self._ended.set()
        self._runs.set()
        if self._thread.is_alive():
            self._thread.join()
        self.store.close()

    def _work(self) -> None:
        while not self._ended.is_set():
            self._runs.wait()
            try:
                if not self.turn():
                    time.sleep(0.01)
            except Exception as error:
                self.failure = error
                return


@contextmanager
def workers(count: int, text: str, **given: int) -> Iterator[list[Worker]]:
    """Workers that have shared the customers out."""
    with database() as url:
        made = [Worker(url, plan(text), **given) for _ in range(count)]
        try:
            wait(lambda: balanced(made))
            yield made
        finally:
            for worker in made:
                worker.end()


def balanced(made: list[Worker]) -> bool:
    """Whether each has a fair share."""
    for worker in made:
        if worker.store.needs_balance():
            worker.pipeline.balance(NOON)
    owned = [len(worker.store._share.tokens) for worker in made]
    return sum(owned) == PARTITIONS and max(owned) <= -(-PARTITIONS // len(made))


def wait(true: Callable[[], bool], timeout: float = 60.0) -> None:
    """Until something is so."""
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def insist(do: Callable[[], object]) -> None:
    """Do something as a worker that counts as lost, whose connections are ended again and again."""

    def is_done() -> bool:
        try:
            do()
        except StoreUnavailableError:
            return False
        return True

    wait(is_done)


def tick(user: int, number: int) -> object:
    """The customer's next event of a chain."""
    return message("a", user_id=f"u{user}", at=NOON, fields={"n": number})


def scores(store: Store) -> Counter[object]:
    """How many customers have come how far in their chain."""
    ids = store.customer_ids_after(0, 100_000)
    return Counter(row.fields.get("score") for row in store.customers(ids).values())


def test_customers_are_shared_out_and_each_is_decided_by_its_owner_alone() -> None:
    with workers(3, CHAIN) as made:
        made[0].store.accept([tick(user, 1) for user in range(30)], NOON)
        shares = [{partition_of(event.customer) for event in worker.store.undecided(100)} for worker in made]
        assert [share & other for share in shares for other in shares if share is not other] == [set()] * 6
        for worker in made:
            worker.decide()
        assert scores(made[0].store) == {1: 30}


def test_a_worker_that_leaves_gives_everything_to_the_others() -> None:
    with workers(2, CHAIN) as made:
        made[0].store.close()
        wait(lambda: balanced(made[1:]))


def test_the_order_of_a_customer_is_kept_while_several_decide_and_take_in() -> None:
    with workers(2, CHAIN, batch=20) as made:
        for worker in made:
            worker.start()
        for number in range(1, 11):
            made[number % 2].store.accept([tick(user, number) for user in range(40)], NOON)
        wait(lambda: scores(made[0].store) == {10: 40} or any(worker.failure for worker in made))
        assert [worker.failure for worker in made] == [None, None]


def test_a_worker_that_was_stopped_longer_than_its_lease_commits_nothing() -> None:
    with workers(2, CHAIN) as (first, second):
        first.store.accept([tick(user, 1) for user in range(40)], NOON)
        begun = first.store.undecided(100)
        facts = first.pipeline.facts()
        first.stop()
        wait(lambda: (second.turn(), len(second.store._share.tokens) == PARTITIONS)[1])
        second.decide()
        with pytest.raises(StoreError):  # its connections are ended, in case it held a lock
            first.pipeline.commit(facts, begun[-1].seq)
        with pytest.raises(StoreConflictError):
            insist(lambda: first.store.commit(Batch(watermark=begun[-1].seq)))
        insist(first.decide)
        assert scores(second.store) == {1: 40}


def test_a_stopped_worker_leaves_what_it_was_sending_in_doubt() -> None:
    with workers(2, POST) as (first, second):
        first.store.accept([tick(user, 1) for user in range(20)], NOON)
        for worker in (first, second):
            worker.decide()
        sent = first.pipeline.release(NOON, {}, 100)
        assert 0 < len(sent) < 20
        first.stop()
        wait(lambda: (second.turn(), len(second.store._share.tokens) == PARTITIONS)[1])
        assert Counter(effect.state.value for effect in second.store.list_effects()) == {
            "in_doubt": len(sent),
            "pending": 20 - len(sent),
        }
        with pytest.raises(StoreError):
            first.store.probe()
        result = EffectResult(effect_id=sent[0].effect_id, status="done", attempt=1)
        insist(lambda: first.pipeline.finish([result], NOON))
        found = second.store.effects_by_id([sent[0].effect_id])[0]
        assert found.state.value == "done", "it was no more than slow"


def test_every_worker_sends_for_its_own_customers() -> None:
    with workers(2, POST) as made:
        made[0].store.accept([tick(user, 1) for user in range(PARTITIONS)], NOON)
        for worker in made:
            worker.decide()
            sent = worker.pipeline.release(NOON, {"post.it": 99}, 99)
            assert {request.customer_id % PARTITIONS for request in sent} <= worker.store._share.tokens.keys()
            assert len(sent) == PARTITIONS // 2
            done = [EffectResult(effect_id=one.effect_id, status="done", attempt=1) for one in sent]
            worker.pipeline.finish(done, NOON)
        assert Counter(effect.state.value for effect in made[0].store.list_effects()) == {"done": PARTITIONS}


def test_customers_of_two_workers_become_one_with_all_their_history() -> None:
    with workers(2, CHAIN) as made:
        for worker in made:
            worker.start()
        store = made[0].store
        visits = [message("a", anonymous_id=f"v{user}", at=NOON, fields={"n": 1}) for user in range(30)]
        store.accept(visits, NOON)
        store.accept([message("b", user_id=f"u{user}", at=NOON, fields={}) for user in range(30)], NOON)
        joins = [identify(user_id=f"u{user}", anonymous_id=f"v{user}", at=NOON) for user in range(30)]
        made[1].store.accept(joins, NOON)
        made[0].store.accept([tick(user, 2) for user in range(30)], NOON)
        wait(lambda: scores(store) == {2: 30} or any(worker.failure for worker in made))
        assert [worker.failure for worker in made] == [None, None]
        assert len(store.customer_ids_after(0, 1000)) == 30


def test_leads_are_shared_out_as_written_whoever_decides() -> None:
    with workers(2, LEADS, batch=20) as made:
        for worker in made:
            worker.start()
        for start in range(0, 200, 50):
            leads = [message("signed_up", user_id=f"u{number}", at=NOON) for number in range(start, start + 50)]
            made[start // 50 % 2].store.accept(leads, NOON + MINUTE)
        store = made[0].store
        wait(lambda: len(store.list_records("lead", limit=2000)) == 200 or any(worker.failure for worker in made))
        assert [worker.failure for worker in made] == [None, None]
        had = Counter(record.owner.partition("@")[0] for record in store.list_records("lead", limit=2000))
        assert had == {"ada": 100, "ben": 60, "cem": 40}
