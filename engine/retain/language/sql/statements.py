"""Whole statements over all customers: who a condition holds for, how many, and what each of its clauses costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, case, func, or_, select

from retain.language.sql.conditions import Search, SqlCompiler, Verdict
from retain.language.sql.operand import bound, compared, raw
from retain.language.sql.source import CUSTOMERS, DOC, EVENTS, Sql

Statement = Select[tuple[int, ...]]
YES, PERHAPS, UNKNOWN, NO = 1, 2, 3, 0


@dataclass(frozen=True, slots=True)
class Ids:
    """Which customers are looked at: those after one id, up to another; in order and no more than so many."""

    after: int = 0
    upto: int | None = None
    limit: int | None = None

    def within(self, column: ColumnElement[int]) -> list[Sql]:
        """The tests of an id."""
        low = [compared(column, ">", bound(self.after))] if self.after else []
        return low if self.upto is None else [*low, compared(column, "<=", bound(self.upto))]


ALL = Ids()


@dataclass(frozen=True, slots=True)
class Asked:
    """One clause, asked of everybody.

    Args:
        holds: for whom it is true.
        fails: for whom it is false, where a missing value can make it neither; None where the others are all.
    """

    holds: Search
    fails: Search | None = None

    @property
    def is_exact(self) -> bool:
        """Whether the database decides alone."""
        return self.holds.verdict.is_exact and (self.fails is None or self.fails.verdict.is_exact)


def members(compiler: SqlCompiler, search: Search, ids: Ids = ALL) -> Statement:
    """The ids for which a condition holds or may hold, in order, each with 1 for surely and 2 for perhaps."""
    how = raw(str(YES)) if search.verdict.is_exact else _how(search.verdict)
    query = _from(select(CUSTOMERS.c.id, how), compiler, search, ids).where(search.verdict.may)
    return query.order_by(CUSTOMERS.c.id).limit(ids.limit)


def count(compiler: SqlCompiler, search: Search) -> Statement:
    """How many there are surely, and how many perhaps beside these."""
    everybody, verdict = func.count(), search.verdict
    if verdict.is_exact:
        columns: tuple[Sql, ...] = (everybody, raw("0"))
    else:
        surely = func.count(case((verdict.sure, raw("1"))))
        columns = (surely, everybody.op("-")(surely))
    return _from(select(*columns), compiler, search, ALL).where(verdict.may)


def patterns(compiler: SqlCompiler, clauses: Sequence[Asked]) -> Statement:
    """How many customers each combination of verdicts has: one for each clause, and at the end the count."""
    names = [f"clause{number}" for number in range(len(clauses))]
    columns = [_which(clause).label(name) for clause, name in zip(clauses, names, strict=True)]
    inner = _from(select(*columns), compiler, clauses[0].holds, ALL).subquery("verdicts")
    found = [inner.c[name] for name in names]
    return select(*found, func.count()).group_by(*found)


def undecided(compiler: SqlCompiler, clauses: Sequence[Asked], ids: Ids = ALL) -> Statement:
    """Ids of customers for whom the database cannot tell some clause, in order."""
    left = [compared(_which(clause), "=", raw(str(PERHAPS))) for clause in clauses if not clause.is_exact]
    query = _from(select(CUSTOMERS.c.id), compiler, clauses[0].holds, ids).where(or_(*left))
    return query.order_by(CUSTOMERS.c.id).limit(ids.limit)


def _how(verdict: Verdict) -> Sql:
    return case(*_told(verdict, YES), else_=raw(str(NO)))


def _which(clause: Asked) -> Sql:
    holds = _told(clause.holds.verdict, YES)
    if clause.fails is None:
        return case(*holds, else_=raw(str(NO)))
    return case(*holds, *_told(clause.fails.verdict, NO), else_=raw(str(UNKNOWN)))


def _told(verdict: Verdict, surely: int) -> list[tuple[Sql, Sql]]:
    told = [(verdict.sure, raw(str(surely)))]
    return told if verdict.is_exact else [*told, (verdict.may, raw(str(PERHAPS)))]


def _from(query: Statement, compiler: SqlCompiler, search: Search, ids: Ids) -> Statement:
    """The query about the customers that are looked at."""
    found = [CUSTOMERS.c.merged_into.is_(None), *ids.within(CUSTOMERS.c.id), *search.fields]
    found += [CUSTOMERS.c.id.in_(groups.where(*ids.within(EVENTS.c.customer))) for groups in search.begun]
    document = compiler.dialect.document(CUSTOMERS.c.fields)
    if search.is_read:
        # It bears the name of the table, so that what is asked of customers is asked of these. `offset 0` keeps the
        # planner from reading the document anew for every test, and from doing so before it knows whose.
        read = select(CUSTOMERS.c.id, CUSTOMERS.c.first_seen, document.label(DOC)).where(*found)
        read = read.order_by(CUSTOMERS.c.id) if ids.limit is not None else read
        query = query.add_cte(read.offset(raw("0")).cte(CUSTOMERS.name))
        document = compiler.dialect.opened(f"{CUSTOMERS.name}.{DOC}")
    else:
        query = query.where(*found)
    if not compiler.zones.is_needed:
        return query.select_from(CUSTOMERS)
    zones = compiler.zones.table()
    name = compiler.dialect.text(document, "timezone").value
    return query.select_from(CUSTOMERS.outerjoin(zones, compared(zones.c.name, "=", name)))
