"""What went wrong and who did what: refused messages, events that could not be decided, the audit trail."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from retain.errors import NotFoundError
from retain.model import Instant, Json, MessageKind
from retain.store.acceptance import Sources, counter, events_of_rows, raise_counter
from retain.store.codec import EVENT_COLUMNS, KIND_NUMBER, decode, encode
from retain.store.committing import INSERT_AUDIT
from retain.store.database import Database, Session
from retain.store.facts import UPDATED
from retain.store.fresh import FreshEvents
from retain.store.rows import AuditRow, FailedEvent, RejectRow
from retain.store.sharing import SharingMethods

_FAILED = f"SELECT {EVENT_COLUMNS}, reason FROM events JOIN failed_events ON event_seq = seq ORDER BY seq LIMIT ?"
_EMPTY = "UPDATE events SET kind = ?, name = ?, body = ? WHERE seq = ?"


class QuarantineMethods(SharingMethods):
    """The part of the store that keeps what was refused, what failed, and the audit trail."""

    _db: Database
    _sources: Sources
    _fresh: FreshEvents

    def add_rejects(self, rows: Sequence[tuple[Instant, str, str, str]]) -> None:
        """Keep refused messages: (at, source, reason, body) each."""
        with self._db.write() as session:
            session.change_many("INSERT INTO rejects (at, source, reason, body) VALUES (?, ?, ?, ?)", rows)

    def list_rejects(self, limit: int = 100, *, source: str | None = None) -> list[RejectRow]:
        """Refused messages, newest first."""
        where, values = ("", ()) if source is None else (" WHERE source = ?", (source,))
        sql = f"SELECT id, at, source, reason, body FROM rejects{where} ORDER BY id DESC LIMIT ?"
        with self._db.read() as session:
            return [RejectRow(*row) for row in session.rows(sql, (*values, limit))]

    def prune_rejects(self, keep: int) -> int:
        """Forget all but the newest refused messages; how many were forgotten."""
        with self._db.write() as session:
            return session.change("DELETE FROM rejects WHERE id <= (SELECT max(id) FROM rejects) - ?", (keep,))

    def failed_events(self, limit: int = 100) -> list[FailedEvent]:
        """Quarantined events, oldest first."""
        with self._db.read() as session:
            rows = session.rows(_FAILED, (limit,))
            events = events_of_rows(session, self._sources, [row[:-1] for row in rows])
        return [FailedEvent(event, row[-1]) for event, row in zip(events, rows, strict=True)]

    def retry_failed(self, seqs: Sequence[int], now: Instant) -> dict[int, int]:
        """Accept quarantined events anew: old place to new place in the order.

        Each goes to the end of the order with received_at = now, so that it is decided after everything that is
        decided already, and a rebuild follows the same order. A derived event is decided as if it had come by itself.

        Raises:
            NotFoundError: one of them is not quarantined.
        """
        return self._move_to_end(seqs, now, empty=False)

    def drop_failed(self, seqs: Sequence[int], now: Instant) -> dict[int, int]:
        """Give quarantined events up: old place to new place in the order.

        What is left of each is a call without a name or fields, at the end of the order: it changes nothing by itself,
        but a customer whom the event had made or joined is made or joined by it, and it is not accepted a second time.

        Raises:
            NotFoundError: one of them is not quarantined.
        """
        return self._move_to_end(seqs, now, empty=True)

    def _move_to_end(self, seqs: Sequence[int], now: Instant, *, empty: bool) -> dict[int, int]:
        places = {}
        with self._db.write() as session:
            self._take_turn(session)
            last = counter(session, "last_seq")
            for seq in sorted(seqs):
                last += 1
                _move(session, seq, last, now)
                if empty:
                    session.change(_EMPTY, (KIND_NUMBER[MessageKind.IDENTIFY], UPDATED, encode({}), last))
                places[seq] = last
            raise_counter(session, "last_seq", last)
        self._fresh.forget()
        return places

    def audit(self, who: str, what: str, details: dict[str, Json], *, at: Instant) -> None:
        """Keep who did what."""
        with self._db.write() as session:
            session.change(INSERT_AUDIT, (at, who, what, encode(details)))

    def list_audit(
        self,
        limit: int = 100,
        *,
        who: str | None = None,
        what: Collection[str] = (),
        since: Instant | None = None,
        until: Instant | None = None,
    ) -> list[AuditRow]:
        """The audit trail, newest first, or what of it somebody did, or was done by these commands or in a span."""
        marks = ", ".join("?" * len(what))
        asked = [("who = ?", who), ("at >= ?", since), ("at < ?", until)]
        clauses = [clause for clause, value in asked if value is not None] + ([f"what IN ({marks})"] if what else [])
        where = f" WHERE {' AND '.join(clauses)}" if clauses else ""
        values = [value for _, value in asked if value is not None]
        sql = f"SELECT id, at, who, what, details FROM audit{where} ORDER BY id DESC LIMIT ?"
        with self._db.read() as session:
            rows = session.rows(sql, (*values, *what, limit))
        return [AuditRow(row[0], row[1], row[2], row[3], decode(row[4])) for row in rows]


def _move(session: Session, seq: int, place: int, now: Instant) -> None:
    if not session.change("DELETE FROM failed_events WHERE event_seq = ?", (seq,)):
        raise NotFoundError("quarantined event", str(seq))
    session.change("UPDATE events SET seq = ?, received_at = ?, cause_seq = NULL WHERE seq = ?", (place, now, seq))
    session.change(
        "UPDATE customers SET first_seq = ? WHERE id = (SELECT customer FROM events WHERE seq = ?) AND first_seq = ?",
        (place, place, seq),
    )
