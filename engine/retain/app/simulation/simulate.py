"""The whole engine over events of the past, on a virtual clock: nothing is sent and no store is changed."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from retain.app.simulation.feeding import CHUNK, Given, Knowing, drain, feed, receipt, stand_in
from retain.decide.facts import Performed
from retain.instants import DAY
from retain.language.plan import Plan
from retain.model import Instant, Message
from retain.pipeline import Options, Pipeline
from retain.store.store import Store

_SETTLE = 90 * DAY  # how long after the last event waiting runs are followed


@dataclass(slots=True)
class RuleOutcome:
    """What one rule did in a simulation."""

    started: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # starts and effects, by reason
    effects: Counter[str] = field(default_factory=Counter)  # by action
    ended: Counter[str] = field(default_factory=Counter)  # by what ended the run


@dataclass(slots=True, kw_only=True)
class Simulation:
    """What came of one simulation."""

    events: int = 0
    customers: int = 0
    start: Instant = 0
    end: Instant = 0
    seconds: float = 0.0
    rules: dict[str, RuleOutcome] = field(default_factory=dict)


def simulate(
    plan: Plan,
    messages: Iterable[Message],
    *,
    start: Instant | None = None,
    end: Instant | None = None,
    batch: int = CHUNK,
    given: Given | None = None,
    observe: Callable[[Performed], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Simulation:
    """Decide over messages in the order of their receipt.

    Args:
        start: earlier messages are history: known, but they start nothing.
        end: where the clock stops. None: after the last message the runs that wait are followed to their end, for at
            most 90 days; nothing new starts in that time.
        given: what is known from elsewhere; the answers of events count over it.
        observe: told of every action, each answered with its declared example.
        progress: told how many messages are decided.
    """
    began = time.perf_counter()
    ordered = sorted(_cut(messages, start, end), key=receipt)
    outcome = Simulation(rules={rule: RuleOutcome() for rule in plan.rules})
    if not ordered:
        outcome.start, outcome.end = start or 0, end or 0
        return outcome
    outcome.start = start if start is not None else ordered[0].received_at
    outcome.end = end if end is not None else ordered[-1].received_at
    with tempfile.TemporaryDirectory(prefix="retain-simulate-") as folder:
        store = Store.open(Path(folder) / "simulate.db", scratch=True)
        try:
            tally: Counter[tuple[str, str]] = Counter()
            options = Options(
                batch=batch, virtual=True, respond=stand_in, observe=_counting(outcome, observe), tally=tally
            )
            pipeline = Pipeline(store, plan, ordered[0].received_at - 1, options)
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
        yield replace(message, historical=True) if before else message


def _counting(outcome: Simulation, observe: Callable[[Performed], None] | None) -> Callable[[Performed], None]:
    def counting(performed: Performed) -> None:
        if performed.rule in outcome.rules:
            outcome.rules[performed.rule].effects[performed.action] += 1
        if observe is not None:
            observe(performed)

    return counting


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
