"""What `retention` limits is forgotten once it is older, in small pieces; everything else is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon_help import Shop, running, wait_until
from retain.app.live.pruning import CHUNK, Pruning
from retain.clock import FixedClock
from retain.config.settings import Retention
from retain.instants import DAY
from retain.model import DecisionRow, Instant
from retain.store.rows import Batch
from retain.store.store import Store
from store_help import T0
from stores import new_store


@pytest.fixture(params=["memory", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with new_store(request.param, tmp_path) as opened:
        yield opened


def decided(at: Instant) -> DecisionRow:
    """A row of the decision log."""
    return DecisionRow(at=at, event_seq=0, rule="r", customer=1, run="", kind="refusal", outcome="if", path="if[0]")


def keep(store: Store, *times: Instant) -> None:
    """Rows of the decision log and refused messages of these times."""
    store.commit(Batch(decisions=[decided(at) for at in times]))
    store.add_rejects([(at, "web", "bad", "{}") for at in times])


def kept(store: Store) -> tuple[list[Instant], list[Instant]]:
    """The times of the decision log and of the refused messages, the oldest first."""
    decisions = [row.at for row in store.decisions_of(limit=10_000)]
    return sorted(decisions), sorted(row.at for row in store.list_rejects(10_000))


def pruning(store: Store, retention: Retention, at: Instant) -> tuple[Pruning, list[int]]:
    """What prunes at an instant, and how much each call of the writer took away."""
    calls: list[int] = []

    async def in_writer(job):
        calls.append(job())
        return calls[-1]

    return Pruning(store, FixedClock(at), lambda: retention, in_writer), calls


def test_rows_before_an_instant_are_forgotten_and_that_instant_is_kept(store: Store) -> None:
    keep(store, T0, T0 + 1, T0 + 2)
    assert (store.prune_decisions(T0 + 1, 100), store.prune_rejects_before(T0 + 2, 100)) == (1, 2)
    assert kept(store) == ([T0 + 1, T0 + 2], [T0 + 2])


def test_one_call_forgets_no_more_than_its_limit_and_the_oldest_first(store: Store) -> None:
    keep(store, *range(T0, T0 + 10))
    assert (store.prune_decisions(T0 + 9, 4), store.prune_rejects_before(T0 + 9, 4)) == (4, 4)
    assert kept(store) == ([*range(T0 + 4, T0 + 10)],) * 2


async def test_all_that_is_too_old_is_forgotten_in_pieces_between_which_the_writer_goes_on(
    store: Store,
) -> None:
    keep(store, *[T0] * (CHUNK + 1), T0 + DAY)
    work, calls = pruning(store, Retention(decisions=DAY, rejects=DAY), T0 + DAY + 1)
    await work.prune()
    assert kept(store) == ([T0 + DAY], [T0 + DAY])
    assert calls == [CHUNK, 1, 0, CHUNK, 1, 0]


async def test_what_retention_does_not_name_is_kept_for_ever(store: Store) -> None:
    keep(store, T0)
    work, _ = pruning(store, Retention(rejects=DAY), T0 + 10_000 * DAY)
    await work.prune()
    assert kept(store) == ([T0], [])


@pytest.mark.long
def test_the_daemon_forgets_what_is_too_old_and_its_log_says_how_much(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.write(more="retention: {decisions: 90d}\n")
    with Store.open(shop.folder / "retain.db") as store:
        keep(store, T0)
    with running(shop) as daemon:
        wait_until(lambda: daemon.said(" pruned "))
        assert daemon.said("decisions=1 rejects=0")
        daemon.stop()
    with shop.store() as store:
        assert kept(store) == ([], [T0])
