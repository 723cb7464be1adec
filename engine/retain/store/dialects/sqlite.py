"""SQLite, in WAL mode with `synchronous=FULL`: what was committed survives a power cut.

One connection writes and checkpoints; before SQLite 3.51.3 two of them could corrupt the file. Foreign keys are off
(see `tables`), memory mapping is off, `secure_delete` is off: only erasing a person needs it, for that one transaction.
"""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.event import listen
from sqlalchemy.exc import DBAPIError

from retain.errors import RetainError, StoreBusyError, StoreError, StoreFullError, StoreUnavailableError
from retain.store.dialects.base import Driver, Values, statements_for
from retain.store.rows import StoreHealth

SAFE_VERSION = (3, 51, 3)  # from here on a second writer cannot reset the WAL under the first
BEGIN_WRITE = "BEGIN IMMEDIATE"  # a deferred read-then-write fails with "database is locked" under load

_CHECKPOINT = "PRAGMA wal_checkpoint(TRUNCATE)"
_WRITER = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 16000",  # pages: 64 MB between two checkpoints
    f"PRAGMA journal_size_limit = {64 << 20}",
    "PRAGMA cache_size = -65536",
)
_SCRATCH = ("PRAGMA journal_mode = MEMORY", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -16384")
_READER = ("PRAGMA query_only = ON", "PRAGMA cache_size = -16384")
_BOTH = (
    "PRAGMA busy_timeout = 5000",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA mmap_size = 0",
    "PRAGMA temp_store = MEMORY",
)
_LIST_SIZES = (1, 8, 32, 128, 256, 512)


class SqliteDialect:
    """One file, or a store in memory.

    Args:
        path: of the file; None is a store in memory.
        scratch: whether it is thrown away: fast, not durable, one connection.
        immutable: promises that nobody writes, so that no file appears beside it.
    """

    name = "sqlite"
    errors: tuple[type[Exception], ...] = (sqlite3.Error, DBAPIError)
    begin_write = BEGIN_WRITE
    is_shared = False
    tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
    indexes = "SELECT name FROM sqlite_master WHERE type = 'index'"
    undecided = "seq > (SELECT value FROM counters WHERE name = 'watermark') AND cause_seq IS NULL"
    decided_upto = "(SELECT value FROM counters WHERE name = 'watermark')"
    timezones = (
        "SELECT json_extract(fields, '$.timezone'), count(*) FROM customers WHERE merged_into IS NULL GROUP BY 1"
    )
    lock_schema = "SELECT 1"
    thing, other = "the file", "name another file"
    version_cure = "stop the daemon, make a copy of the file, then run `retain db upgrade`"

    def __init__(self, path: Path | None, *, scratch: bool = False, immutable: bool = False) -> None:
        self.path = path
        self.where = str(path or "")
        self.one_connection = path is None or scratch
        self._scratch = scratch
        self._immutable = immutable

    def name_connections(self, name: str) -> None:
        """Nothing: nobody else is connected."""

    def connect_writer(self) -> Connection:
        """The one connection that writes. A scratch store need not survive anything."""
        if self.path is None:
            return _connect("file::memory:?cache=private", _BOTH)
        return _connect(_uri(self.path, "mode=rwc"), _BOTH + (_SCRATCH if self._scratch else _WRITER))

    def connect_reader(self) -> Connection:
        """A connection that cannot write."""
        assert self.path is not None, "the store is closed"
        return _connect(_uri(self.path, "mode=ro&immutable=1" if self._immutable else "mode=ro"), _BOTH + _READER)

    def driver_of(self, connection: Connection) -> Driver:
        """The driver's own connection."""
        return plain(connection.connection.dbapi_connection)

    def spelled(self, sql: str) -> str:
        """The statement: its form is SQLite's own."""
        return sql

    def change_many(self, driver: Driver, sql: str, rows: Sequence[Values]) -> int:
        """Run one statement for many rows."""
        cursor = driver.cursor()
        cursor.executemany(sql, rows)
        return cursor.rowcount

    def lists(self, values: Values) -> Iterable[tuple[str, Values]]:
        """Lists for `IN`, each with its marks; few lengths, so that statements are prepared once."""
        largest = _LIST_SIZES[-1]
        for start in range(0, len(values), largest):
            part = list(values[start : start + largest])
            size = next(size for size in _LIST_SIZES if size >= len(part))
            part += part[-1:] * (size - len(part))
            yield f"IN ({','.join('?' * size)})", part

    def in_transaction(self, driver: Driver) -> bool:
        """Whether a transaction is open."""
        return plain(driver).in_transaction

    def is_lost(self, driver: Driver) -> bool:
        """A file is never lost."""
        return False

    def limit(self, driver: Driver, seconds: float) -> None:
        """End a running query once the time is over; asked every few hundred microseconds."""
        end = time.monotonic() + seconds if seconds < math.inf else math.inf
        plain(driver).set_progress_handler(lambda: time.monotonic() > end, 20_000)

    def make_room(self, driver: Driver) -> None:
        """Give the journal's space back; a checkpoint that fails half-way would use up what room there is."""
        if self._has_room_to_checkpoint():
            with suppress(*self.errors):
                self.checkpoint(driver)

    def checkpoint(self, driver: Driver) -> None:
        """Move what is committed from the journal into the file and empty the journal."""
        driver.execute(_CHECKPOINT).fetchall()

    def damage(self, driver: Driver) -> list[str]:
        """What is wrong with the file; reads all of it."""
        found = [str(row[0]) for row in driver.execute("PRAGMA integrity_check(20)").fetchall()]
        return [] if found == ["ok"] else found

    def health(self, driver: Driver) -> StoreHealth:
        """The file, its journal, its disk, and the version of SQLite."""
        path = self.path
        return StoreHealth(
            path=self.where,
            database="SQLite",
            version=sqlite3.sqlite_version,
            is_safe_version=sqlite3.sqlite_version_info >= SAFE_VERSION,
            file_bytes=path.stat().st_size if path else 0,
            journal_bytes=journal_bytes(path) if path else 0,
            free_bytes=shutil.disk_usage(path.parent).free if path else 0,
        )

    def create_statements(self) -> Sequence[str]:
        """The statements that make all tables and indexes."""
        return _create_statements()

    def translate(self, error: Exception) -> RetainError | None:
        """The store's error for one of SQLite."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(cause, sqlite3.Error):
            return None
        code = (getattr(cause, "sqlite_errorcode", None) or 0) & 0xFF
        where = self.where
        if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and self._is_full()):
            return StoreFullError(
                "the disk is full", where=where, cure="free some space; nothing that was acknowledged is lost"
            )
        if code == sqlite3.SQLITE_INTERRUPT:
            return StoreError("the question takes too long", where=where, cure="ask about less")
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StoreBusyError("another program holds the file", where=where, cure="stop that program")
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            what = f"the file is damaged or no store: {cause}"
            return StoreUnavailableError(what, where=where, cure="restore a backup")
        if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY):
            cure = "look at the disk, the folder and their permissions"
            return StoreUnavailableError(f"the file cannot be used: {cause}", where=where, cure=cure)
        return None

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """A connection in one transaction of SQLAlchemy's own, for steps that change tables."""
        assert self.path is not None
        engine = _engine(_uri(self.path, "mode=rw"), _BOTH + _WRITER)
        listen(engine, "begin", lambda connection: connection.exec_driver_sql(BEGIN_WRITE))
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()

    def _has_room_to_checkpoint(self) -> bool:
        """Whether the disk could take all that stands in the journal once more, in the file."""
        free = self._free_bytes()
        return self.path is None or (free is not None and free >= journal_bytes(self.path))

    def _is_full(self) -> bool:
        free = self._free_bytes()
        return free is not None and free < 1 << 16

    def _free_bytes(self) -> int | None:
        if self.path is None:
            return None
        try:
            disk = os.statvfs(self.path.parent)
        except OSError:
            return None
        return disk.f_bavail * disk.f_frsize


def journal_bytes(path: Path) -> int:
    """How much stands beside the file in its journal, as after a crash or while somebody has it open."""
    journal = Path(f"{path}-wal")
    return journal.stat().st_size if journal.exists() else 0


@lru_cache(maxsize=1)
def _create_statements() -> tuple[str, ...]:
    return statements_for(sqlite.dialect())


def plain(driver: object) -> sqlite3.Connection:
    """The driver's connection as what it is."""
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _uri(path: Path, options: str) -> str:
    return f"file:{quote(str(path.absolute()))}?{options}"


def _connect(uri: str, settings: Sequence[str]) -> Connection:
    return _engine(uri, settings).execution_options(isolation_level="AUTOCOMMIT").connect()


def _engine(uri: str, settings: Sequence[str]) -> Engine:
    def open_driver() -> sqlite3.Connection:
        driver = sqlite3.connect(
            uri, uri=True, isolation_level=None, check_same_thread=False, cached_statements=512, timeout=5.0
        )
        for setting in settings:
            driver.execute(setting)
        return driver

    return create_engine("sqlite://", creator=open_driver, poolclass=NullPool)
