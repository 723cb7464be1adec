"""What people look up: customers by any name, runs, effects, events, decisions. Cold, so written as SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, Table, or_, select, text, union_all

from retain.model import DecisionRow, Effect, EffectState, Event, Instant, Record, Run, RunState
from retain.store.acceptance import Sources, events_of_rows
from retain.store.codec import (
    CUSTOMER_COLUMNS,
    DECISION_COLUMNS,
    EFFECT_COLUMNS,
    EVENT_COLUMNS,
    RECORD_COLUMNS,
    RUN_COLUMNS,
    customer_of,
    decision_of,
    effect_of,
    record_of,
    run_of,
)
from retain.store.database import Database, Row, Session
from retain.store.identity import ANONYMOUS, EMAIL, USER, identity_of_key, key_of, normal_address
from retain.store.rows import CustomerRow, Summary
from retain.store.sharing import PARTITIONS, SharingMethods
from retain.store.tables import customers, decisions, effects, events, records, runs, summaries

Clause: TypeAlias = ColumnElement[bool]


class AdminMethods(SharingMethods):
    """The part of the store that answers people."""

    _db: Database
    _sources: Sources

    def customer_by_key(self, key: str) -> CustomerRow | None:
        """The customer whom `user:17`, `anonymous:…` or `email:…` is by now."""
        identity = identity_of_key(key)
        with self._db.read() as session:
            return None if identity is None else _by_identity(session, *identity)

    def find_customer(self, name: str) -> CustomerRow | None:
        """The customer whom a text names: a key, user id, anonymous id, address or internal id, in this order."""
        with self._db.read() as session:
            identity = identity_of_key(name)
            candidates = [] if identity is None else [identity]
            candidates += [(USER, name), (ANONYMOUS, name), (EMAIL, normal_address(name))]
            for kind, value in candidates:
                found = _by_identity(session, kind, value)
                if found is not None:
                    return found
            number = name.removeprefix("#")
            return _by_id(session, int(number)) if number.isascii() and number.isdigit() and len(number) < 19 else None

    def identities_of(self, customer: int) -> list[str]:
        """All names of a customer as keys, in order."""
        with self._db.read() as session:
            rows = session.rows(
                "SELECT kind, value FROM identities WHERE customer = ? ORDER BY kind, value", (customer,)
            )
        return [key_of((kind, value)) for kind, value in rows]

    def list_runs(
        self,
        *,
        rule: str | None = None,
        states: Sequence[RunState] = (),
        customer: int | None = None,
        since: Instant | None = None,
        until: Instant | None = None,
        limit: int = 100,
    ) -> list[Run]:
        """Runs, the newest start first; `since` and `until` bound the start, half-open."""
        clauses = _between(runs.c.started_at, since, until)
        if rule is not None:
            clauses.append(runs.c.rule == rule)
        if states:
            clauses.append(runs.c.state.in_([state.value for state in states]))
        if customer is not None:
            clauses.append(runs.c.id.in_(_run_ids_of(customer)))
        found = self._select(runs, RUN_COLUMNS, clauses, limit, runs.c.started_at.desc(), runs.c.id)
        return [run_of(row) for row in found]

    def list_effects(
        self,
        *,
        rule: str | None = None,
        states: Sequence[EffectState] = (),
        since: Instant | None = None,
        until: Instant | None = None,
        customer: int | None = None,
        action: str | None = None,
        run: str | None = None,
        limit: int = 100,
    ) -> list[Effect]:
        """Effects, the newest first; `since` and `until` bound their decision, half-open."""
        clauses = _between(effects.c.created_at, since, until)
        for column, value in ((effects.c.rule, rule), (effects.c.action, action), (effects.c.run, run)):
            if value is not None:
                clauses.append(column == value)
        if states:
            clauses.append(effects.c.state.in_([state.value for state in states]))
        if customer is not None:
            clauses.append(effects.c.run.in_(_run_ids_of(customer)))
        found = self._select(effects, EFFECT_COLUMNS, clauses, limit, effects.c.created_at.desc(), effects.c.id)
        return [effect_of(row) for row in found]

    def effects_by_id(self, ids: Collection[str]) -> list[Effect]:
        """Those of these effects that exist, in the order of their ids."""
        sql = f"SELECT {EFFECT_COLUMNS} FROM effects WHERE id IN {{wanted}} ORDER BY id"
        with self._db.read() as session:
            return [effect_of(row) for row in session.rows_in(sql, sorted(ids))]

    def in_doubt_on_start(self, among: Collection[int] | None = None) -> list[Effect]:
        """Effects that are marked as sending, whatever the clocks of whoever claimed them, in the order of their ids.

        Args:
            among: the partitions to look in; None = all that this process decides.
        """
        among = self._share.tokens if among is None and self._share is not None else among
        clauses = [text("state IN ('sending', 'in_doubt', 'dead')"), effects.c.state == "sending"]
        if among is not None:
            clauses.append((effects.c.customer % PARTITIONS).in_(sorted(among)))
        return [effect_of(row) for row in self._select(effects, EFFECT_COLUMNS, clauses, None, effects.c.id)]

    def decisions_of(
        self,
        *,
        customer: int | None = None,
        rule: str | None = None,
        since: Instant | None = None,
        until: Instant | None = None,
        limit: int = 1000,
    ) -> list[DecisionRow]:
        """Full rows of the decision log, the newest first; of a customer with those whom it absorbed."""
        clauses = _between(decisions.c.at, since, until)
        if rule is not None:
            clauses.append(decisions.c.rule == rule)
        if customer is not None:
            absorbed = select(customers.c.id).where(customers.c.merged_into == customer)
            clauses.append(or_(decisions.c.customer == customer, decisions.c.customer.in_(absorbed)))
        found = self._select(decisions, DECISION_COLUMNS, clauses, limit, decisions.c.at.desc(), decisions.c.id.desc())
        return [decision_of(row) for row in found]

    def summary_of(self, event_seq: int) -> Summary | None:
        """What was decided about one event; None while it is undecided or quarantined."""
        found = self.summaries_of([event_seq])
        return found[0] if found else None

    def summaries_of(self, event_seqs: Collection[int]) -> list[Summary]:
        """What was decided about events, in their order."""
        sql = "SELECT event_seq, at, packed, changes FROM summaries WHERE event_seq IN {wanted} ORDER BY event_seq"
        with self._db.read() as session:
            return [_summary(row) for row in session.rows_in(sql, sorted(event_seqs))]

    def summaries_after(self, position: int, limit: int) -> list[Summary]:
        """The next summaries by event; for counts over all of them."""
        clauses: list[Any] = [summaries.c.event_seq > position]
        columns = "event_seq, at, packed, changes"
        return [_summary(row) for row in self._select(summaries, columns, clauses, limit, summaries.c.event_seq)]

    def event(self, seq: int) -> Event | None:
        """One event by its place in the order."""
        found = self._events([events.c.seq == seq], 1, events.c.seq)
        return found[0] if found else None

    def events_after(self, position: int, limit: int, *, from_outside: bool = True) -> list[Event]:
        """The next events in order; by default only those that decisions did not make."""
        clauses: list[Any] = [events.c.seq > position]
        if from_outside:
            clauses.append(events.c.cause_seq.is_(None))
        return self._events(clauses, limit, events.c.seq)

    def events_of(
        self,
        customer: int,
        *,
        name: str | None = None,
        since: Instant | None = None,
        until: Instant | None = None,
        limit: int = 100,
    ) -> list[Event]:
        """A customer's events, the newest first; `since` and `until` bound occurred_at, half-open."""
        clauses = [events.c.customer == customer, *_between(events.c.occurred_at, since, until)]
        if name is not None:
            clauses.append(events.c.name == name)
        return self._events(clauses, limit, events.c.occurred_at.desc(), events.c.seq.desc())

    def list_records(
        self, kind: str, *, state: str | None = None, owner: str | None = None, limit: int = 100
    ) -> list[Record]:
        """Records of a kind, in the order of their ids."""
        clauses: list[Any] = [records.c.kind == kind]
        if state is not None:
            clauses.append(records.c.state == state)
        if owner is not None:
            clauses.append(records.c.owner == owner)
        return [record_of(row) for row in self._select(records, RECORD_COLUMNS, clauses, limit, records.c.id)]

    def _events(self, clauses: Sequence[Any], limit: int, *order: Any) -> list[Event]:
        rows = self._select(events, EVENT_COLUMNS, clauses, limit, *order)
        with self._db.read() as session:
            return events_of_rows(session, self._sources, rows)

    def _select(self, table: Table, columns: str, clauses: Sequence[Any], limit: int | None, *order: Any) -> list[Row]:
        query = select(*(table.c[name.strip()] for name in columns.split(","))).where(*clauses).order_by(*order)
        with self._db.read() as session:
            return [tuple(row) for row in session.core.execute(query.limit(limit) if limit is not None else query)]


