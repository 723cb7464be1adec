"""What a store action may read while a decision is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from retain.model import Fields, Instant, Json, Millis, Record


class StoreView(Protocol):
    """What a store action may read: facts of the decision, nothing that changes by itself."""

    @property
    def now(self) -> Instant: ...
    @property
    def customer_id(self) -> int | None: ...
    @property
    def customer_key(self) -> str: ...
    @property
    def customer(self) -> Fields: ...
    @property
    def rule(self) -> str: ...
    @property
    def run(self) -> str: ...
    @property
    def step(self) -> str: ...

    def record(self, kind: str, record_id: str) -> Record | None:
        """One record by its id."""
        ...

    def records_of_customer(self, kind: str) -> Sequence[Record]:
        """The customer's records of one kind, in the order of their ids."""
        ...

    def count_by_owner(self, kind: str, state: str) -> Mapping[str, int]:
        """How many records of one kind and state each owner has."""
        ...

    def team(self, name: str) -> Mapping[str, Json] | None:
        """A team as written in the rule files; None where there is none of that name."""
        ...

    def tier(self, name: str) -> Mapping[str, Json] | None:
        """A loyalty programme as written in the rule files."""
        ...

    def evaluate(self, expression: str) -> Json:
        """The value of an expression of the rule language for this customer now."""
        ...

    def add_business_time(self, calendar: str, start: Instant, duration: Millis) -> Instant:
        """The instant `duration` of business time after `start`."""
        ...
