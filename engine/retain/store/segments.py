"""Questions about all customers at once: statements that others write, over the tables of this store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Executable

from retain.store.database import Database, Row


@dataclass(frozen=True, slots=True)
class Decided:
    """Up to which event accepted ones are decided; a text is an expression, where it differs between customers.

    Args:
        is_settled: whether no event at all is undecided.
    """

    upto: int | str
    is_settled: bool


class SegmentMethods:
    """The part of the store that answers statements about whom a condition holds for."""

    _db: Database

    @property
    def database(self) -> str:
        """Which database this is, as SQLAlchemy names it."""
        with self._db.read() as session:
            return session.core.dialect.name

    def ask(self, statement: Executable) -> list[Row]:
        """All rows of a statement."""
        with self._db.read() as session:
            return [tuple(row) for row in session.core.execute(statement)]

    def decided(self) -> Decided:
        """Up to where accepted events are decided."""
        dialect = self._db.dialect
        newest = self.newest_event()
        with self._db.read() as session:
            if session.row(f"SELECT 1 FROM events WHERE {dialect.undecided} LIMIT 1") is None:
                return Decided(newest, is_settled=True)
        return Decided(dialect.decided_upto, is_settled=False)

    def newest_event(self) -> int:
        """The number of the newest accepted event; 0 where there is none."""
        with self._db.read() as session:
            row = session.row("SELECT max(seq) FROM events")
        return 0 if row is None or row[0] is None else int(row[0])

    def has_failed_events(self) -> bool:
        """Whether any event is set aside because it could not be decided."""
        with self._db.read() as session:
            return session.row("SELECT 1 FROM failed_events LIMIT 1") is not None

    def last_customer(self) -> int:
        """The greatest number of a customer; 0 where there is none."""
        with self._db.read() as session:
            row = session.row("SELECT max(id) FROM customers")
        return 0 if row is None or row[0] is None else int(row[0])

    def index_names(self) -> set[str]:
        """The names of all indexes."""
        with self._db.read() as session:
            return {row[0] for row in session.rows(self._db.dialect.indexes)}

    def make_indexes(self, statements: Sequence[str]) -> None:
        """Run statements that make indexes, and have the database count what is in them."""
        with self._db.write() as session:
            for statement in statements:
                session.change(statement)
            session.change("ANALYZE customers")
