"""Everything that differs between databases, named by capability. This one speaks SQLite.

SQLite runs in WAL mode with `synchronous=FULL`: what was committed survives a power cut. One connection writes and
checkpoints; before SQLite 3.51.3 two of them could corrupt the file. Foreign keys are off (see `tables`), memory
mapping is off, `secure_delete` is off: only erasing a person needs it, for that one transaction.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, Table, create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.event import listen
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex, CreateTable

from retain.errors import RetainError, StoreBusyError, StoreError, StoreFullError, StoreUnavailableError
from retain.store.tables import metadata

Driver: TypeAlias = sqlite3.Connection
DriverError: TypeAlias = sqlite3.Error
DRIVER_ERRORS = (sqlite3.Error, DBAPIError)
VERSION = sqlite3.sqlite_version
SAFE_VERSION = (3, 51, 3)  # from here on a second writer cannot reset the WAL under the first
BEGIN_WRITE = "BEGIN IMMEDIATE"  # a deferred read-then-write fails with "database is locked" under load
BODY_BYTES = "CAST(body AS BLOB)"  # JSON text as bytes, which decode without a copy
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
CHECKPOINT = "PRAGMA wal_checkpoint(TRUNCATE)"
DAMAGE = "PRAGMA integrity_check(20)"  # one row `ok`, else a row per fault
TIMEZONES = "SELECT json_extract(fields, '$.timezone'), count(*) FROM customers WHERE merged_into IS NULL GROUP BY 1"

_WRITER = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 16000",  # pages: 64 MB between two checkpoints
    f"PRAGMA journal_size_limit = {64 << 20}",
    "PRAGMA cache_size = -65536",
)
_SCRATCH = ("PRAGMA journal_mode = MEMORY", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -65536")
_READER = ("PRAGMA query_only = ON", "PRAGMA cache_size = -16384")
_BOTH = (
    "PRAGMA busy_timeout = 5000",
    "PRAGMA foreign_keys = OFF",
    "PRAGMA mmap_size = 0",
    "PRAGMA temp_store = MEMORY",
)
_LIST_SIZES = (1, 8, 32, 128, 256, 512)


def location(url_or_path: str | Path) -> Path:
    """The file that a store's URL or path names.

    Raises:
        StoreError: the URL names a database that this program does not speak.
    """
    text = str(url_or_path)
    if text.startswith("sqlite:///"):
        return Path(text.removeprefix("sqlite:///"))
    if "://" in text:
        scheme = text.split("://", 1)[0]
        raise StoreError(f"stores of the kind {scheme!r} are not supported", cure="write sqlite:///PATH or a path")
    return Path(text)


def connect_writer(path: Path | None, *, scratch: bool = False) -> Connection:
    """The one connection that writes; without a path a store in memory. A scratch store need not survive anything."""
    if path is None:
        return _connect("file::memory:?cache=private", _BOTH)
    return _connect(f"file:{quote(str(path.absolute()))}?mode=rwc", _BOTH + (_SCRATCH if scratch else _WRITER))


def connect_reader(path: Path, *, immutable: bool = False) -> Connection:
    """A connection that cannot write. `immutable` promises that nobody writes, so that no file appears beside it."""
    options = "mode=ro&immutable=1" if immutable else "mode=ro"
    return _connect(f"file:{quote(str(path.absolute()))}?{options}", _BOTH + _READER)


@contextmanager
def migrating(path: Path) -> Iterator[Connection]:
    """A connection in one transaction of SQLAlchemy's own, for steps that change tables."""
    engine = _engine(f"file:{quote(str(path.absolute()))}?mode=rw", _BOTH + _WRITER)
    listen(engine, "begin", lambda connection: connection.exec_driver_sql(BEGIN_WRITE))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _connect(uri: str, settings: Sequence[str]) -> Connection:
    return _engine(uri, settings).execution_options(isolation_level="AUTOCOMMIT").connect()


