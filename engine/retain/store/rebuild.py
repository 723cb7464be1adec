"""A customer at a past instant, made again from events by the same fold as the engine's, in the order of deciding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from retain.model import Instant, Json
from retain.store.codec import KINDS, decode, encode
from retain.store.database import Database, Row
from retain.store.dialects.base import BODY_BYTES
from retain.store.rows import RebuiltCustomer
from retain.traits import apply_traits, merge_traits, traits_of

_EVENTS = (
    f"SELECT coalesce(former, customer), kind, name, {BODY_BYTES}, occurred_at, merged_from FROM events"
    " WHERE customer = ? AND {known} <= ? AND (seq <= {upto} OR cause_seq IS NOT NULL)"
    " AND seq NOT IN (SELECT event_seq FROM failed_events){place} ORDER BY coalesce(cause_seq, seq), seq"
)
_PLACE = " AND (coalesce(cause_seq, seq), seq) <= (?, ?)"
_UPDATED = "customer_updated"


@dataclass(slots=True)
class _State:
    first_seen: Instant
    fields: dict[str, Json] = field(default_factory=dict)
    stamps: dict[str, Instant] = field(default_factory=dict)
    history: list[tuple[Instant, int, str, bytes]] = field(default_factory=list)


class _Fold:
    """Customers that are or become one, event by event."""

    def __init__(self) -> None:
        self.states: dict[int, _State] = {}
        self.merged: dict[int, int] = {}

    def owner(self, customer: int) -> int:
        """Who the customer is by now."""
        while customer in self.merged:
            customer = self.merged[customer]
        return customer

    def add(self, place: int, row: Row) -> None:
        """Apply one event."""
        customer, kind, name, body, occurred_at, merged_from = row
        owner = self.owner(customer)
        state = self.states.setdefault(owner, _State(occurred_at))
        if merged_from is not None:
            self._merge(self.owner(merged_from), owner)
        traits = traits_of(KINDS[kind], decode(body))
        changes = apply_traits(state.fields, state.stamps, traits, occurred_at)
        if name == _UPDATED:  # what history holds of an update are the names of what changed
            body = encode({"changed": sorted({change.field for change in changes})}).encode()
        if name and (name != _UPDATED or changes):
            state.history.append((occurred_at, place, name, body))

    def _merge(self, loser: int, survivor: int) -> None:
        if loser == survivor:
            return
        self.merged[loser] = survivor
        absorbed = self.states.pop(loser, None)
        if absorbed is not None:
            state = self.states[survivor]
            merge_traits(state.fields, state.stamps, absorbed.fields, absorbed.stamps)
            state.first_seen = min(state.first_seen, absorbed.first_seen)
            state.history += absorbed.history


class RebuildMethods:
    """The part of the store that knows the past."""

    _db: Database

    def customer_at(
        self, customer_id: int, at: Instant, *, hindsight: bool = False, place: tuple[int, int] | None = None
    ) -> RebuiltCustomer:
        """The customer as known at an instant, before a merge apart from whom it became one with.

        Made from decided events received at or before `at`; quarantined ones are left out. A customer without events
        by then does not exist.

        Args:
            hindsight: from all events that had happened by `at`, whenever they were received.
            place: up to this place in the order of deciding, which is (cause or event, event).
        """
        known = "occurred_at" if hindsight else "received_at"
        sql = _EVENTS.replace("{known}", known).replace("{upto}", self._db.dialect.decided_upto)
        sql = sql.replace("{place}", "" if place is None else _PLACE)
        with self._db.read() as session:
            merged = session.row("SELECT merged_into FROM customers WHERE id = ?", (customer_id,))
            root = merged[0] if merged and merged[0] is not None else customer_id
            rows = session.rows(sql, (root, at, *(place or ())))
        return _rebuilt(customer_id, rows)


def _rebuilt(customer_id: int, rows: Iterable[Row]) -> RebuiltCustomer:
    fold = _Fold()
    for place, row in enumerate(rows):
        fold.add(place, row)
    state = fold.states.get(customer_id)
    if state is None:
        merged_into = fold.owner(customer_id) if customer_id in fold.merged else None
        return RebuiltCustomer(id=customer_id, exists=False, merged_into=merged_into)
    history = [(name, occurred_at, body) for occurred_at, _, name, body in sorted(state.history)]
    return RebuiltCustomer(
        id=customer_id,
        exists=True,
        fields=state.fields,
        stamps=state.stamps,
        first_seen=state.first_seen,
        history=history,
    )
