"""Whole statements over all customers: who a condition holds for, how many, and what each of its clauses costs."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, and_, case, func, or_, select, true

from retain.language.sql.conditions import SqlCompiler, Verdict
from retain.language.sql.operand import bound, compared, raw
from retain.language.sql.source import CUSTOMERS, From, Sql

YES, PERHAPS, NO = 1, 2, 0


def members(
    compiler: SqlCompiler, verdict: Verdict, *, after: int = 0, upto: int | None = None, limit: int | None = None
) -> Select[tuple[int, ...]]:
    """The ids for which a condition holds or may hold, in order, each with 1 for surely and 2 for perhaps.

    Args:
        after: ids up to this one are left out.
        upto: ids from the next one on are left out.
    """
    how = raw(str(YES)) if verdict.is_exact else _how(verdict)
    query = select(CUSTOMERS.c.id, how).select_from(_from(compiler)).where(_present(), verdict.may)
    return _page(query, after, upto).limit(limit)


def count(compiler: SqlCompiler, verdict: Verdict) -> Select[tuple[int, int]]:
    """How many there are surely, and how many perhaps beside these."""
    everybody = func.count()
    if verdict.is_exact:
        columns: tuple[Sql, ...] = (everybody, raw("0"))
    else:
        surely = func.count(case((verdict.sure, raw("1"))))
        columns = (surely, everybody.op("-")(surely))
    return select(*columns).select_from(_from(compiler)).where(_present(), verdict.may)


def patterns(compiler: SqlCompiler, clauses: Sequence[Verdict]) -> Select[tuple[int, ...]]:
    """How many customers each combination of verdicts has: for each clause 1, 2 or 0, and at the end the count."""
    names = [f"clause{number}" for number in range(len(clauses))]
    columns = [_how(clause).label(name) for clause, name in zip(clauses, names, strict=True)]
    inner = select(*columns).select_from(_from(compiler)).where(_present()).subquery("verdicts")
    found = [inner.c[name] for name in names]
    return select(*found, func.count()).group_by(*found)


def undecided(
    compiler: SqlCompiler, clauses: Sequence[Verdict], *, after: int = 0, limit: int | None = None
) -> Select[tuple[int, ...]]:
    """Customers for whom the database cannot tell some clause, in order of id: the id and the verdicts."""
    left = [and_(clause.may, clause.sure.is_not(true())) for clause in clauses if not clause.is_exact]
    query = select(CUSTOMERS.c.id, *map(_how, clauses)).select_from(_from(compiler)).where(_present(), or_(*left))
    return _page(query, after, None).limit(limit)


def _page(query: Select[tuple[int, ...]], after: int, upto: int | None) -> Select[tuple[int, ...]]:
    if after:
        query = query.where(compared(CUSTOMERS.c.id, ">", bound(after)))
    if upto is not None:
        query = query.where(compared(CUSTOMERS.c.id, "<=", bound(upto)))
    return query.order_by(CUSTOMERS.c.id)


def _how(verdict: Verdict) -> Sql:
    holds = [(verdict.sure, raw(str(YES)))]
    if not verdict.is_exact:
        holds.append((verdict.may, raw(str(PERHAPS))))
    return case(*holds, else_=raw(str(NO)))


def _present() -> Sql:
    return CUSTOMERS.c.merged_into.is_(None)


def _from(compiler: SqlCompiler) -> From:
    source: From = CUSTOMERS
    if compiler.customer_source is not None:
        source = source.join(compiler.customer_source, true())
    if not compiler.zones.is_needed:
        return source
    zones = compiler.zones.table()
    name = compiler.dialect.text(compiler.dialect.document(CUSTOMERS.c.fields), "timezone").value
    return source.outerjoin(zones, compared(zones.c.name, "=", name))
