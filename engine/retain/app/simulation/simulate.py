"""The whole engine over events of the past, on a virtual clock: nothing is sent and no store is changed."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from retain.app.simulation.feeding import CHUNK, Given, Knowing, drain, feed, stand_in
from retain.app.simulation.ordering import Ordered
from retain.app.simulation.outcome import Pressure, RuleOutcome, Simulation
from retain.app.simulation.watching import Watcher
from retain.decide.facts import Performed
from retain.instants import DAY
from retain.language.plan import Plan
from retain.model import Instant, Message
from retain.pipeline import Options, Pipeline
from retain.store.store import Store

__all__ = ["RuleOutcome", "Simulation", "simulate"]
_SETTLE = 90 * DAY  # how long after the last event waiting runs are followed


def simulate(
    plan: Plan,
    messages: Iterable[Message],
    *,
    start: Instant | None = None,
    end: Instant | None = None,
    batch: int = CHUNK,
    given: Given | None = None,
    observe: Callable[[Performed], None] | None = None,
    most_a_week: int = 3,
    progress: Callable[[int], None] | None = None,
) -> Simulation:
    """Decide over messages in the order of their receipt.

    Args:
        start: earlier messages are history: known, but they start nothing.
        end: where the clock stops. None: after the last message the runs that wait are followed to their end, for at
            most 90 days; nothing new starts in that time.
        given: what is known from elsewhere; the answers of events count over it.
        observe: told of every action, each answered with its declared example.
        most_a_week: customers who would get more messages than this within seven days are named.
        progress: told how many messages are decided.
    """
    began = time.perf_counter()
    outcome = Simulation(rules={rule: RuleOutcome() for rule in plan.rules}, pressure=Pressure(most_a_week))
    with tempfile.TemporaryDirectory(prefix="retain-simulate-") as folder:
        ordered = Ordered(Path(folder))
        ordered.take(_cut(messages, start, end))
        outcome.start = ordered.first if start is None else start
        outcome.end = ordered.last if end is None else end
        if not ordered.count:
            return outcome
        store = Store.open(Path(folder) / "simulate.db", scratch=True)
        try:
            tally: Counter[tuple[str, str]] = Counter()
            watcher = Watcher(plan, outcome, observe)
            options = Options(
                batch=batch,
                virtual=True,
                respond=stand_in,
                observe=watcher.performed,
                committed=watcher.committed,
                tally=tally,
            )
            pipeline = Pipeline(store, plan, ordered.first - 1, options)
            outcome.events = feed(pipeline, Knowing(store, given or Given()), ordered, batch, progress=progress)
            drain(pipeline, outcome.end)
            if end is None:
                pipeline.settle(outcome.end + _SETTLE)
            _count(store, outcome, tally)
        finally:
            store.close()
    outcome.seconds = time.perf_counter() - began
    return outcome


def _cut(messages: Iterable[Message], start: Instant | None, end: Instant | None) -> Iterator[Message]:
    for message in messages:
        if end is not None and message.received_at > end:
            continue
        before = start is not None and message.received_at < start
        yield message._replace(historical=True) if before else message


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
