"""Several workers on one database: customers in partitions, leased to one worker each, and what a worker knows of it.

A customer belongs to the partition of its number's remainder. Events, timers and effects of a partition are decided by
the worker that owns it, so that a customer's are decided in order. Every commit names the token of each partition that
it touches, under a lock: a worker that was stopped and whose partitions have another owner by now writes nothing.

Whoever must write about another worker's customer, as a merge or a command may, locks that partition for one
transaction, reads inside it, and raises the token, so that the owner decides again what it had begun.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from retain.errors import StoreConflictError
from retain.model import Event
from retain.store.database import Database, Session, Values
from retain.store.identity import IdentityCache
from retain.store.leases import CHANNEL, LEASE_MS, LIVING, Leases
from retain.store.rows import Batch

PARTITIONS = 64
_STALL_S = 0.05  # until an event is looked at again that waits for another worker
_OWNED = "SELECT number, token, watermark FROM partitions WHERE owner = ?"
_LOCK = "SELECT number, token, watermark FROM partitions WHERE number = ANY(?) ORDER BY number FOR UPDATE"
_RAISE = "UPDATE partitions SET watermark = ? WHERE number = ANY(?) AND watermark < ?"
_BEHIND = "SELECT seq FROM events WHERE customer = ? AND seq > ? AND cause_seq IS NULL"
_PAUSES = "SELECT scope, name FROM pauses FOR SHARE"  # whoever ends one waits, and then sees what was held for it
_SENDING = "SELECT DISTINCT mod(customer, 64) FROM effects WHERE state = 'sending'"


def partition_of(customer: int) -> int:
    """The partition that a customer is in."""
    return customer % PARTITIONS


@dataclass(slots=True)
class Share:
    """What one worker decides."""

    tokens: dict[int, int] = field(default_factory=dict)  # of the partitions that it owns
    marks: dict[int, int] = field(default_factory=dict)  # up to where their accepted events are decided
    borrowed: dict[int, int] = field(default_factory=dict)  # the same of others' partitions, within one transaction
    group: frozenset[int] = frozenset()  # the partitions whose events were handed out last
    stalled: dict[int, float] = field(default_factory=dict)  # those whose next event waits for another worker
    leaving: frozenset[int] = frozenset()  # those that are given up once nothing of them is under way
    has_more: bool = False  # whether events may wait behind those that were handed out last
    merges: int = -1  # the count of merges that the identities in memory are as of
    records: int = -1  # the count of changes that the records in memory are as of

    @property
    def active(self) -> list[int]:
        """The partitions whose timers and effects are this worker's."""
        return sorted(self.tokens.keys() - self.leaving)

    def mark_of(self, customer: int) -> int:
        """Up to where the customer's accepted events are decided."""
        number = partition_of(customer)
        return self.marks.get(number, self.borrowed.get(number, -1))

    def lowest(self, last: int) -> tuple[frozenset[int], int, int]:
        """The partitions that are furthest behind, from where and up to where only they are looked at."""
        now = time.monotonic()
        self.stalled = {number: until for number, until in self.stalled.items() if until > now}
        marks = {number: mark for number, mark in self.marks.items() if number not in self.stalled}
        low = min(marks.values(), default=last)
        upto = min((mark for mark in marks.values() if mark > low), default=last)
        return frozenset(number for number, mark in marks.items() if mark == low), low, upto

    def passed(self, numbers: Iterable[int], mark: int) -> None:
        """All accepted events of these partitions are decided up to here."""
        for number in numbers:
            if number in self.marks:
                self.marks[number] = max(self.marks[number], mark)


