"""Counts what a simulation does while it does it, so that nothing grows with the number of events."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from retain.app.simulation.outcome import RuleOutcome, Simulation, Week
from retain.decide.facts import Changes, Performed
from retain.instants import HOUR, MINUTE, WEEK, to_datetime
from retain.language.plan import Plan
from retain.model import DecisionRow, Instant

_SLOT = 15 * MINUTE  # no zone's day begins within one


@dataclass(slots=True)
class Watcher:
    """Sees every action and every row of the decision log.

    Args:
        tell: told of every action too.
    """

    plan: Plan
    outcome: Simulation
    tell: Callable[[Performed], None] | None = None
    _recent: dict[str, deque[tuple[Instant, str]]] = field(default_factory=dict)  # messages of a week, by customer
    _slot: Instant = -1
    _day: str = ""
    _cells: dict[str, tuple[str, str]] = field(default_factory=dict)

    def performed(self, performed: Performed) -> None:
        """Count one action."""
        rule = self.outcome.rules.get(performed.rule)
        if rule is not None:
            self._count(rule, performed)
        if self.tell is not None:
            self.tell(performed)

    def committed(self, changes: Changes) -> None:
        """Count what a batch has decided."""
        for row in changes.decisions:
            rule = self.outcome.rules.get(row.rule)
            if rule is not None:
                self._log(rule, row, changes)

    def _count(self, rule: RuleOutcome, performed: Performed) -> None:
        rule.effects[performed.action] += 1
        rule.steps[performed.step] += 1
        if performed.arm != "live":
            rule.shadow[performed.action] += 1
            return
        action = self.plan.registry.actions[performed.action]
        rule.days[self.cell(performed.at, "effects")] += 1
        if performed.at <= self.outcome.end:
            rule.in_period[performed.action] += 1
        if action.channel:
            rule.messages += 1
            self.outcome.hours[performed.at // HOUR * HOUR] += 1
            self._press(performed)

    def _log(self, rule: RuleOutcome, row: DecisionRow, changes: Changes) -> None:
        if row.kind == "start" and row.outcome == "started":
            rule.arms[row.why or "live"] += 1
            rule.days[self.cell(row.at, "started")] += 1
        elif row.kind == "end" and row.outcome == "goal":
            run = changes.runs.get(row.run)
            rule.goals[run.arm if run is not None else "live"] += 1
            rule.days[self.cell(row.at, "goal")] += 1
        elif row.kind == "effect" and row.outcome == "refused":
            rule.held_back[row.why] += 1
            rule.steps[row.path] += 1
            rule.days[self.cell(row.at, "refused")] += 1
        elif row.kind == "effect" and row.outcome == "delayed":
            rule.delayed[row.why] += 1

    def _press(self, performed: Performed) -> None:
        """Note the customer's week up to this message, where it is the fullest so far and too full."""
        recent = self._recent.setdefault(performed.customer, deque())
        recent.append((performed.at, performed.rule))
        while recent[0][0] <= performed.at - WEEK:
            recent.popleft()
        pressure = self.outcome.pressure
        known = pressure.weeks.get(performed.customer)
        if len(recent) > max(pressure.limit, known.messages if known else 0):
            week = Week(len(recent), performed.at, Counter(rule for _, rule in recent))
            pressure.weeks[performed.customer] = week

    def cell(self, at: Instant, what: str) -> tuple[str, str]:
        """The day of an instant in the project's zone, and what happened; one value for all rules, to save memory."""
        slot = at // _SLOT
        if slot != self._slot:
            self._slot, day = slot, f"{to_datetime(at, self.plan.defaults.zone):%Y-%m-%d}"
            if day != self._day:
                self._day, self._cells = day, {}
        return self._cells.setdefault(what, (self._day, what))
