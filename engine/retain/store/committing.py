"""Writing what a step of the pipeline decided: one batch, one transaction, nothing by halves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from retain.errors import StoreConflictError
from retain.model import Event, Record
from retain.store.acceptance import INSERT_EVENT, Sources, counter, event_values, raise_counter
from retain.store.breakers import count_starts
from retain.store.codec import customer_values, encode
from retain.store.database import Database, Session
from retain.store.dialects.base import insert, upsert
from retain.store.fresh import FreshEvents
from retain.store.identity import IdentityCache
from retain.store.merging import absorb_all
from retain.store.rows import Batch, PauseRow
from retain.store.sharing import SharingMethods
from retain.store.stepping import write_effects, write_runs
from retain.store.tables import (
    consents,
    customers,
    decisions,
    failed_events,
    records,
    schedules,
    summaries,
    suppressions,
    watches,
)

_CUSTOMER = ("fields", "stamps", "first_seen", "watches", "recheck_at")
UPSERT_CUSTOMER = insert(customers, columns=("id", "key", "fields", "stamps", "first_seen", "first_seq", "watches",
                                             "recheck_at"), replace=_CUSTOMER)  # fmt: skip
UPSERT_CUSTOMER += ", first_seq = CASE customers.first_seq WHEN 0 THEN excluded.first_seq ELSE customers.first_seq END"
INSERT_SUMMARY = upsert(summaries)
INSERT_DECISION = insert(decisions, columns=[column.name for column in decisions.columns if column.name != "id"])
INSERT_RECORD = insert(records)
UPDATE_RECORD = (
    "UPDATE records SET customer = ?, owner = ?, state = ?, due_at = ?, fields = ?, version = version + 1"
    " WHERE kind = ? AND id = ? AND version = ?"
)
CANCEL = "UPDATE effects SET state = 'cancelled', reason = ? WHERE run = ? AND state = 'pending'"
INSERT_CONSENT = insert(consents, columns=("customer", "purpose", "granted", "at", "source", "text"))
INSERT_SUPPRESSION = insert(suppressions) + " ON CONFLICT DO NOTHING"
UPSERT_FAILED = upsert(failed_events)
UPSERT_SCHEDULE = upsert(schedules)
UPSERT_WATCH = upsert(watches)
UPSERT_PAUSE = (
    'INSERT INTO pauses (scope, name, reason, "by", at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (scope, name) DO NOTHING'
)

INSERT_AUDIT = "INSERT INTO audit (at, who, what, details) VALUES (?, ?, ?, ?)"
PAUSING_PARTS = ("breaker", "delivery")


class CommitMethods(SharingMethods):
    """The part of the store that decisions are written through."""

    _db: Database
    _sources: Sources
    _identities: IdentityCache
    _fresh: FreshEvents
    keeps_log: bool

    def commit(self, batch: Batch) -> dict[int, int]:
        """Write a batch in one transaction; working numbers of its new events to their places in the order.

        Records are compared with the version that was read (0 for a new one) and stored with the next; pending effects
        of `cancel_effects_of` are cancelled, those of the batch too; the merges come last, so that what the batch wrote
        for an absorbed customer moves with it.

        Raises:
            StoreConflictError: a record was changed since it was read; nothing is written.
            StoreFullError: no space is left; nothing is written.
        """
        made = [*batch.events, *batch.posted]
        sources = self._sources.number(event.source for event in made) if made else {}
        with self._db.write() as session:
            self._fence(session, batch)
            if made or batch.merges:
                self._take_turn(session)
            numbers = _write_events(session, batch, sources, self._decided_upto(session))
            _write_state(session, batch, numbers)
            _write_log(session, batch if self.keeps_log else _without_log(batch), numbers)
            _write_records(session, batch.records)
            _write_progress(session, batch)
            moved = absorb_all(session, batch.merges)
            self._count_merges(session, len(batch.merges))
            self._move_marks(session, batch, bool(numbers))
            count_starts(session, batch.starts)
        self._identities.update(moved.items())
        if batch.merges or batch.posted:
            self._fresh.forget()
        return numbers

    def _decided_upto(self, session: Session) -> Callable[[int], int]:
        """Up to where a customer's accepted events are decided; asked only where a timer has made an event."""
        share = self._share
        return (lambda _: counter(session, "watermark")) if share is None else share.mark_of

    def _move_marks(self, session: Session, batch: Batch, made_events: bool) -> None:
        share = self._share
        if share is None:
            _move_watermark(session, batch.watermark, made_events)
            return
        if batch.watermark is not None:
            share.passed(share.group, batch.watermark)
        if made_events:
            group, low, _ = share.lowest(last := counter(session, "last_seq"))
            if session.row("SELECT 1 FROM events WHERE seq > ? AND cause_seq IS NULL LIMIT 1", (low,)) is None:
                share.passed(group, last)