class SharingMethods:
    """The part of the store that shares customers out among workers; on a file there is nothing to share."""

    _db: Database
    _identities: IdentityCache
    _share: Share | None
    _leases: Leases | None

    @property
    def is_shared(self) -> bool:
        """Whether other workers may decide in the same store."""
        return self._share is not None

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, of which what is read and written now is a part."""
        return self._db.in_transaction

    @property
    def leads(self) -> bool:
        """Whether this process does what is not about one customer: plans, backfills, sweeps."""
        return self._share is None or 0 in self._share.tokens

    @property
    def others(self) -> int:
        """How many other workers live."""
        return self._leases.others if self._leases is not None else 0

    def leased_until(self) -> float:
        """The `running()` up to which no other worker takes this one for lost; endless where there are none."""
        return self._leases.sure_until if self._leases is not None else math.inf

    def workers(self) -> list[str]:
        """The names of all workers that live, this one left out."""
        if not self._db.dialect.is_shared:
            return []
        own = self._leases.worker if self._leases is not None else ""
        with self._db.read() as session:
            return [row[0] for row in session.rows(LIVING, (own,))]

    def is_foreign(self, customers: Iterable[int]) -> bool:
        """Whether one of these customers is another worker's."""
        share = self._share
        return share is not None and any(partition_of(customer) not in share.tokens for customer in customers)

    def mark_of(self, customer: int, watermark: int) -> int:
        """Up to where the customer's accepted events are decided; `watermark` where nothing is shared."""
        return watermark if self._share is None else self._share.mark_of(customer)

    def _mine(self, column: str = "customer", *, timers: bool = False) -> tuple[str, Values]:
        """A further condition for rows of customers that this process decides; none where it decides everybody.

        Args:
            timers: without those whose next event waits for another worker, because no timer may overtake it.
        """
        share = self._share
        if share is None or self._db.read_only:
            return "", ()
        numbers = [number for number in share.active if not (timers and number in share.stalled)]
        return (f" AND mod({column}, {PARTITIONS}) = ANY(?)", (numbers,)) if len(numbers) < PARTITIONS else ("", ())

    def listen(self, woken: Callable[[], None]) -> None:
        """Have something called, from a thread, when another worker has left work here."""
        if self._leases is not None:
            self._leases.woken = woken

    def needs_balance(self) -> bool:
        """Whether partitions are free, too many are owned, or some were lost."""
        return self._leases is not None and self._leases.unbalanced

    def balance(self) -> set[int]:
        """Take what is free, up to a fair share, and give up what is beyond it; the partitions that were gained."""
        share, leases = self._share, self._leases
        if share is None or leases is None:
            return set()
        with self._db.write() as session:
            self._read_owned(session)
            before = set(share.tokens)  # what was lost meanwhile is gained anew
            fair = leases.fair_share(PARTITIONS)
            if len(share.tokens) < fair:
                leases.claim(session, fair - len(share.tokens))
            share.leaving = frozenset(sorted(share.tokens)[fair:])
            free = share.leaving - {row[0] for row in session.rows(_SENDING)} if share.leaving else frozenset()
            if free:
                leases.give_up(session, sorted(free))
                share.leaving -= free
            self._read_owned(session)
            share.group = frozenset(share.tokens)
        leases.balanced(set(share.tokens), waits=bool(share.leaving))
        return set(share.tokens) - before

    def resync(self) -> None:
        """Read anew what this worker owns: after a commit that failed, or whose outcome is not known."""
        share = self._share
        if share is not None:
            with self._db.read() as session:
                self._read_owned(session)
            share.group = share.group.intersection(share.tokens)
            self._identities.clear()

    def records_changed(self) -> bool:
        """Whether another worker has changed a record since the last look."""
        share = self._share
        if share is None:
            return False
        with self._db.read() as session:
            row = session.row("SELECT value FROM counters WHERE name = 'records'")
        before, share.records = share.records, row[0] if row else 0
        return before != share.records

    @contextmanager
    def exclusively(self, customers: Collection[int]) -> Iterator[None]:
        """One transaction in which these customers, and all records, are nobody else's to change.

        What is read and committed inside is part of it.
        """
        share = self._share
        if share is None:
            yield
            return
        with self._db.write() as session:
            numbers = sorted({partition_of(customer) for customer in customers})
            rows = session.rows(_LOCK, (numbers,))
            foreign = {number: mark for number, token, mark in rows if share.tokens.get(number) != token}
            if foreign.keys() & share.tokens.keys():
                raise _lost()
            session.row("SELECT value FROM counters WHERE name = 'records' FOR UPDATE")
            if foreign:
                session.change("UPDATE partitions SET token = token + 1 WHERE number = ANY(?)", (list(foreign),))
            share.borrowed = foreign
            try:
                yield
            finally:
                share.borrowed = {}

    def _fence(self, session: Session, batch: Batch) -> None:
        """Lock the partitions that a batch touches, and see that they are still this worker's."""
        share = self._share
        if share is None:
            return
        touched = {partition_of(customer) for customer in batch.everyone()}
        if batch.watch_progress or batch.schedules:
            touched.add(0)
        if batch.watermark is not None and not batch.about:
            touched |= share.group or share.tokens.keys()
        numbers = sorted(touched - share.borrowed.keys())
        found = {number: token for number, token, _ in session.rows(_LOCK, (numbers,))} if numbers else {}
        if any(share.tokens.get(number) != token for number, token in found.items()):
            raise _lost()
        if batch.paused and not batch.paused <= set(session.rows(_PAUSES)):
            raise StoreConflictError("what was paused goes on by now", cure="decide again from fresh facts")
        if batch.watermark is not None:
            decided = [number for number in numbers if number in share.group]
            session.change(_RAISE, (batch.watermark, decided, batch.watermark))
        if batch.records:
            sql = "UPDATE counters SET value = value + 1 WHERE name = 'records' AND (value = ? OR ? < 0)"
            if not session.change(sql, (share.records, share.records)):
                raise StoreConflictError("a record was changed by another worker", cure="decide again from fresh facts")
            share.records += share.records >= 0

    def _take_turn(self, session: Session) -> None:
        """Be the only one who gives places in the order; identities that another worker has moved are forgotten."""
        share = self._share
        if share is None:
            return
        session.row("SELECT value FROM counters WHERE name = 'last_seq' FOR UPDATE")
        row = session.row("SELECT value FROM counters WHERE name = 'merges'")
        merges = row[0] if row else 0
        if merges != share.merges:
            self._identities.clear()
            share.merges = merges

    def _count_merges(self, session: Session, count: int) -> None:
        """Tell other workers that identities have moved."""
        if self._share is not None and count:
            session.change("UPDATE counters SET value = value + ? WHERE name = 'merges'", (count,))

    def _tell_others(self, session: Session) -> None:
        """Wake other workers once this transaction is committed."""
        if self.others:
            session.rows(f"SELECT pg_notify('{CHANNEL}', '')")

    def _ready(self, session: Session, events: list[Event]) -> list[Event]:
        """Events up to the first merge with a customer whose events another worker has still to decide."""
        share = self._share
        if share is None:
            return events
        for place, event in enumerate(events):
            other = event.merged_from
            if other is None or partition_of(other) in share.group:
                continue
            mark = share.marks.get(partition_of(other))
            if mark is None:
                row = session.row("SELECT watermark FROM partitions WHERE number = ?", (partition_of(other),))
                mark = row[0] if row else 0
            behind = [row[0] for row in session.rows(_BEHIND, (other, mark))]
            if any(seq < event.seq for seq in behind):
                if not place:
                    share.stalled[partition_of(event.customer)] = time.monotonic() + _STALL_S
                return events[:place]
            if behind:  # such as a retried one: it comes to the survivor, before whatever stands behind it
                return events[: place + 1]
        return events

    def _read_owned(self, session: Session) -> None:
        share, leases = self._share, self._leases
        if share is not None and leases is not None:
            rows = session.rows(_OWNED, (leases.worker,))
            share.tokens = {number: token for number, token, _ in rows}
            share.marks = {number: mark for number, _, mark in rows}
            share.stalled = {number: until for number, until in share.stalled.items() if number in share.tokens}


def _lost() -> StoreConflictError:
    return StoreConflictError("the customers are another worker's by now", cure="nothing; their owner decides them")


__all__ = ["LEASE_MS", "PARTITIONS", "Share", "SharingMethods", "partition_of"]
