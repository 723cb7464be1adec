"""A customer and the records around it in plain dictionaries: what a store action sees, without a database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from retain.instants import parse_instant
from retain.model import Fields, Instant, Json, Millis, NewEvent, Record
from retain.registry import ApplyAction, StoreChanges

NOON = parse_instant("2026-11-02T12:00:00Z") or 0  # a Monday


@dataclass
class World:
    """All customers and records of a test; it implements `retain.registry.StoreView` for one customer at a time."""

    teams: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    tiers: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    now: Instant = NOON
    customer_id: int | None = 1
    rule: str = "a-rule"
    step: str = "then[0]"
    records: dict[tuple[str, str], Record] = field(default_factory=dict)
    customers: dict[int | None, dict[str, Json]] = field(default_factory=dict)
    events: list[NewEvent] = field(default_factory=list)

    @property
    def run(self) -> str:
        return f"run-{self.customer_id}"

    @property
    def customer_key(self) -> str:
        return f"user:{self.customer_id}"

    @property
    def customer(self) -> Fields:
        return self.customers.get(self.customer_id, {})

    def record(self, kind: str, record_id: str) -> Record | None:
        return self.records.get((kind, record_id))

    def records_of_customer(self, kind: str) -> Sequence[Record]:
        return [self.records[key] for key in sorted(self.records) if self._is_mine(key, kind)]

    def _is_mine(self, key: tuple[str, str], kind: str) -> bool:
        return key[0] == kind and self.records[key].customer == self.customer_id

    def count_by_owner(self, kind: str, state: str) -> Mapping[str, int]:
        return Counter(
            record.owner for record in self.records.values() if record.kind == kind and record.state == state
        )

    def team(self, name: str) -> Mapping[str, Json] | None:
        return self.teams.get(name)

    def tier(self, name: str) -> Mapping[str, Json] | None:
        return self.tiers.get(name)

    def evaluate(self, expression: str) -> Json:
        raise NotImplementedError(expression)  # no store action of ours asks for it

    def add_business_time(self, calendar: str, start: Instant, duration: Millis) -> Instant:
        return start + 3 * duration  # a calendar that is open for eight hours of every day

    def do(self, apply: ApplyAction, **inputs: Json) -> StoreChanges:
        """Carry an action out for the present customer and keep what it changes, as a commit does."""
        changes = apply(self, inputs)
        for record in changes.records:
            known = self.records.get((record.kind, record.id))
            assert record.version == (known.version if known else 0), "the action changed the version"
            self.records[record.kind, record.id] = replace(record, version=record.version + 1)
        fields = self.customers.setdefault(self.customer_id, {})
        for name, value in changes.fields.items():
            if value is None:
                fields.pop(name, None)
            else:
                fields[name] = value
        self.events.extend(changes.events)
        return changes