def _between(column: ColumnElement[int], since: Instant | None, until: Instant | None) -> list[Any]:
    clauses: list[Any] = []
    if since is not None:
        clauses.append(column >= since)
    if until is not None:
        clauses.append(column < until)
    return clauses


def _run_ids_of(customer: int) -> Select[Any]:
    """Live and ended runs stand in two partial indexes; each half of the union uses its own."""
    live = select(runs.c.id).where(runs.c.customer == customer, text("NOT has_ended"))
    ended = select(runs.c.id).where(runs.c.customer == customer, text("has_ended"))
    return select(union_all(live, ended).subquery().c.id)


def _by_identity(session: Session, kind: int, value: str) -> CustomerRow | None:
    row = session.row("SELECT customer FROM identities WHERE kind = ? AND value = ?", (kind, value))
    return None if row is None else _by_id(session, row[0])


def _by_id(session: Session, customer: int) -> CustomerRow | None:
    row = session.row(f"SELECT {CUSTOMER_COLUMNS} FROM customers WHERE id = ?", (customer,))
    if row is None:
        return None
    found = customer_of(row)
    return found if found.merged_into is None else _by_id(session, found.merged_into)


def _summary(row: Row) -> Summary:
    return Summary(row[0], row[1], row[2], row[3].encode() if row[3] else b"")
