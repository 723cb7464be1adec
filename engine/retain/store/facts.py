"""What a batch of decisions is decided on: a fixed handful of queries, whatever the size of the batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import islice, takewhile
from operator import itemgetter
from typing import TypeAlias

from retain.model import Arm, Effect, Event, Instant, Run
from retain.store.acceptance import Sources, counter, events_of_rows
from retain.store.codec import (
    CUSTOMER_COLUMNS,
    EFFECT_COLUMNS,
    EVENT_COLUMNS,
    RUN_COLUMNS,
    customer_of,
    decode,
    effect_of,
    encode,
    run_of,
)
from retain.store.database import Database, Row
from retain.store.dialects.base import BODY_BYTES
from retain.store.fresh import FreshEvents
from retain.store.rows import CustomerRow
from retain.store.sharing import PARTITIONS, Share, SharingMethods

HistoryRow: TypeAlias = tuple[int, str, Instant, bytes]  # customer, name, occurred_at, fields as JSON

UNDECIDED = f"SELECT {EVENT_COLUMNS} FROM events WHERE seq > ? AND cause_seq IS NULL ORDER BY seq LIMIT ?"
UNDECIDED_UPTO = (
    f"SELECT {EVENT_COLUMNS} FROM events WHERE seq > ? AND seq <= ? AND cause_seq IS NULL{{mine}} ORDER BY seq LIMIT ?"
)
OF_GROUP = f" AND mod(customer, {PARTITIONS}) = ANY(?)"
EARLIER = "SELECT 1 FROM events WHERE seq > ? AND seq < ? AND cause_seq IS NULL LIMIT 1"
CUSTOMERS = f"SELECT {CUSTOMER_COLUMNS} FROM customers WHERE id IN {{wanted}}"
LIVE_RUNS = f"SELECT {RUN_COLUMNS} FROM runs WHERE customer IN {{wanted}} AND NOT has_ended"
ENDED_RUNS = f"SELECT {RUN_COLUMNS} FROM runs WHERE customer IN {{wanted}} AND has_ended AND first_sent_at >= ?"
RUNS = f"SELECT {RUN_COLUMNS} FROM runs WHERE id IN {{wanted}}"
HISTORY = (
    f"SELECT customer, occurred_at, coalesce(cause_seq, seq), seq, {BODY_BYTES} FROM events"
    " WHERE customer IN {wanted} AND name = ? AND occurred_at >= ? AND (seq <= ? OR cause_seq IS NOT NULL)"
    " AND seq NOT IN (SELECT event_seq FROM failed_events)"
)
CHANGED = (
    "SELECT e.customer, e.occurred_at, coalesce(e.cause_seq, e.seq), e.seq, s.changes"
    " FROM events e JOIN summaries s ON s.event_seq = e.seq"
    " WHERE e.customer IN {wanted} AND e.name = ? AND e.occurred_at >= ? AND (e.seq <= ? OR e.cause_seq IS NOT NULL)"
    " AND s.changes IS NOT NULL"
)
SENDS = (
    "SELECT customer, channel, sent_at, arm FROM effects"
    " WHERE customer IN {wanted} AND channel > '' AND sent_at >= ? ORDER BY customer, sent_at"
)
CONSENTS = (
    "SELECT customer, purpose, granted, at FROM consents WHERE customer IN {wanted} ORDER BY at, granted DESC, id"
)
STARTS = (
    "SELECT started_at FROM runs WHERE rule = ? AND started_at >= ? AND arm = 'live'"
    " AND state NOT IN ('parked', 'queued') ORDER BY started_at"
)
PENDING_OF = f"SELECT {EFFECT_COLUMNS} FROM effects WHERE run IN {{wanted}} AND state = 'pending'"
UPDATED = "customer_updated"
_EVER = -(1 << 62)


class FactsMethods(SharingMethods):
    """The part of the store that the pipeline loads its working set from."""

    _db: Database
    _sources: Sources
    _fresh: FreshEvents

    def undecided(self, limit: int, until: Instant | None = None) -> list[Event]:
        """The next accepted events that are not decided, in their order, up to the first received after `until`."""
        if self._share is not None:
            return self._undecided_of(self._share, limit, until)
        with self._db.read() as session:
            mark = counter(session, "watermark")
            fresh = self._fresh.after(mark)
            if fresh and session.row(EARLIER, (mark, fresh[0].seq)) is None:
                first = islice(fresh, limit)
                return list(first if until is None else takewhile(lambda event: event.received_at <= until, first))
            rows = session.rows(UNDECIDED, (mark, limit))
            if until is not None:
                late = next((index for index, row in enumerate(rows) if row[6] > until), len(rows))
                del rows[late:]
            return events_of_rows(session, self._sources, rows)

    @property
    def has_more(self) -> bool:
        """Whether other accepted events may wait behind those that were handed out last, however few these were."""
        return self._share is not None and self._share.has_more

    def _undecided_of(self, share: Share, limit: int, until: Instant | None) -> list[Event]:
        """The next events of the partitions that are furthest behind; they are looked at alone until they are not."""
        with self._db.read() as session:
            last = counter(session, "last_seq")
            while True:
                group, low, upto = share.lowest(last)
                if not group or low >= upto:
                    return []
                mine, own = ("", ()) if len(group) == PARTITIONS else (OF_GROUP, (sorted(group),))
                rows = session.rows(UNDECIDED_UPTO.format(mine=mine), (low, upto, *own, limit))
                if not rows:
                    share.passed(group, upto)
                    continue
                events = self._ready(session, events_of_rows(session, self._sources, rows))
                if events:
                    share.group, share.has_more = group, upto < last or len(events) < len(rows)
                    return events if until is None else list(takewhile(lambda one: one.received_at <= until, events))

    def watermark(self) -> int:
        """Every accepted event up to this one is decided or quarantined; where several workers decide, the furthest."""
        share = self._share
        with self._db.read() as session:
            if share is None:
                return counter(session, "watermark")
            if self._db.read_only:
                share.marks = dict(session.rows("SELECT number, watermark FROM partitions"))
        return max((*share.marks.values(), *share.borrowed.values()), default=0)

    def has_undecided(self) -> bool:
        """Whether an accepted event of this process waits for its decision."""
        return self.next_undecided() is not None

    def undecided_customers(self) -> set[int]:
        """Customers of this process with an accepted event that is not decided."""
        mine, own = self._mine()
        with self._db.read() as session:
            # DISTINCT would walk the index by customer, which is all of the history.
            return {row[0] for row in session.rows(f"SELECT customer FROM events WHERE {self._waiting}{mine}", own)}

    def next_undecided(self) -> Instant | None:
        """When the next undecided event was received."""
        mine, own = self._mine()
        sql = f"SELECT received_at FROM events WHERE {self._waiting}{mine} ORDER BY seq LIMIT 1"
        with self._db.read() as session:
            row = session.row(sql, own)
        return None if row is None else row[0]

    @property
    def _waiting(self) -> str:
        return self._db.dialect.undecided

    def customers(self, ids: Collection[int]) -> dict[int, CustomerRow]:
        """Customers by id, in its order whatever the database's is; an absorbed one has `merged_into`."""
        with self._db.read() as session:
            rows = sorted(session.rows_in(CUSTOMERS, ids), key=itemgetter(0))
        return {row[0]: customer_of(row) for row in rows}

    def customer_ids_after(self, position: int, limit: int) -> list[int]:
        """The next ids of customers that are not absorbed, in order; for sweeps."""
        with self._db.read() as session:
            sql = "SELECT id FROM customers WHERE id > ? AND merged_into IS NULL ORDER BY id LIMIT ?"
            return [row[0] for row in session.rows(sql, (position, limit))]

    def active_runs(self, customer_ids: Collection[int], at_most_since: Mapping[str, Instant]) -> list[Run]:
        """Runs that have not ended, and ended ones of the given rules that first sent at or after the rule's instant.

        Ordered by (started_at, id).
        """
        with self._db.read() as session:
            rows = session.rows_in(LIVE_RUNS, customer_ids)
            if at_most_since:
                ended = session.rows_in(ENDED_RUNS, customer_ids, after=(min(at_most_since.values()),))
                rows += [row for row in ended if row[1] in at_most_since and row[14] >= at_most_since[row[1]]]
        rows.sort(key=_by_start)
        return [run_of(row) for row in rows]

    def runs_by_id(self, run_ids: Collection[str]) -> dict[str, Run]:
        """Runs by id, ended ones too."""
        with self._db.read() as session:
            return {row[0]: run_of(row) for row in session.rows_in(RUNS, run_ids)}

    def run_ids_exist(self, run_ids: Collection[str]) -> set[str]:
        """Which of these runs exist: a start that is among them is a repetition."""
        with self._db.read() as session:
            return {row[0] for row in session.rows_in("SELECT id FROM runs WHERE id IN {wanted}", run_ids)}

    def history(
        self, customer_ids: Collection[int], since: Mapping[str, Instant | None], upto_seq: int
    ) -> list[HistoryRow]:
        """Decided events of customers by name, ordered by customer, occurred_at and order of deciding.

        A `customer_updated` counts where it changed something, and its one field is `changed`, the set of names.
        Quarantined events are left out.

        Args:
            since: event name to the earliest occurred_at that is wanted; None is all.
            upto_seq: accepted events after this one are not decided; usually the watermark.
        """
        found: list[tuple[int, Instant, int, int, str, bytes]] = []
        with self._db.read() as session:
            for name, low in since.items():
                bounds = (name, _EVER if low is None else low, upto_seq)
                if name == UPDATED:
                    rows = session.rows_in(CHANGED, customer_ids, after=bounds)
                    found += [(*row[:4], name, _changed(row[4])) for row in self._decided(rows)]
                else:
                    rows = session.rows_in(HISTORY, customer_ids, after=bounds)
                    found += [(*row[:4], name, row[4]) for row in self._decided(rows)]
        found.sort()
        return [(customer, name, at, body) for customer, at, _, _, name, body in found]

    def _decided(self, rows: list[Row]) -> list[Row]:
        """The rows of decided events, where customers are not all decided up to the same event."""
        share = self._share
        if share is None or (len(set(share.marks.values())) == 1 and not share.borrowed):
            return rows
        return [row for row in rows if row[2] != row[3] or row[3] <= share.mark_of(row[0])]

    def sends(self, customer_ids: Collection[int], since: Instant) -> list[tuple[int, str, Instant, Arm]]:
        """Messages claimed for sending at or after an instant: (customer, channel, sent_at, arm)."""
        with self._db.read() as session:
            return session.rows_in(SENDS, customer_ids, after=(since,))

    def consents(self, customer_ids: Collection[int]) -> dict[tuple[int, str], bool]:
        """The answer that counts for each customer and purpose: the newest, of equal ones the withdrawal."""
        return {about: granted for about, (granted, _) in self.answers(customer_ids).items()}

    def answers(self, customer_ids: Collection[int]) -> dict[tuple[int, str], tuple[bool, Instant]]:
        """The same with the instant of each answer."""
        with self._db.read() as session:
            rows = session.rows_in(CONSENTS, customer_ids)
        return {(customer, purpose): (bool(granted), at) for customer, purpose, granted, at in rows}

    def suppressed(self, channel: str, addresses: Collection[str]) -> set[str]:
        """Which of these normalised addresses must not be written to."""
        sql = "SELECT address FROM suppressions WHERE channel = ? AND address IN {wanted}"
        with self._db.read() as session:
            return {row[0] for row in session.rows_in(sql, addresses, before=(channel,))}

    def pending_effects_of(self, run_ids: Collection[str]) -> list[Effect]:
        """Effects of these runs that are not claimed, ordered by (due_at, id)."""
        with self._db.read() as session:
            found = [effect_of(row) for row in session.rows_in(PENDING_OF, run_ids)]
        return sorted(found, key=lambda effect: (effect.due_at, effect.id))

    def starts_since(self, rule: str, since: Instant) -> list[Instant]:
        """When the rule's live runs started, from an instant on, in order: what a breaker counts."""
        with self._db.read() as session:
            return [row[0] for row in session.rows(STARTS, (rule, since))]


def _by_start(row: Row) -> tuple[int, str]:
    return row[9], row[0]


def _changed(changes: str) -> bytes:
    return encode({"changed": sorted(change[0] for change in decode(changes))}).encode()
