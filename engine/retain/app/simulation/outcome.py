"""What comes of a simulation, as counts: of each rule, and of all that people would get."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from retain.model import Instant


@dataclass(slots=True)
class RuleOutcome:
    """What one rule did in a simulation.

    Args:
        refused: starts and effects, by reason.
        effects: actions that were carried out or stood in for, by name; `shadow` is those of them that no live run did.
        ended: runs, by what ended them.
        arms: runs that started, by arm; `goals` those that reached the goal.
        held_back: effects that were refused, by reason; `delayed` those that had to wait, by reason.
        steps: effects that were decided, by step, whatever came of them.
        days: what happened on each day of the project's zone, as (day, what): `started`, `effects`, `refused`, `goal`.
        in_period: `effects` without what came after the last event.
        really: what the rule really did in the same time, where it was live: `started`, and effects by action.
    """

    started: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    effects: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    shadow: Counter[str] = field(default_factory=Counter)
    arms: Counter[str] = field(default_factory=Counter)
    goals: Counter[str] = field(default_factory=Counter)
    held_back: Counter[str] = field(default_factory=Counter)
    delayed: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    days: Counter[tuple[str, str]] = field(default_factory=Counter)
    in_period: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    cost: float = 0.0
    really: Counter[str] | None = None

    def add(self, other: RuleOutcome) -> None:
        """Count what the rule did to other people too."""
        self.started += other.started
        self.messages += other.messages
        for name in _COUNTED:
            getattr(self, name).update(getattr(other, name))

    def settle(self, costs: Mapping[str, float]) -> dict[str, float]:
        """Put names in order, and work out what live actions cost; by action."""
        for name in _COUNTED:
            counts = getattr(self, name)
            setattr(self, name, Counter(dict(sorted(counts.items()))))
        live = {name: count - self.shadow[name] for name, count in self.effects.items()}
        found = {name: count * costs[name] for name, count in live.items() if count and costs.get(name)}
        self.cost = sum(found.values(), 0.0)
        return found


_COUNTED = (
    "refused", "effects", "ended", "shadow", "arms", "goals", "held_back", "delayed", "steps", "days", "in_period",
)  # fmt: skip


@dataclass(slots=True)
class Week:
    """The fullest week of one customer: how many messages, until when, and from which rules."""

    messages: int
    until: Instant
    rules: Counter[str]


@dataclass(slots=True)
class Pressure:
    """Customers who would get more than `limit` messages within any seven days, by key."""

    limit: int
    weeks: dict[str, Week] = field(default_factory=dict)

    @property
    def rules(self) -> Counter[str]:
        """Which rules their fullest weeks come from."""
        found: Counter[str] = Counter()
        for week in self.weeks.values():
            found.update(week.rules)
        return found

    def fullest(self, most: int) -> list[tuple[str, Week]]:
        """Whom it concerns most."""
        return sorted(self.weeks.items(), key=lambda entry: (-entry[1].messages, entry[0]))[:most]


@dataclass(slots=True, kw_only=True)
class Simulation:
    """What came of one simulation.

    Args:
        hours: messages of live runs by the hour in which they would go out, as the instant at which it begins.
        action_costs: what the actions that declare a cost would cost, by name.
        processes: over how many the customers were shared out.
    """

    events: int = 0
    customers: int = 0
    start: Instant = 0
    end: Instant = 0
    seconds: float = 0.0
    processes: int = 1
    rules: dict[str, RuleOutcome] = field(default_factory=dict)
    hours: Counter[Instant] = field(default_factory=Counter)
    pressure: Pressure = field(default_factory=lambda: Pressure(3))
    action_costs: dict[str, float] = field(default_factory=dict)

    def emptied(self) -> Simulation:
        """The same period and rules with nothing counted."""
        rules = {name: RuleOutcome() for name in self.rules}
        return Simulation(start=self.start, end=self.end, rules=rules, pressure=Pressure(self.pressure.limit))

    def add(self, other: Simulation) -> None:
        """Count what other customers brought."""
        self.events += other.events
        self.customers += other.customers
        self.hours.update(other.hours)
        self.pressure.weeks.update(other.pressure.weeks)
        for name, rule in other.rules.items():
            self.rules[name].add(rule)

    def settle(self, costs: Mapping[str, float]) -> None:
        """Once all is counted: bring it in an order that does not depend on who was decided first.

        Args:
            costs: what each action costs.
        """
        self.hours = Counter(dict(sorted(self.hours.items())))
        self.pressure.weeks = dict(sorted(self.pressure.weeks.items()))
        for rule in self.rules.values():
            for action, cost in rule.settle(costs).items():
                self.action_costs[action] = self.action_costs.get(action, 0.0) + cost

    @property
    def messages(self) -> int:
        """How many messages would go out."""
        return self.hours.total()

    @property
    def cost(self) -> float:
        """What it would cost, as far as actions declare it."""
        return sum(rule.cost for rule in self.rules.values())

    @property
    def busiest_hour(self) -> tuple[Instant, int] | None:
        """The hour with the most messages; of equal ones the first."""
        return min(self.hours.items(), key=lambda entry: (-entry[1], entry[0])) if self.hours else None

    def days(self, what: str) -> Counter[str]:
        """How much of something there is on each day, over all rules."""
        found: Counter[str] = Counter()
        for rule in self.rules.values():
            found.update({day: count for (day, name), count in rule.days.items() if name == what})
        return found
