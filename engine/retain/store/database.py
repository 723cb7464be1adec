"""Connections and transactions: one writer, a read-only connection for each thread that reads.

The thread that wrote last reads through the writer's connection too, because a connection drops its page cache
whenever another one has written. A store in memory has the writer's connection only.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Connection

from retain.errors import StoreError, StoreFullError
from retain.store import dialect

Row: TypeAlias = tuple[Any, ...]
Values: TypeAlias = Sequence[object]


class Session:
    """Statements on one connection: hot ones as text through the driver, cold ones as SQLAlchemy Core by `core`."""

    def __init__(self, connection: Connection) -> None:
        self.core = connection
        self._driver = dialect.driver_of(connection)
        self._deadline = math.inf

    def rows(self, sql: str, values: Values = ()) -> list[Row]:
        """All rows of a query."""
        return self._driver.execute(sql, values).fetchall()

    def row(self, sql: str, values: Values = ()) -> Row | None:
        """The first row of a query."""
        found: Row | None = self._driver.execute(sql, values).fetchone()
        return found

    def rows_in(self, sql: str, wanted: Collection[object], before: Values = (), after: Values = ()) -> list[Row]:
        """All rows of a query in which `{wanted}` stands for a list of any length; rows of long lists are not ordered.

        Args:
            before: values of the marks that come before the list.
            after: values of the marks that come after it.
        """
        found: list[Row] = []
        for marks, part in dialect.lists(list(dict.fromkeys(wanted))):
            found += self.rows(sql.replace("{wanted}", marks), (*before, *part, *after))
        return found

    def change(self, sql: str, values: Values = ()) -> int:
        """Run one statement; how many rows it touched."""
        return self._driver.execute(sql, values).rowcount

    def change_many(self, sql: str, rows: Iterable[Values]) -> int:
        """Run one statement for many rows; how many it touched in all."""
        return self._driver.executemany(sql, rows).rowcount

    def limit(self, seconds: float) -> None:
        """Give what follows so long and no longer."""
        self._deadline = time.monotonic() + seconds
        dialect.interrupt_when(self._driver, lambda: time.monotonic() > self._deadline)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._driver.in_transaction

    def close(self) -> None:
        """Close the connection."""
        self.core.close()
        self.core.engine.dispose()


class Database:
    """The connections of one store.

    Args:
        path: of the file; None is a store in memory.
        read_only: whether writing is refused.
        immutable: whether nobody can write while it is open (see `dialect.connect_reader`).
        scratch: whether it is thrown away: fast, not durable, one connection.
    """

    def __init__(
        self, path: Path | None, *, read_only: bool = False, immutable: bool = False, scratch: bool = False
    ) -> None:
        self.path = path
        self.read_limit_s: float | None = None
        self._shares_writer = path is None or scratch
        self.read_only = read_only
        self._immutable = immutable
        self._lock = threading.RLock()
        self._writer_thread = threading.get_ident()
        self._local = threading.local()
        self._readers: list[Session] = []
        self._was_full = False
        self._writer: Session | None = None
        with self._translated():
            if not read_only:
                self._writer = Session(dialect.connect_writer(path, scratch=scratch))
            else:
                self._reader()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for queries; each query sees what is committed when it begins."""
        own = self._shares_writer or threading.get_ident() == self._writer_thread
        if self._writer is not None and own:
            with self._lock, self._translated():
                yield self._writer
        else:
            with self._translated():
                session = self._reader()
                if self.read_limit_s is not None:
                    session.limit(self.read_limit_s)
                yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction, held by one thread at a time; committed at the end, undone where anything is raised.

        Raises:
            StoreFullError: no space is left; nothing was written.
            StoreUnavailableError: the file cannot be used.
        """
        if self._writer is None:
            raise StoreError("the store is open for reading only", where=str(self.path or ""))
        with self._lock, self._translated():
            self._writer_thread = threading.get_ident()
            session = self._writer
            if session.in_transaction:  # an earlier one could not even be undone, as on a broken disk
                session.change("ROLLBACK")
            if self._was_full:
                self._was_full = False
                if dialect.has_room_to_checkpoint(self.path):  # one that fails half-way would use up what room there is
                    with suppress(*dialect.DRIVER_ERRORS):
                        session.rows(dialect.CHECKPOINT)  # gives the journal's space back first
            session.change(dialect.BEGIN_WRITE)
            try:
                yield session
                session.change("COMMIT")
            except BaseException:
                if session.in_transaction:
                    session.change("ROLLBACK")
                raise

    def checkpoint(self) -> None:
        """Move what is committed from the journal into the file and empty the journal."""
        if self._writer is not None and not self._shares_writer:
            with self._lock, self._translated():
                self._writer.rows(dialect.CHECKPOINT)

    def close(self) -> None:
        """Close all connections, the writer's last, so that it is the one to checkpoint."""
        with self._lock:
            for session in self._readers:
                session.close()
            self._readers.clear()
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _reader(self) -> Session:
        session: Session | None = getattr(self._local, "session", None)
        if session is None:
            assert self.path is not None, "the store is closed"
            session = Session(dialect.connect_reader(self.path, immutable=self._immutable))
            self._local.session = session
            with self._lock:
                self._readers.append(session)
        return session

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except dialect.DRIVER_ERRORS as error:
            known = dialect.translate(error, self.path)
            if known is None:
                raise
            self._was_full = self._was_full or isinstance(known, StoreFullError)
            raise known from error
