"""What happened in a story and what came of it, in one order, for people who look for the place where it went wrong."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from retain.decide.facts import Performed
from retain.instants import format_duration
from retain.model import DecisionRow, Instant, Outcome
from retain.pipeline.packing import Unpacking
from retain.store.rows import CustomerRow
from retain.testing.expectations import name_of, shown
from retain.testing.virtual import VirtualEngine

_ALL = 100_000
_NO_BRANCH = frozenset({"set", "emit", "edited"})
_CARRIED_OUT = frozenset({"done", "applied"})
_BEFORE_SENDING = frozenset({"refused", "delayed"})


class Moment(NamedTuple):
    """One line: when, and what; `mark` is `-`, `+` or `~` for a difference, `x` for what did not hold."""

    at: Instant
    text: str
    mark: str = " "


@dataclass(slots=True)
class Timeline:
    """Collects what a test makes happen and what did not hold; the rest is read from the engine.

    Args:
        several: whether there is more than one customer, so that each line says whose it is.
    """

    start: Instant
    several: bool = False
    happened: list[Moment] = field(default_factory=list)
    failed: list[Moment] = field(default_factory=list)

    def happen(self, at: Instant, customer: str, text: str) -> None:
        """Note what the test made happen."""
        self.happened.append(Moment(at, f"{self._who(customer)}{text}"))

    def fail(self, at: Instant, what: str, lines: list[str]) -> None:
        """Note what did not hold, with the difference line by line."""
        self.failed.append(Moment(at, what, "x"))
        self.failed += [Moment(at, line[2:], line[:1]) for line in lines]

    def lines(self, engine: VirtualEngine) -> list[str]:
        """The whole as lines: mark, time after the start, and what it is."""
        moments = [*self.happened, *self._decided(engine), *self.failed]
        moments.sort(key=lambda moment: moment.at)
        found, last = [], ""
        for moment in moments:
            shift = format_duration(moment.at // 1000 * 1000 - self.start)
            found.append(f"{moment.mark} {shift if shift != last else '':>11}  {moment.text}".rstrip())
            last = shift
        return found

    def _decided(self, engine: VirtualEngine) -> Iterator[Moment]:
        """Starts, refusals, effects and ends, from the log; actions with the inputs that were observed."""
        names = {row.id: name_of(row.key) for row in _customers(engine)}
        performed: dict[tuple[str, str], deque[Performed]] = defaultdict(deque)
        for one in engine.performed:
            performed[one.run, one.step].append(one)
        yield from self._unheard(engine, names)
        for row in reversed(engine.store.decisions_of(limit=_ALL)):
            waiting = performed.get((row.run, row.path))
            if row.kind == "effect" and row.outcome not in _BEFORE_SENDING and waiting:
                text = shown(waiting.popleft())
                text += "" if row.outcome in _CARRIED_OUT else f" {row.outcome}{f': {row.why}' if row.why else ''}"
            else:
                text = _told(row)
            yield Moment(row.at, f"{self._who(names.get(row.customer, ''))}{text}")
        for left in performed.values():
            yield from (Moment(one.at, f"{self._who(name_of(one.customer))}{shown(one)}, no result") for one in left)

    def _unheard(self, engine: VirtualEngine, names: dict[int, str]) -> Iterator[Moment]:
        """Starts that were refused before or at `if`: these stand in the summaries of events only."""
        rules = {row.number: row.rule for row in engine.store.list_revisions()}
        unpacking = Unpacking(engine.store)
        for summary in engine.store.summaries_after(-(1 << 60), _ALL):
            event = engine.store.event(summary.event_seq)
            for number, what, clause in unpacking.each(summary.packed):
                rule = rules.get(number, "")
                if rule not in engine.plan.rules or what not in _SILENT:
                    continue
                where = _clause(engine, rule, clause) if what is Outcome.CONDITION else ""
                who = self._who(names.get(event.customer, "")) if event is not None else ""
                yield Moment(summary.at, f"{who}{rule} not started: {what.value}{where}")

    def _who(self, customer: str) -> str:
        return f"{customer}: " if self.several and customer else ""


_SILENT = frozenset({Outcome.OFF, Outcome.TRIGGER, Outcome.LATE, Outcome.KEY_MISSING, Outcome.CONDITION})


def _clause(engine: VirtualEngine, rule: str, clause: int) -> str:
    condition = engine.plan.rules[rule].condition
    if condition is None or not 0 <= clause < len(condition.clauses):
        return ""
    return f" {clause + 1}, {condition.clauses[clause].text}"


def _told(row: DecisionRow) -> str:
    why = f" ({row.why})" if row.why else ""
    if row.kind == "start":
        return f"{row.rule} {row.outcome}{why}"
    if row.kind == "refusal":
        return f"{row.rule} not started: {row.outcome}"
    if row.kind == "end":
        return f"{row.rule} ended by {row.outcome}"
    if row.kind == "effect":
        return f"{row.path} {row.outcome}{f' for {row.why}' if row.why else ''}"
    if row.kind == "move":
        return f"{row.path} {'' if row.outcome in _NO_BRANCH else 'took '}{row.outcome}{why}"
    return f"{row.rule} {row.kind} {row.outcome}{why}"


def _customers(engine: VirtualEngine) -> list[CustomerRow]:
    ids = engine.store.customer_ids_after(0, _ALL)
    return list(engine.store.customers(ids).values())
