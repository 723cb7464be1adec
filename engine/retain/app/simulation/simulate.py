"""The whole engine over events of the past, on a virtual clock: nothing is sent and no store is changed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from retain.app.simulation.beside import can_copy, how_many
from retain.app.simulation.deciding import Work, decide, decide_in_shares
from retain.app.simulation.feeding import CHUNK, Given
from retain.app.simulation.ordering import Ordered
from retain.app.simulation.outcome import Pressure, RuleOutcome, Simulation
from retain.app.simulation.sharing import Shares, can_be_shared_out
from retain.decide.facts import Performed
from retain.instants import DAY
from retain.language.plan import Plan
from retain.model import Instant, Message

__all__ = ["RuleOutcome", "Simulation", "simulate"]
_MOST = 8  # more processes gain little: each reads all messages, and takes its memory
_LITTLE = 5_000  # so few messages are decided in one process
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
    processes: int | None = None,
) -> Simulation:
    """Decide over messages in the order of their receipt.

    Args:
        start: earlier messages are history: known, but they start nothing.
        end: where the clock stops. None: after the last message the runs that wait are followed to their end, for at
            most 90 days; nothing new starts in that time.
        given: what is known from elsewhere; the answers of events count over it.
        observe: told of every action in its order, each answered with its declared example; in one process.
        most_a_week: customers who would get more messages than this within seven days are named.
        progress: told how many messages are decided.
        processes: over how many the customers are shared out, where nothing binds them; None is one a processor,
            eight at most, and one alone where there is little to do. What comes out is the same.
    """
    began = time.perf_counter()
    outcome = Simulation(rules={rule: RuleOutcome() for rule in plan.rules}, pressure=Pressure(most_a_week))
    with tempfile.TemporaryDirectory(prefix="retain-simulate-") as name:
        folder = Path(name)
        ordered = Ordered(folder)
        count = 1 if observe is not None or not can_be_shared_out(plan) else how_many(processes, _MOST)
        shares = Shares(count)
        taken = _cut(messages, start, end)
        ordered.take(shares.watch(taken) if count > 1 else taken)
        outcome.start = ordered.first if start is None else start
        outcome.end = ordered.last if end is None else end
        if not ordered.count:
            return outcome
        until = outcome.end + _SETTLE if end is None else None
        work = Work(plan, ordered, outcome, folder, batch, given or Given(), until, observe)
        parts = None
        if count > 1 and can_copy() and (processes or ordered.count > _LITTLE):
            parts = decide_in_shares(work, shares, progress)
        if parts is None:
            decide(work, outcome, ordered, progress)
        else:
            outcome.processes = len(parts)
            for part in parts:
                outcome.add(part)
    outcome.settle({name: action.cost for name, action in plan.registry.actions.items()})
    outcome.seconds = time.perf_counter() - began
    return outcome


def _cut(messages: Iterable[Message], start: Instant | None, end: Instant | None) -> Iterator[Message]:
    for message in messages:
        if end is not None and message.received_at > end:
            continue
        before = start is not None and message.received_at < start
        yield message._replace(historical=True) if before else message
