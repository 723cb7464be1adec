"""`retain plan`: what an edit of the rules does to people, now and over the past."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from retain.app.live.collecting import rare_collection
from retain.app.planning.differences import Comparison, compare
from retain.app.planning.edits import Edit, edits_between, renamed
from retain.app.planning.history import History
from retain.app.planning.sides import Side
from retain.app.planning.waiting import Membership, Waiting, fates_of, memberships, waiting_runs
from retain.app.planning.worlds import Log, World, copy_of, past_world
from retain.app.simulation.beside import Beside, how_many
from retain.app.simulation.feeding import drain
from retain.instants import DAY
from retain.model import Instant, Millis
from retain.store.store import Store

SINCE: Millis = 90 * DAY
AHEAD: Millis = 30 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReport:
    """What an edit does to people.

    Args:
        left_out: rules of the former side that have an error and therefore do not run.
        edits: what differs in the text.
        past: the last days as they would have been under both texts; None where nothing differs.
        ahead: what is to come under both texts if nobody does anything.
        waiting: what becomes of the runs that wait.
        segments: those with a new definition.
    """

    base: str
    head: str
    at: Instant
    left_out: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    past: Comparison | None = None
    ahead: Comparison | None = None
    waiting: tuple[Waiting, ...] = ()
    segments: tuple[Membership, ...] = ()

    @property
    def touched(self) -> tuple[str, ...]:
        """Everybody with whom something goes otherwise, in the past or in what is to come."""
        parts = [part for part in (self.past, self.ahead) if part is not None]
        names = {person.customer for part in parts for person in part.people}
        return tuple(sorted(names, key=lambda name: (not name.isdigit(), len(name), name)))


def plan_edit(
    base: Side,
    head: Side,
    history: History,
    *,
    since: Millis = SINCE,
    ahead: Millis = AHEAD,
    alone: bool = False,
    progress: Callable[[int], None] | None = None,
    processes: int | None = None,
) -> PlanReport:
    """Play both rule sets over the last days, and over those to come.

    The past begins with everything known and nothing started, as if both texts had been deployed then. What is to come
    begins with the runs that wait: those of the store, or those that the former text has left waiting in the past.

    Args:
        since: how far back, in milliseconds.
        ahead: how far on, in milliseconds.
        alone: play only the rules that differ: quicker, but what other rules make of it is not seen.
        processes: 2 plays both sides at once, where the machine can; 1 one after the other; None is 2
            where there is more than one processor. What comes out is the same.
    """
    edits = edits_between(base, head)
    if not edits:
        return PlanReport(base=base.label, head=head.label, at=history.at, left_out=base.left_out)
    if alone:
        differing = {name for edit in edits if edit.kind == "rule" for name in (edit.name, edit.was)}
        base, head = base.only(differing), head.only(differing)
    start, end = history.at - since, history.at
    names = renamed(base, head)
    with (
        rare_collection(),
        _folder() as folder,
        past_worlds(base, head, history, start, folder, progress, processes, log=False) as (old, new),
    ):
        past = compare(old, new, start, end, names)
        origin = history.store or old.store
        with _closing(copy_of(origin, folder / "ahead-base.db")) as store:
            return _with_ahead(base, head, edits, past, store, folder, end + ahead, processes)


def _with_ahead(
    base: Side,
    head: Side,
    edits: Sequence[Edit],
    past: Comparison,
    store: Store,
    folder: Path,
    until: Instant,
    processes: int | None,
) -> PlanReport:
    at, names = past.end, renamed(base, head)
    plans = base.plan(), head.plan()
    old = World.begin(store, plans[0], base.letters(), at)
    former = waiting_runs(store)
    path = folder / "ahead-head.db"
    copy_of(store, path).close()

    def deploy() -> tuple[Log, list[Waiting], list[Membership]]:
        with Store.open(path, scratch=True, log=False) as copy:
            segments = memberships(copy, *plans, edits, at)
            new = World.begin(copy, plans[1], head.letters(), at)
            waiting = fates_of(former, copy, *plans, names)
            drain(new.pipeline, until)
            return new.log, waiting, segments

    with Beside(deploy, here=how_many(processes, 2) == 1) as other:
        drain(old.pipeline, until)
        log, waiting, segments = other.result()
    with Store.open(path, scratch=True) as copy:
        return PlanReport(
            base=base.label,
            head=head.label,
            at=at,
            left_out=base.left_out,
            edits=tuple(edits),
            past=past,
            ahead=compare(old, World.of(copy, plans[1], log, until), at, until, names, is_to_come=True),
            waiting=tuple(waiting),
            segments=tuple(segments),
        )


@contextmanager
def past_worlds(
    base: Side,
    head: Side,
    history: History,
    start: Instant,
    folder: Path,
    progress: Callable[[int], None] | None,
    processes: int | None = None,
    *,
    log: bool = True,
) -> Iterator[tuple[World, World]]:
    """Both rule sets over the last days, from one store that knows what came before; each in a process of its own.

    Args:
        log: whether it can be asked afterwards why something did not start.
    """
    paths = folder / "past-base.db", folder / "past-head.db"
    knowing = past_world(paths[0], base.without_rules(), history.before(start), start, history.given)
    shutil.copyfile(*paths)
    sides = base, head
    plans = base.plan(), head.plan()

    def play(side: int, told: Callable[[int], None] | None) -> Log:
        with Store.open(paths[side], scratch=True, log=log) as store:
            world = World.begin(store, plans[side], sides[side].letters(), start)
            world.play(history.since(start), history.at, knowing.beside(store), told)
            return world.log

    with Beside(lambda: play(1, None), here=how_many(processes, 2) == 1) as other:
        logs = play(0, progress), other.result()
    with Store.open(paths[0], scratch=True) as known, Store.open(paths[1], scratch=True) as copy:
        stores = known, copy
        old, new = (World.of(stores[side], plans[side], logs[side], history.at) for side in (0, 1))
        yield old, new


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="retain-plan-") as name:
        yield Path(name)


@contextmanager
def _closing(store: Store) -> Iterator[Store]:
    try:
        yield store
    finally:
        store.close()
