"""The whole engine over events of the past, on a virtual clock: nothing is sent and no store is changed."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from retain.decide.facts import Performed
from retain.instants import DAY
from retain.language.plan import Plan
from retain.model import Effect, Instant, Message
from retain.pipeline import Options, Pipeline
from retain.registry import Action, EffectResult
from retain.store.rows import Accepted, ConsentRow, SuppressionRow
from retain.store.store import Store

CHUNK = 500
_SETTLE = 90 * DAY  # how long after the last event waiting runs are followed


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What is known from elsewhere before the first event: answers about consent, and suppressed addresses.

    `consents` holds (purpose, granted) by customer key, such as `user:17`.
    """

    consents: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    suppressions: Sequence[SuppressionRow] = ()


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
    ordered = sorted(_cut(messages, start, end), key=_receipt)
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
            knowing = _Knowing(store, given or Given())
            _run(pipeline, knowing, ordered, outcome, batch, settle=end is None, progress=progress)
            _count(store, outcome, tally)
        finally:
            store.close()
    outcome.seconds = time.perf_counter() - began
    return outcome


def stand_in(effect: Effect, action: Action, at: Instant) -> EffectResult:
    """The answer of an action where nothing is sent: its declared example."""
    return EffectResult(effect_id=effect.id, status="done", output=action.example.output)


class _Knowing:
    """Takes messages into a store, and with each customer's first one what is known of the customer from elsewhere."""

    def __init__(self, store: Store, given: Given) -> None:
        self._store = store
        self._given = given
        self._seen: set[str] = set()
        store.add_suppressions(given.suppressions)

    def accept(self, messages: Sequence[Message], now: Instant) -> Sequence[Accepted]:
        """Store messages; one result for each."""
        accepted = self._store.accept(messages, now)
        answers: list[ConsentRow] = []
        for message, one in zip(messages, accepted, strict=True):
            key = _key_of(message)
            if key in self._given.consents and key not in self._seen:
                self._seen.add(key)
                known = self._given.consents[key].items()
                answers += [ConsentRow(one.customer, purpose, granted, 0, "given") for purpose, granted in known]
        if answers:
            self._store.add_consents(answers)
        return accepted


def _key_of(message: Message) -> str:
    named = (("user", message.user_id), ("anonymous", message.anonymous_id), ("email", message.email.casefold()))
    return next((f"{kind}:{value}" for kind, value in named if value), "")


def _run(
    pipeline: Pipeline,
    store: _Knowing,
    ordered: list[Message],
    outcome: Simulation,
    batch: int,
    *,
    settle: bool,
    progress: Callable[[int], None] | None,
) -> None:
    for chunk in _chunks(ordered, batch):
        accepted = store.accept(chunk, chunk[-1].received_at)
        outcome.events += sum(not one.duplicate for one in accepted)
        # What is received at the very last instant may go on in the next chunk, and goes before the timers then due.
        _drain(pipeline, chunk[-1].received_at - 1)
        if progress is not None:
            progress(outcome.events)
    _drain(pipeline, outcome.end)
    if settle:
        pipeline.settle(outcome.end + _SETTLE)


def _drain(pipeline: Pipeline, until: Instant) -> None:
    while pipeline.step(until).more:
        pass


def _chunks(messages: list[Message], size: int) -> Iterator[list[Message]]:
    iterator = iter(messages)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _cut(messages: Iterable[Message], start: Instant | None, end: Instant | None) -> Iterator[Message]:
    for message in messages:
        if end is not None and message.received_at > end:
            continue
        before = start is not None and message.received_at < start
        yield replace(message, historical=True) if before else message


def _receipt(message: Message) -> Instant:
    return message.received_at


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
