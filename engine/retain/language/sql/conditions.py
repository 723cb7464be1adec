"""A condition as SQL: for whom it is surely true, and for whom it may be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import and_
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BooleanClauseList, Grouping

from retain.language.sql.dialect import Dialect
from retain.language.sql.history import HistoryReading
from retain.language.sql.postgres import Postgres
from retain.language.sql.setting import Setting
from retain.language.sql.source import CUSTOMER_DOC, CUSTOMERS, Sql
from retain.language.sql.sqlite import Sqlite
from retain.language.sql.zones import Zones
from retain.language.syntax.ast import Node

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (Sqlite(), Postgres())}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One condition as tests in which NULL is no. Where the two are the same object the database decides alone.

    Args:
        may: holds for all for whom it is true, and perhaps for others.
        sure: holds only for those for whom it is true.
    """

    may: Sql
    sure: Sql

    @property
    def is_exact(self) -> bool:
        """Whether the database decides alone."""
        return self.may is self.sure


class SqlCompiler:
    """Translates the conditions of one statement.

    Args:
        dialect: "sqlite" or "postgresql".
        indexed: a customer's field of which there is an index that shall be used.
    """

    def __init__(self, dialect: str, setting: Setting, *, indexed: str = "") -> None:
        self.dialect = DIALECTS[dialect]
        self._indexed = indexed
        self._late: list[Sql] = []
        _, self.customer_source = self.dialect.opened(CUSTOMERS.c.fields, CUSTOMER_DOC)
        self.setting = setting
        self.zones = Zones(setting.zone)

    def verdict(self, nodes: Sequence[Node], want: bool = True) -> Verdict:
        """Whether all of some clauses are true; of one clause also whether it is false."""
        found = [self._verdict(node, want) for node in nodes]
        may = _late_last(and_(*(part.may for part in found)) if len(found) != 1 else found[0].may, self._late)
        if all(part.is_exact for part in found):
            return Verdict(may, may)
        return Verdict(may, and_(*(part.sure for part in found)))

    def _verdict(self, node: Node, want: bool) -> Verdict:
        reading = self._reading(sure=False)
        may = reading.test(node, want)
        self._late += reading.late
        return Verdict(may, may if reading.is_exact else self._reading(sure=True).test(node, want))

    def _reading(self, *, sure: bool) -> HistoryReading:
        return HistoryReading(self.dialect, self.setting, self.zones, sure=sure, indexed=self._indexed)


def _late_last(test: Sql, late: Sequence[Sql]) -> Sql:
    """The same test, with what rarely fails behind what is joined to it."""
    marks = {id(part) for part in late}
    parts = list(_joined(test))
    return and_(*sorted(parts, key=lambda part: id(_inside(part)) in marks)) if len(parts) > 1 else test


def _inside(test: Sql) -> Sql:
    return cast(Sql, test.element) if isinstance(test, Grouping) else test


def _joined(test: Sql) -> Iterator[Sql]:
    inner = _inside(test)
    if isinstance(inner, BooleanClauseList) and inner.operator is operators.and_:
        for part in inner.clauses:
            yield from _joined(part)
    else:
        yield test