def _engine(uri: str, settings: Sequence[str]) -> Engine:
    def open_driver() -> Driver:
        driver = sqlite3.connect(
            uri, uri=True, isolation_level=None, check_same_thread=False, cached_statements=512, timeout=5.0
        )
        for setting in settings:
            driver.execute(setting)
        return driver

    return create_engine("sqlite://", creator=open_driver, poolclass=NullPool)


def driver_of(connection: Connection) -> Driver:
    """The driver's own connection, for hot statements."""
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def interrupt_when(driver: Driver, is_over: Callable[[], bool]) -> None:
    """End a running query with an error once `is_over` says so; asked every few hundred microseconds."""
    driver.set_progress_handler(is_over, 20_000)


def journal_bytes(path: Path) -> int:
    """How much stands beside the file in its journal, as after a crash or while somebody has it open."""
    journal = Path(f"{path}-wal")
    return journal.stat().st_size if journal.exists() else 0


def has_room_to_checkpoint(path: Path | None) -> bool:
    """Whether the disk could take all that stands in the journal once more, in the file."""
    if path is None:
        return True
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize >= journal_bytes(path)


def is_safe_version() -> bool:
    """Whether a second writer could not damage the journal."""
    return sqlite3.sqlite_version_info >= SAFE_VERSION


@lru_cache(maxsize=1)
def create_statements() -> tuple[str, ...]:
    """The statements that make all tables and indexes."""
    dialect = sqlite.dialect()
    statements = []
    for table in metadata.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=dialect)))
        ordered = sorted(table.indexes, key=lambda index: str(index.name))
        statements += [str(CreateIndex(index).compile(dialect=dialect)) for index in ordered]
    return tuple(statements)


def insert(table: Table, *, columns: Sequence[str] = (), replace: Iterable[str] = ()) -> str:
    """The text of an INSERT for the driver.

    Args:
        columns: all of the table's where none are named.
        replace: columns that are overwritten where a row with the same primary key exists; without any, a second
            row is an error.
    """
    names = tuple(columns) or tuple(table.columns.keys())
    marks = ", ".join("?" * len(names))
    text = f"INSERT INTO {table.name} ({', '.join(_quoted(names))}) VALUES ({marks})"
    updates = ", ".join(f"{name} = excluded.{name}" for name in _quoted(replace))
    if not updates:
        return text
    key = ", ".join(_quoted(table.primary_key.columns.keys()))
    return f"{text} ON CONFLICT ({key}) DO UPDATE SET {updates}"


def upsert(table: Table) -> str:
    """The text of an INSERT of whole rows that replaces a row with the same primary key."""
    key = set(table.primary_key.columns.keys())
    return insert(table, replace=[column.name for column in table.columns if column.name not in key])


def lists(values: Sequence[object]) -> Iterable[tuple[str, Sequence[object]]]:
    """The values as lists for `IN`, each with its marks; few lengths, so that statements are prepared once."""
    largest = _LIST_SIZES[-1]
    for start in range(0, len(values), largest):
        part = list(values[start : start + largest])
        size = next(size for size in _LIST_SIZES if size >= len(part))
        part += part[-1:] * (size - len(part))
        yield f"({','.join('?' * size)})", part


def translate(error: Exception, path: Path | None) -> RetainError | None:
    """The store's error for one of the driver; None where it is a fault of the program and should be seen as it is."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, sqlite3.Error):
        return None
    code = (getattr(cause, "sqlite_errorcode", None) or 0) & 0xFF
    where = str(path or "")
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path)):
        return StoreFullError(
            "the disk is full", where=where, cure="free some space; nothing that was acknowledged is lost"
        )
    if code == sqlite3.SQLITE_INTERRUPT:
        return StoreError("the question takes too long", where=where, cure="ask about less")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusyError("another program holds the file", where=where, cure="stop that program")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreUnavailableError(f"the file is damaged or no store: {cause}", where=where, cure="restore a backup")
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY):
        return StoreUnavailableError(
            f"the file cannot be used: {cause}", where=where, cure="look at the disk, the folder and their permissions"
        )
    return None


def _is_full(path: Path | None) -> bool:
    if path is None:
        return False
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < 1 << 16


def _quoted(names: Iterable[str]) -> list[str]:
    return [f'"{name}"' for name in names]
