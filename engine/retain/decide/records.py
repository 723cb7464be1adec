"""Records of plugins in the working set: read by store actions, written back compared by version."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from retain.errors import NeedsError
from retain.model import Record


@dataclass(slots=True)
class RecordBook:
    """Shared records, the records of the batch's customers, and how many records each owner has in each state."""

    records: dict[tuple[str, str], Record] = field(default_factory=dict)
    by_customer: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    counts: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)  # kind -> (owner, state) -> how many
    changed: dict[tuple[str, str], Record] = field(default_factory=dict)

    def load(self, records: Iterable[Record]) -> None:
        """Add records read from the store."""
        for record in records:
            self._keep(record)

    def load_counts(self, kind: str, counts: Mapping[tuple[str, str], int]) -> None:
        """Set how many records of a kind each owner has in each state."""
        self.counts[kind] = Counter(dict(counts))

    def get(self, kind: str, record_id: str) -> Record | None:
        """One record; None where there is none."""
        return self.records.get((kind, record_id))

    def of_customer(self, kind: str, customer: int) -> list[Record]:
        """The customer's records of one kind, in the order of their ids."""
        ids = sorted(self.by_customer.get((kind, customer), ()))
        return [self.records[kind, record_id] for record_id in ids]

    def count_by_owner(self, kind: str, state: str) -> dict[str, int]:
        """How many records of a kind and state each owner has.

        Raises:
            NeedsError: the kind was not loaded, because no action of the plan declares it.
        """
        counts = self.counts.get(kind)
        if counts is None:
            raise NeedsError(
                f"records of kind {kind} were not loaded", cure="name the kind in the action's record_kinds"
            )
        return {owner: count for (owner, known), count in counts.items() if known == state and count}

    def put(self, record: Record) -> None:
        """Insert or replace one record; it is written at the end of the batch."""
        known = self.records.get((record.kind, record.id))
        counts = self.counts.setdefault(record.kind, Counter())
        if known is not None:
            counts[known.owner, known.state] -= 1
            record.version = known.version
        counts[record.owner, record.state] += 1
        self._keep(record)
        self.changed[record.kind, record.id] = record

    def move(self, loser: int, survivor: int) -> None:
        """Give the records of one customer to another."""
        for kind, customer in [key for key in self.by_customer if key[1] == loser]:
            for record_id in self.by_customer.pop((kind, customer)):
                record = self.records[kind, record_id]
                record.customer = survivor
                self.by_customer.setdefault((kind, survivor), set()).add(record_id)

    def forget_personal(self, shared: Iterable[str]) -> None:
        """Drop what belongs to the customers of a finished batch; shared kinds and counts stay."""
        kept = set(shared)
        self.records = {key: record for key, record in self.records.items() if key[0] in kept}
        self.by_customer.clear()

    def _keep(self, record: Record) -> None:
        self.records[record.kind, record.id] = record
        if record.customer is not None:
            self.by_customer.setdefault((record.kind, record.customer), set()).add(record.id)
