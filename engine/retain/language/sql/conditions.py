"""A condition as SQL: for whom it is surely true, and for whom it may be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import and_, true
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BooleanClauseList, Grouping

from retain.language.evaluation.values import type_of
from retain.language.sql.cost import conjuncts, customer_fields
from retain.language.sql.dialect import Dialect
from retain.language.sql.grouping import Groups, begun
from retain.language.sql.history import HistoryReading
from retain.language.sql.postgres import Postgres
from retain.language.sql.setting import Setting
from retain.language.sql.source import Sql
from retain.language.sql.sqlite import Sqlite
from retain.language.sql.zones import Zones
from retain.language.syntax import ast
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


@dataclass(frozen=True, slots=True)
class Search:
    """How the customers are found for whom a condition holds.

    Args:
        begun: groups of events, of whose customers alone anything is asked.
        fields: tests of the customers' rows that an index answers.
        verdict: what is asked of those who are left.
        is_read: whether the customers' documents are read once, before `verdict` is asked.
    """

    verdict: Verdict
    is_read: bool
    begun: tuple[Groups, ...] = ()
    fields: tuple[Sql, ...] = ()


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
        self.setting = setting
        self.zones = Zones(setting.zone)

    def search(self, nodes: Sequence[Node], *, from_events: bool = False) -> Search:
        """Whom all of some clauses are true for.

        Args:
            from_events: begin with the events of the tests that nobody passes without any.
        """
        parts = [part for node in nodes for part in conjuncts(node)]
        begun_, parts = begun(self.dialect, self.setting, parts) if from_events else ([], parts)
        by_index = [part for part in parts if self._indexed and customer_fields(part) == {self._indexed}]
        verdict = self._all(by_index, is_read=False)
        if not verdict.is_exact:
            by_index, verdict = [], self._all([], is_read=False)
        asked = [part for part in parts if not any(part is other for other in by_index)]
        is_read = self.dialect.reads_whole and not _reads_little(asked, bool(begun_))
        return Search(self._all(asked, is_read=is_read), is_read, tuple(begun_), (verdict.may,) if by_index else ())

    def everybody(self, nodes: Sequence[Node], want: bool = True) -> Search:
        """The same without any order among them; of one clause also for whom it is false."""
        is_read = self.dialect.reads_whole
        return Search(self._all(nodes, want, is_read=is_read), is_read)

    def _all(self, nodes: Sequence[Node], want: bool = True, *, is_read: bool) -> Verdict:
        found = [self._verdict(node, want, is_read=is_read) for node in nodes]
        may = _late_last(and_(true(), *(part.may for part in found)) if len(found) != 1 else found[0].may, self._late)
        if all(part.is_exact for part in found):
            return Verdict(may, may)
        return Verdict(may, and_(*(part.sure for part in found)))

    def _verdict(self, node: Node, want: bool, *, is_read: bool) -> Verdict:
        reading = self._reading(sure=False, is_read=is_read)
        may = reading.test(node, want)
        self._late += reading.late
        if reading.is_exact:
            return Verdict(may, may)
        return Verdict(may, self._reading(sure=True, is_read=is_read).test(node, want))

    def _reading(self, *, sure: bool, is_read: bool) -> HistoryReading:
        return HistoryReading(self.dialect, self.setting, self.zones, sure=sure, is_read=is_read)


def _reads_little(nodes: Sequence[Node], is_begun: bool) -> bool:
    """Whether reading the documents where they are asked for is less work than reading each of them once."""
    fields = [part for node in nodes for part in node.walk() if isinstance(part, ast.Field) and part.root == "customer"]
    return not fields or (len(fields) == 1 and type_of(fields[0]).kind == "bool" and not is_begun)


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
