"""A breaker counts the starts of all workers together."""

from __future__ import annotations

from collections import Counter

import pytest

from decide_help import NOON
from retain.store.rows import Batch, PauseRow
from retain.store.sharing import PARTITIONS
from retain.store.store import Store
from test_workers import Worker, tick, wait, workers

MOST = 20
LIMITED = (
    f"rules: {{r: {{when: {{event: a}}, runs: {{mode: parallel}}, breaker: {MOST} per 1h,"
    " then: [{note.write: {text: one}}]}}"
)


def starts(store: Store) -> Counter[str]:
    """How many live runs were started, and how many wait for a person."""
    runs = store.list_runs(limit=1_000)
    return Counter("waits" if run.state.value == "parked" else "started" for run in runs if run.arm == "live")


@pytest.mark.parametrize("batch", [1, 7, 50])
def test_workers_that_decide_at_once_start_no_more_than_the_breaker_allows(batch: int) -> None:
    with workers(2, LIMITED, batch=batch) as made:
        for worker in made:
            worker.start()
        for start in range(0, 60, 20):
            made[start // 20 % 2].store.accept([tick(user, 1) for user in range(start, start + 20)], NOON)
        store = made[0].store
        wait(lambda: starts(store).total() == 60 or any(worker.failure for worker in made))
        assert [worker.failure for worker in made] == [None, None]
        assert starts(store) == {"started": MOST, "waits": 60 - MOST}


def test_a_breaker_that_is_far_from_its_limit_lets_nobody_decide_twice() -> None:
    with workers(2, LIMITED.replace(str(MOST), str(PARTITIONS + 1))) as made:
        made[0].store.accept([tick(user, 1) for user in range(PARTITIONS)], NOON)
        for worker in made:
            assert worker.pipeline.step(NOON).events == PARTITIONS // 2
        assert starts(made[0].store) == {"started": PARTITIONS}


def test_a_breaker_that_a_person_has_reset_counts_anew_on_every_worker() -> None:
    with workers(2, LIMITED) as made:
        made[0].store.accept([tick(user, 1) for user in range(MOST + 2)], NOON)
        wait(lambda: not any(_turns(made)) and starts(made[0].store).total() == MOST + 2)
        assert starts(made[0].store) == {"started": MOST, "waits": 2}
        later = NOON + 1
        made[0].pipeline.reset_breakers(["r"], later)
        made[0].store.commit(Batch(pauses=[PauseRow("rule", "r", False, "", "ada", later)]))
        made[0].store.accept([tick(user, 2) for user in range(100, 100 + MOST)], later)
        for worker in made:
            while worker.turn(later):
                pass
        assert starts(made[0].store) == {"started": 2 * MOST, "waits": 2}


def _turns(made: list[Worker]) -> list[bool]:
    return [worker.turn() for worker in made]
