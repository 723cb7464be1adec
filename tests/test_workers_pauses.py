"""What is parked or held goes on though the pause ends, on another worker, while it is decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import psycopg

from decide_help import NOON
from retain.pipeline.operating import wake_held
from retain.store.rows import Batch, PauseRow
from retain.store.sharing import PARTITIONS
from test_workers import POST, tick, wait, workers
from test_workers_faults import decide_all

HELD = PauseRow("rule", "r", True, "", "ada", NOON)
FREE = {"post.it": 99}


class Meanwhile:
    """Does something once, in the middle of a decision (see `pipeline.options.Guard`)."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act: Callable[[], object] | None = act

    def begin(self, name: str) -> None:
        """A decision begins."""
        act, self._act = self._act, None
        if act is not None:
            act()

    def end(self) -> None:
        """All decisions have ended."""


def test_a_start_that_is_decided_while_the_pause_ends_is_not_parked_for_ever() -> None:
    with workers(2, POST) as (first, second):
        wait(lambda: first.store.others)
        second.store.commit(Batch(pauses=[HELD]))
        first.store.accept([tick(user, 1) for user in range(PARTITIONS)], NOON)
        resume = Meanwhile(lambda: second.store.commit(Batch(pauses=[replace(HELD, paused=False)])))
        first.pipeline.options = replace(first.pipeline.options, guard=resume)
        first.decide()
        assert {run.state.value for run in first.store.list_runs(limit=99)} == {"acting"}


def test_an_effect_that_is_held_while_the_pause_ends_goes_out() -> None:
    with workers(2, POST) as (first, second):
        wait(lambda: first.store.others)
        first.store.accept([tick(user, 1) for user in range(PARTITIONS)], NOON)
        decide_all([first, second])
        second.store.commit(Batch(pauses=[HELD]))

        def resume() -> None:
            second.store.commit(Batch(pauses=[replace(HELD, paused=False)]))
            wake_held(second.pipeline, NOON)

        first.pipeline.options = replace(first.pipeline.options, guard=Meanwhile(resume))
        sent = [len(first.pipeline.release(NOON, FREE, 99)) for _ in range(2)]
        assert sent == [0, PARTITIONS // 2]


def test_a_worker_alone_learns_of_a_pause_that_was_given_elsewhere() -> None:
    with workers(1, POST) as (worker,):
        worker.store.accept([tick(1, 1)], NOON)
        worker.decide()
        with psycopg.connect(worker.store._db.dialect._url, autocommit=True) as elsewhere:
            elsewhere.execute("INSERT INTO pauses (scope, name, reason, \"by\", at) VALUES ('rule', 'r', '', 'ada', 0)")
        wait(lambda: (worker.turn(), worker.pipeline.held_rules() == {"r"})[1])
        assert worker.pipeline.release(NOON, FREE, 99) == []