def _write_events(
    session: Session, batch: Batch, sources: Mapping[str, int], decided_upto: Callable[[int], int]
) -> dict[int, int]:
    """Number and store the new events: derived ones after their cause, posted ones for their own turn."""
    if not batch.events and not batch.posted:
        return {}
    last = counter(session, "last_seq")
    causes = _causes(batch, decided_upto)
    numbers: dict[int, int] = {}
    rows = []
    for event in batch.events:
        last += 1
        numbers[event.seq] = last
        rows.append(event_values(event, last, sources[event.source], causes[event.seq]))
    for event in batch.posted:
        last += 1
        numbers[event.seq] = last
        rows.append(event_values(event, last, sources[event.source], None))
    session.change_many(INSERT_EVENT, rows)
    raise_counter(session, "last_seq", last)
    return numbers


def _causes(batch: Batch, decided_upto: Callable[[int], int]) -> dict[int, int]:
    """The accepted event in whose wake each derived one was decided: the summaries stand in the order of deciding."""
    causes: dict[int, int | None] = {}  # None: a timer made it before the batch's first accepted event was decided
    decided: int | None = None
    for summary in batch.summaries:
        if summary.event_seq > 0:
            decided = summary.event_seq
        else:
            causes[summary.event_seq] = decided

    def cause_of(event: Event) -> int:
        if event.cause_seq is not None:
            return event.cause_seq
        cause = causes.get(event.seq, decided)
        return decided_upto(event.customer) if cause is None else cause

    return {event.seq: cause_of(event) for event in batch.events}


def _write_state(session: Session, batch: Batch, numbers: Mapping[int, int]) -> None:
    session.change_many(UPSERT_CUSTOMER, map(customer_values, batch.customers))
    write_runs(session, batch.runs, numbers)
    write_effects(session, batch.effects)
    session.change_many(CANCEL, [(reason, run) for run, reason in batch.cancel_effects_of])
    session.change_many(
        INSERT_CONSENT,
        [(row.customer, row.purpose, row.granted, row.at, row.source, row.text) for row in batch.consents],
    )
    session.change_many(
        INSERT_SUPPRESSION, [(row.channel, row.address, row.reason, row.at) for row in batch.suppressions]
    )


def _without_log(batch: Batch) -> Batch:
    """What deciding itself reads of the log: which fields changed, and what was put aside."""
    return Batch(summaries=[row for row in batch.summaries if row.changes], quarantined=batch.quarantined)


def _write_log(session: Session, batch: Batch, numbers: Mapping[int, int]) -> None:
    session.change_many(
        INSERT_SUMMARY,
        [
            (numbers.get(row.event_seq, row.event_seq), row.at, row.packed, row.changes.decode() or None)
            for row in batch.summaries
        ],
    )
    session.change_many(
        INSERT_DECISION,
        [
            (
                row.at,
                numbers.get(row.event_seq, row.event_seq),
                row.rule,
                row.customer,
                row.run,
                row.kind,
                row.outcome,
                row.path,
                row.why,
                encode(row.values) if row.values else None,
            )
            for row in batch.decisions
        ],
    )
    failed = [(numbers.get(seq, seq), reason) for seq, reason in batch.quarantined]
    session.change_many(UPSERT_FAILED, failed)


def _write_records(session: Session, changed: Sequence[Record]) -> None:
    new = [
        (row.kind, row.id, row.customer, row.owner, row.state, row.due_at, encode(row.fields), 1)
        for row in changed
        if row.version == 0
    ]
    known = [
        (row.customer, row.owner, row.state, row.due_at, encode(row.fields), row.kind, row.id, row.version)
        for row in changed
        if row.version
    ]
    touched = session.change_many(INSERT_RECORD + " ON CONFLICT DO NOTHING", new) if new else 0
    touched += session.change_many(UPDATE_RECORD, known) if known else 0
    if touched != len(changed):
        raise StoreConflictError("a record was changed since it was read", cure="decide again from fresh facts")


def _write_progress(session: Session, batch: Batch) -> None:
    session.change_many(
        UPSERT_SCHEDULE,
        [(row.rule, row.path, row.last_planned, row.position, row.sweep_at) for row in batch.schedules],
    )
    session.change_many(
        UPSERT_WATCH, [(row.watch, row.rule, row.since, row.position, row.done) for row in batch.watch_progress]
    )
    for pause in batch.pauses:
        _write_pause(session, pause)


def _write_pause(session: Session, pause: PauseRow) -> None:
    if pause.paused:
        is_new = session.change(UPSERT_PAUSE, (pause.scope, pause.name, pause.reason, pause.by, pause.at))
        if is_new and pause.by in PAUSING_PARTS:  # what a person does is in the audit trail by its command
            details = {"scope": pause.scope, "name": pause.name, "reason": pause.reason}
            session.change(INSERT_AUDIT, (pause.at, pause.by, "pause", encode(details)))
    else:
        session.change("DELETE FROM pauses WHERE scope = ? AND name = ?", (pause.scope, pause.name))


def _move_watermark(session: Session, decided: int | None, made_events: bool) -> None:
    """Raise the mark; where nothing is left to decide it passes the derived events too, so that no query reads them."""
    if decided is None and not made_events:
        return
    mark = max(counter(session, "watermark"), decided or 0)
    left = session.row("SELECT 1 FROM events WHERE seq > ? AND cause_seq IS NULL ORDER BY seq LIMIT 1", (mark,))
    raise_counter(session, "watermark", mark if left else counter(session, "last_seq"))
