"""The store: one class, whose methods are grouped by what they are for."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path

from retain.errors import SchemaVersionError, StoreError, StoreUnavailableError
from retain.store.acceptance import AcceptanceMethods, Sources
from retain.store.admin import AdminMethods
from retain.store.backlog import BacklogMethods
from retain.store.breakers import BreakerMethods
from retain.store.committing import CommitMethods
from retain.store.counting import CountMethods
from retain.store.database import Database, Session
from retain.store.dialects.location import file_of, is_server
from retain.store.dialects.postgres import PostgresDialect
from retain.store.dialects.sqlite import SqliteDialect, journal_bytes
from retain.store.due import DueMethods
from retain.store.facts import FactsMethods
from retain.store.filesystem import refuse_network
from retain.store.fresh import FreshEvents
from retain.store.identity import IdentityCache
from retain.store.keeping import KeepingMethods
from retain.store.leases import Leases
from retain.store.lock import StoreLock, writer_of
from retain.store.pruning import PruneMethods
from retain.store.quarantine import QuarantineMethods
from retain.store.rebuild import RebuildMethods
from retain.store.segments import SegmentMethods
from retain.store.sharing import LEASE_MS, PARTITIONS, Share
from retain.store.tables import SCHEMA_VERSION, metadata, schema_version

_INSERT_COUNTER = "INSERT INTO counters (name, value) VALUES (?, ?)"
INSERT_PARTITION = "INSERT INTO partitions (number, token, watermark) VALUES (?, 0, 0)"
COUNTERS = tuple((name, 0) for name in ("last_seq", "last_customer", "watermark", "merges", "records"))


class Store(
    AcceptanceMethods,
    FactsMethods,
    DueMethods,
    CommitMethods,
    KeepingMethods,
    BreakerMethods,
    QuarantineMethods,
    PruneMethods,
    AdminMethods,
    CountMethods,
    RebuildMethods,
    BacklogMethods,
    SegmentMethods,
):
    """Everything durable, in one SQLite file or one PostgreSQL database. One thread writes, any thread reads.

    A method that writes is one transaction and returns after it is on disk. Every method may raise
    `StoreUnavailableError`; those that write, `StoreFullError`, and then nothing of the call is stored.
    """

    def __init__(self, db: Database, lock: StoreLock | None = None) -> None:
        self._db = db
        self._lock = lock
        self.keeps_log = True
        self._sources = Sources(db)
        self._identities = IdentityCache()
        self._fresh = FreshEvents()
        self._share: Share | None = Share() if db.dialect.is_shared else None
        self._leases: Leases | None = None

    @classmethod
    def open(
        cls,
        url_or_path: str | Path,
        *,
        read_only: bool = False,
        create: bool = True,
        scratch: bool = False,
        log: bool = True,
        lock_wait_s: float = 5.0,
        read_limit_s: float | None = None,
        lease_ms: int = LEASE_MS,
        briefly: bool = False,
    ) -> Store:
        """Open a store, by default for writing, which takes its lock.

        A read-only store that no daemon holds and that was closed in order is opened as immutable: no file beside it
        appears, none changes, and a daemon waits until it is closed. While a daemon runs, or after a crash, it is read
        through the journal that is there already.

        Args:
            url_or_path: a path, `sqlite:///PATH` or `postgresql://USER@HOST/DATABASE`.
            create: whether a missing file is made.
            scratch: a store that is thrown away: fast, not durable, not for several processes.
            log: whether decisions and the outcomes of events are kept, for whoever asks about them later.
            lock_wait_s: how long to wait for readers of a store at rest, in seconds.
            read_limit_s: how long a query may take in a thread that does not write, in seconds; None is no limit.
            lease_ms: how long a worker that does not answer keeps its customers, on a server.
            briefly: for one command; on a server where workers live, all customers stay with them.

        Raises:
            StoreBusyError: another process has it open for writing.
            SchemaVersionError: its tables are older or newer than this program.
            StoreUnavailableError: there is no file, or it cannot be used.
        """
        if is_server(url_or_path):
            return cls._open_server(str(url_or_path), read_only, read_limit_s, lease_ms, briefly=briefly)
        path = file_of(url_or_path)
        if not path.exists() and (read_only or not create):
            raise StoreUnavailableError("there is no store", where=str(path), cure="make a project with `retain init`")
        if not path.parent.is_dir():
            raise StoreUnavailableError("there is no such folder", where=str(path.parent), cure="make it first")
        refuse_network(path.parent)
        if read_only:
            return cls._open_reading(path)
        lock = StoreLock.exclusive(path, wait_s=lock_wait_s)
        try:
            store = cls._prepared(Database(SqliteDialect(path, scratch=scratch)), lock)
            store.keeps_log = log
        except BaseException:
            lock.release()
            raise
        store._db.read_limit_s = read_limit_s
        return store

    @classmethod
    def exists(cls, url_or_path: str | Path) -> bool:
        """Whether there is a store.

        Raises:
            StoreUnavailableError: the database does not answer.
        """
        if not is_server(url_or_path):
            return file_of(url_or_path).exists()
        with closing(Database(PostgresDialect(str(url_or_path)), read_only=True)) as db, db.read() as session:
            return bool(session.rows(db.dialect.tables))

    @staticmethod
    def writer_of(url_or_path: str | Path) -> int | None:
        """The process of this machine that has a store open for writing, where it is one alone."""
        if is_server(url_or_path):
            return None
        path = file_of(url_or_path)
        return writer_of(path) if path.exists() else None

    @classmethod
    def in_memory(cls) -> Store:
        """A store that ends with the process; the same code over one connection."""
        return cls._prepared(Database(SqliteDialect(None)))

    def emptied(self) -> Store:
        """A new store in memory in the place of this one, which must not be used any more; cheaper than making one.

        Raises:
            StoreUnavailableError: it is a file.
        """
        where = self._db.dialect.where
        if where:
            raise StoreUnavailableError("only a store in memory can be emptied", where=where)
        with self._db.write() as session:
            for table in metadata.tables.values():
                if table is not schema_version:
                    session.change(f"DELETE FROM {table.name}")
            self._fill(session)
        if self._leases is not None:
            self._leases.stop()
        return Store._prepared(self._db)

    @classmethod
    def _open_reading(cls, path: Path) -> Store:
        lock = None if journal_bytes(path) else StoreLock.shared(path)
        store = cls(Database(SqliteDialect(path, immutable=lock is not None), read_only=True), lock)
        try:
            store._check_version()
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def _open_server(
        cls, url: str, read_only: bool, read_limit_s: float | None, lease_ms: int, *, briefly: bool
    ) -> Store:
        db = Database(PostgresDialect(url), read_only=read_only)
        db.read_limit_s = read_limit_s
        return cls._prepared(db, lease_ms=lease_ms, briefly=briefly)

    def _join(self, lease_ms: int) -> None:
        """Become one of the workers, and take what is free."""
        self._leases = Leases(self._db.dialect, lease_ms)
        self._db.rename(f"retain {self._leases.worker}")
        try:
            with self._db.write() as session:
                self._leases.start(session)
            self.balance()
        except BaseException:
            self._leases.stop()  # else it would count as a worker that decides nothing
            raise

    @classmethod
    def _prepared(
        cls, db: Database, lock: StoreLock | None = None, *, lease_ms: int = LEASE_MS, briefly: bool = False
    ) -> Store:
        store = cls(db, lock)
        try:
            if not db.read_only:
                store._create_tables()
            store._check_version()
            if db.dialect.is_shared and not db.read_only and not (briefly and store.workers()):
                store._join(lease_ms)
        except BaseException:
            db.close()
            raise
        return store

    @property
    def writes(self) -> int:
        """How often anything may have been changed that was read before, in this process."""
        return self._db.writes

    def close(self) -> None:
        """Close all connections, and give up the lock or what is leased."""
        if self._leases is not None:
            self._leases.stop()
            with suppress(StoreError), self._db.write() as session:
                self._leases.leave(session)
        self._db.close()
        if self._lock is not None:
            self._lock.release()

    def checkpoint(self) -> None:
        """Move the journal into the file, so that a copy of the file alone is whole."""
        self._db.checkpoint()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _create_tables(self) -> None:
        dialect = self._db.dialect
        with self._db.read() as session:
            if session.rows(dialect.tables):
                return
        with self._db.write() as session:
            session.rows(dialect.lock_schema)
            if session.rows(dialect.tables):  # another process was faster
                return
            for statement in dialect.create_statements():
                session.change(statement)
            self._fill(session)
            session.change("INSERT INTO alembic_version (version_num) VALUES (?)", (SCHEMA_VERSION,))

    def _fill(self, session: Session) -> None:
        session.change_many(_INSERT_COUNTER, COUNTERS)
        if self._db.dialect.is_shared:
            session.change_many(INSERT_PARTITION, [(number,) for number in range(PARTITIONS)])

    def _check_version(self) -> None:
        dialect = self._db.dialect
        where = dialect.where
        with self._db.read() as session:
            tables = session.rows(dialect.tables)
            if not tables and dialect.is_shared:
                cure = "start with: retain import FILE, or: retain run"
                raise StoreUnavailableError("nothing is stored yet", where=where, cure=cure)
            if ("alembic_version",) not in tables:
                raise StoreUnavailableError(f"{dialect.thing} is no store of Retain", where=where, cure=dialect.other)
            row = session.row("SELECT version_num FROM alembic_version")
        version = row[0] if row else ""
        if version < SCHEMA_VERSION:
            raise SchemaVersionError(
                f"the store's tables are at version {version}, this program needs {SCHEMA_VERSION}",
                where=where,
                cure=dialect.version_cure,
            )
        if version > SCHEMA_VERSION:
            raise SchemaVersionError(
                f"the store's tables are at version {version}, this program knows {SCHEMA_VERSION}",
                where=where,
                cure="install the newer version of retain that wrote it",
            )
