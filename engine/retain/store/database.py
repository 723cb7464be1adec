"""Connections and transactions: one writer, a read-only connection for each thread that reads.

The thread that wrote last reads through the writer's connection too: SQLite drops a connection's page cache whenever
another one has written, and on PostgreSQL every connection counts. A connection that is lost is made anew by whoever
needs it next.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from retain.errors import StoreError, StoreFullError, StoreUnavailableError
from retain.store.dialects.base import Dialect, Row, Values

__all__ = ["Database", "Row", "Session", "Values"]


class Session:
    """Statements on one connection: hot ones as text through the driver, cold ones as SQLAlchemy Core by `core`."""

    def __init__(self, connection: Connection, dialect: Dialect) -> None:
        self.core = connection
        self.driver = dialect.driver_of(connection)
        self._dialect = dialect

    def rows(self, sql: str, values: Values = ()) -> list[Row]:
        """All rows of a query."""
        return self.driver.execute(self._dialect.spelled(sql), values).fetchall()

    def row(self, sql: str, values: Values = ()) -> Row | None:
        """The first row of a query."""
        return self.driver.execute(self._dialect.spelled(sql), values).fetchone()

    def rows_in(self, sql: str, wanted: Collection[object], before: Values = (), after: Values = ()) -> list[Row]:
        """All rows of a query in which `IN {wanted}` stands for a list of any length; of long lists not ordered.

        Args:
            before: values of the marks that come before the list.
            after: values of the marks that come after it.
        """
        found: list[Row] = []
        for condition, part in self._dialect.lists(list(dict.fromkeys(wanted))):
            found += self.rows(sql.replace("IN {wanted}", condition), (*before, *part, *after))
        return found

    def change(self, sql: str, values: Values = ()) -> int:
        """Run one statement; how many rows it touched."""
        return self.driver.execute(self._dialect.spelled(sql), values).rowcount

    def change_many(self, sql: str, rows: Iterable[Values]) -> int:
        """Run one statement for many rows; how many it touched in all."""
        many = rows if isinstance(rows, list) else list(rows)
        if not many:
            return 0
        return self._dialect.change_many(self.driver, sql, many)

    def limit(self, seconds: float) -> None:
        """Give what follows so long and no longer."""
        self._dialect.limit(self.driver, seconds)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._dialect.in_transaction(self.driver)

    @property
    def is_lost(self) -> bool:
        """Whether the connection is of no use any more."""
        return self._dialect.is_lost(self.driver)

    def close(self) -> None:
        """Close the connection."""
        if self.is_lost:
            self.core.invalidate()
        self.core.close()
        self.core.engine.dispose()


class Database:
    """The connections of one store.

    Args:
        dialect: which database, and where it is.
        read_only: whether writing is refused.
    """

    def __init__(self, dialect: Dialect, *, read_only: bool = False) -> None:
        self.dialect = dialect
        self.read_limit_s: float | None = None
        self.read_only = read_only
        self._lock = threading.RLock()
        self._writer_thread = threading.get_ident()
        self._local = threading.local()
        self._readers: list[Session] = []
        self._was_full = False
        self._is_closed = False
        self.writes = 0  # how often anything may have been changed
        self._depth = 0  # of transactions in transactions: the inner ones are part of the outer
        self._writer: Session | None = None
        with self._translated():
            if read_only:
                self._reader()
            else:
                self._connected_writer()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for queries; each query sees what is committed when it begins."""
        own = self.dialect.one_connection or threading.get_ident() == self._writer_thread
        if own and not self.read_only:
            with self._lock, self._translated():
                yield self._connected_writer()
        else:
            with self._translated():
                session = self._reader()
                if self.read_limit_s is not None:
                    session.limit(self.read_limit_s)
                yield session

    @contextmanager
    def write(self, *, adds: bool = False) -> Iterator[Session]:
        """One transaction, held by one thread at a time; committed at the end, undone where anything is raised.

        In a transaction of the same thread it is a part of that one.

        Args:
            adds: whether nothing is changed that somebody may have read before.

        Raises:
            StoreFullError: no space is left; nothing was written.
            StoreUnavailableError: the database cannot be used.
        """
        if self.read_only or self._is_closed:
            raise StoreError("the store is open for reading only", where=self.dialect.where)
        with self._lock, self._translated():
            self.writes += not adds
            if self._depth:
                yield self._connected_writer()
                return
            self._writer_thread = threading.get_ident()
            session = self._ready_to_write()
            session.change(self.dialect.begin_write)
            self._depth = 1
            try:
                yield session
                session.change("COMMIT")
            except BaseException:
                if session.in_transaction:
                    session.change("ROLLBACK")
                raise
            finally:
                self._depth = 0

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, of which what is written now may become a part."""
        return self._depth > 0

    def rename(self, name: str) -> None:
        """Let the connections bear a name from now on; the writer's is made anew."""
        self.dialect.name_connections(name)
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def checkpoint(self) -> None:
        """Move what is committed to where it stays, so that a copy of the file alone is whole."""
        if not self.read_only and not self.dialect.one_connection:
            with self._lock, self._translated():
                self.dialect.checkpoint(self._connected_writer().driver)

    def close(self) -> None:
        """Close all connections, the writer's last, so that it is the one to checkpoint."""
        with self._lock:
            self._is_closed = True
            for session in self._readers:
                session.close()
            self._readers.clear()
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _ready_to_write(self) -> Session:
        session = self._connected_writer()
        if session.in_transaction:  # an earlier one could not even be undone, as on a broken disk
            session.change("ROLLBACK")
        if self._was_full:
            self._was_full = False
            self.dialect.make_room(session.driver)
        return session

    def _connected_writer(self) -> Session:
        """The writer's session; a lost one is replaced, unless a transaction is lost with it."""
        if self._writer is not None and self._writer.is_lost and not self._depth:
            self._writer.close()
            self._writer = None
        if self._writer is None:
            if self._is_closed:
                raise StoreUnavailableError("the store is closed", where=self.dialect.where)
            self._writer = Session(self.dialect.connect_writer(), self.dialect)
        return self._writer

    def _reader(self) -> Session:
        session: Session | None = getattr(self._local, "session", None)
        if session is not None and session.is_lost:
            session.close()
            with self._lock:
                self._readers.remove(session)
            session = None
        if session is None:
            session = Session(self.dialect.connect_reader(), self.dialect)
            self._local.session = session
            with self._lock:
                self._readers.append(session)
        return session

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self.dialect.errors as error:
            known = self.dialect.translate(error)
            if known is None:
                raise
            self._was_full = self._was_full or isinstance(known, StoreFullError)
            raise known from error
