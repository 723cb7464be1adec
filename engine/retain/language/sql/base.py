"""The state of one translation, and what its parts ask of each other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select

from retain.language.sql.dialect import Dialect
from retain.language.sql.operand import NotInSqlError, Operand, raw
from retain.language.sql.setting import Setting
from retain.language.sql.source import CUSTOMERS, DOC, EVENT_DOC, EVENTS, From, Sql
from retain.language.sql.zones import Zones
from retain.language.syntax.ast import Node


class Base(ABC):
    """One translation of trees to SQL.

    What the database cannot decide exactly is decided in one direction: while `sure` is set, a test holds only where
    it certainly does, else wherever it may. `is_exact` tells whether the two are the same.

    Args:
        is_read: whether the statement has read the customers' documents before these tests.
    """

    def __init__(self, dialect: Dialect, setting: Setting, zones: Zones, *, sure: bool, is_read: bool) -> None:
        self.dialect = dialect
        self.setting = setting
        self.zones = zones
        self.sure = sure
        self.is_exact = True
        self.late: list[Sql] = []  # tests that hold for almost all for whom those before them do
        read = dialect.opened(f"{CUSTOMERS.name}.{DOC}")
        self.customer = read if is_read else dialect.document(CUSTOMERS.c.fields)
        self.row, self.row_source = dialect.document(EVENTS.c.body), _read_once(dialect)
        if self.row_source is not None:
            self.row = dialect.opened(f"{EVENT_DOC}.{DOC}")

    @abstractmethod
    def test(self, node: Node, want: bool) -> Sql:
        """Whether a condition is true, or false; NULL is no."""

    @abstractmethod
    def operand(self, node: Node) -> Operand:
        """The value of an expression."""

    def whole(self, node: Node) -> Sql:
        """The value as one expression, NULL where missing."""
        return self.operand(node).whole()

    def exact_test(self, node: Node, want: bool) -> Sql:
        """A test that the database decides by itself.

        Raises:
            NotInSqlError: it cannot.
        """
        before, self.is_exact = self.is_exact, True
        try:
            found = self.test(node, want)
            if not self.is_exact:
                raise NotInSqlError
        finally:
            self.is_exact = before
        return found

    @contextmanager
    def flipped(self) -> Iterator[None]:
        """The other direction, for what stands under a negation."""
        self.sure = not self.sure
        try:
            yield
        finally:
            self.sure = not self.sure


def _read_once(dialect: Dialect) -> From | None:
    """The document of an event beside its row, where it must not be read anew for every test."""
    if not dialect.reads_whole:
        return None
    # `offset 0` keeps the planner from putting it back where it is used.
    read = select(dialect.document(EVENTS.c.body).label(DOC)).correlate_except(None)
    return read.offset(raw("0")).lateral(EVENT_DOC)
