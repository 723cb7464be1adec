"""Messages of the past decided in a scratch store: all of them in one, or each share of the customers in its own."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from ctypes import Array, c_longlong
from dataclasses import dataclass
from functools import partial
from multiprocessing.sharedctypes import RawArray
from pathlib import Path

from retain.app.simulation.beside import Beside
from retain.app.simulation.feeding import Given, Knowing, drain, feed, stand_in
from retain.app.simulation.ordering import Ordered
from retain.app.simulation.outcome import Simulation
from retain.app.simulation.sharing import Bonds, MessageIds, Shares, is_twice
from retain.app.simulation.watching import Watcher
from retain.decide.facts import Changes, Performed
from retain.language.plan import Plan
from retain.model import Instant, Message
from retain.pipeline import Options, Pipeline
from retain.store.store import Store


@dataclass(frozen=True, slots=True)
class Work:
    """What is simulated.

    Args:
        outcome: with the period, and nothing counted yet.
        folder: for scratch stores.
        until: how far runs that wait are followed after the last message; None is not at all.
        observe: told of every action.
    """

    plan: Plan
    ordered: Ordered
    outcome: Simulation
    folder: Path
    batch: int
    given: Given
    until: Instant | None
    observe: Callable[[Performed], None] | None


class BoundError(Exception):
    """Customers are bound to each other after all, so that one process must decide about all of them."""


def decide(
    work: Work,
    outcome: Simulation,
    messages: Iterable[Message],
    progress: Callable[[int], None] | None = None,
    *,
    bonds: Bonds | None = None,
    name: str = "simulate.db",
) -> Simulation:
    """Decide messages in one scratch store; what comes of it is counted in `outcome`."""
    tally: Counter[tuple[str, str]] = Counter()
    watcher = Watcher(work.plan, outcome, work.observe)

    def committed(changes: Changes) -> None:
        watcher.committed(changes)
        if bonds is not None:
            bonds.committed(changes)

    with Store.open(work.folder / name, scratch=True, log=False) as store:
        options = Options(
            batch=work.batch,
            virtual=True,
            respond=stand_in,
            observe=watcher.performed,
            committed=committed,
            tally=tally,
        )
        pipeline = Pipeline(store, work.plan, work.ordered.first - 1, options)
        outcome.events = feed(pipeline, Knowing(store, work.given), messages, work.batch, progress=progress)
        drain(pipeline, outcome.end)
        if work.until is not None:
            pipeline.settle(work.until)
        _count(store, outcome, tally)
    return outcome


def decide_in_shares(work: Work, shares: Shares, progress: Callable[[int], None] | None) -> list[Simulation] | None:
    """Decide each share of the customers in a process of its own; None where they turn out to be bound together."""
    done = RawArray(c_longlong, shares.count)
    with ExitStack() as stack:
        works = [partial(_decide_share, work, shares, share, done, None) for share in range(1, shares.count)]
        others = [stack.enter_context(Beside(one)) for one in works]
        try:
            parts = [_decide_share(work, shares, 0, done, progress), *(other.result() for other in others)]
        except BoundError:
            return None
    if Bonds(work.plan).breaks(starts for _, starts in parts) or is_twice(work.folder, shares.count):
        return None
    return [part for part, _ in parts]


def _decide_share(
    work: Work, shares: Shares, share: int, done: Array[c_longlong], progress: Callable[[int], None] | None
) -> tuple[Simulation, Mapping[str, array[int]]]:
    bonds = Bonds(work.plan)

    def told(events: int) -> None:
        done[share] = events
        if bonds.found:
            raise BoundError
        if progress is not None:
            progress(sum(done))

    own = (message for message in work.ordered if shares.of(message) == share)
    messages = MessageIds(work.folder, share).watch(own)
    part = decide(work, work.outcome.emptied(), messages, told, bonds=bonds, name=f"simulate-{share}.db")
    if bonds.found:
        raise BoundError
    return part, bonds.starts


def _count(store: Store, outcome: Simulation, tally: Counter[tuple[str, str]]) -> None:
    counts = store.counts()
    outcome.customers = counts.customers
    for (rule, reason), count in tally.items():
        if rule not in outcome.rules:
            continue
        if reason == "started":
            outcome.rules[rule].started += count
        else:
            outcome.rules[rule].refused[reason] += count
    for rule, found in outcome.rules.items():
        stats = store.rule_stats(rule)
        found.refused.update(stats.refused_effects)
        found.ended.update(stats.ended)
