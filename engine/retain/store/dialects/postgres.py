"""PostgreSQL through psycopg 3, which SQLAlchemy loads: nothing here imports it, so that it may be missing.

Connections are few and fixed. One that breaks is made anew by whoever needs it next. A transaction that its process
leaves open, because it was stopped, is ended by the server after a few seconds, so that nobody waits for it longer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError

from retain.errors import ConfigError, RetainError, StoreBusyError, StoreError, StoreFullError, StoreUnavailableError
from retain.store.dialects.arrays import by_columns
from retain.store.dialects.base import BODY_BYTES, Driver, Values, statements_for
from retain.store.rows import StoreHealth

SCHEMES = ("postgresql://", "postgres://")
IDLE_IN_TRANSACTION_S = 5  # a process that is stopped in the middle of a transaction holds others up so long
# Statements are planned anew each time: a plan kept from when a table was small reads all of it, until the server has
# gathered figures about the table. A batch has few statements, so planning them costs little.
_SETTINGS = (
    "SET timezone = 'UTC'; SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET jit = off;"
    " SET lock_timeout = '20s'; SET statement_timeout = '120s'; SET plan_cache_mode = force_custom_plan;"
    " SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';"
    f" SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_S}s'"
)
_READER = "; SET default_transaction_read_only = on"
_KEEPALIVE: Mapping[str, int] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_WORTH_ARRAYS = 4  # rows
_IDLE, _UNKNOWN = 0, 4  # states of a connection, as libpq numbers them
_ERRORS: Mapping[str, tuple[type[StoreError], str, str]] = {
    "53100": (StoreFullError, "the database's disk is full", "free some space there; nothing acknowledged is lost"),
    "53200": (StoreUnavailableError, "the database is out of memory", "look at the database's log"),
    "53300": (StoreUnavailableError, "the database takes no more connections", "raise its max_connections"),
    "57014": (StoreError, "the question takes too long", "ask about less"),
    "40P01": (StoreBusyError, "two workers waited for each other", "nothing; it is tried again"),
    "40001": (StoreBusyError, "another worker was faster", "nothing; it is tried again"),
    "55P03": (StoreBusyError, "another program holds rows of the store", "look at pg_stat_activity"),
    "25006": (StoreUnavailableError, "the database takes no writes now", "connect to the primary server"),
    "42501": (StoreUnavailableError, "the database's user may not do this", "grant the user its own schema"),
    "22021": (StoreError, "a text holds a character that PostgreSQL cannot keep", "leave it out"),
}


class PostgresDialect:
    """One database, or one schema of it.

    Args:
        url: as libpq takes it: postgresql://USER:PASSWORD@HOST/DATABASE.

    Raises:
        ConfigError: psycopg is not installed.
    """

    name = "postgresql"
    begin_write = "BEGIN"
    is_shared = True
    one_connection = False
    tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()"
    indexes = "SELECT indexname::text FROM pg_indexes WHERE schemaname = current_schema()"
    decided_upto = "(SELECT watermark FROM partitions WHERE number = mod(customer, 64))"
    undecided = f"seq > (SELECT min(watermark) FROM partitions) AND cause_seq IS NULL AND seq > {decided_upto}"
    timezones = (  # without zero bytes, at which reading JSON would end
        "SELECT replace(fields, '\\u0000', '\\ufffd')::json ->> 'timezone', count(*) FROM customers"
        " WHERE merged_into IS NULL GROUP BY 1"
    )
    lock_schema = "SELECT pg_advisory_xact_lock(7382412)"
    thing, other = "the database", "name another database, or a user with a schema of its own"
    version_cure = "stop all workers, make a backup, then run `retain db upgrade`"

    def __init__(self, url: str) -> None:
        self.path = None
        self._url = url
        self.where = without_password(url)
        self._application = "retain"
        try:
            self._engine: Engine = create_engine(
                "postgresql+psycopg://", creator=self._open_driver, poolclass=NullPool, use_native_hstore=False
            )
        except ModuleNotFoundError as error:
            cure = "install it: pip install 'psycopg[binary]'"
            raise ConfigError("psycopg is not installed", where=self.where, cure=cure) from error
        core: Any = self._engine.dialect
        self._psycopg: Any = core.loaded_dbapi
        self.errors: tuple[type[Exception], ...] = (self._psycopg.Error, DBAPIError)

    def name_connections(self, name: str) -> None:
        """Let connections that are made from now on bear a name, by which others can end them."""
        self._application = name

    def connect_writer(self) -> Connection:
        """A connection that writes."""
        return self._engine.execution_options(isolation_level="AUTOCOMMIT").connect()

    def connect_reader(self) -> Connection:
        """A connection that cannot write."""
        connection = self.connect_writer()
        self.driver_of(connection).execute(_SETTINGS + _READER)
        return connection

    def driver_of(self, connection: Connection) -> Driver:
        """The driver's own connection."""
        driver: Any = connection.connection.dbapi_connection
        found: Driver = driver.driver_connection if hasattr(driver, "driver_connection") else driver
        return found

    def spelled(self, sql: str) -> str:
        """The statement with this driver's marks."""
        return _spelled(sql)

    def change_many(self, driver: Driver, sql: str, rows: Sequence[Values]) -> int:
        """Run one statement for many rows: once with an array for each column where it is an INSERT, else for each."""
        at_once = by_columns(sql) if len(rows) >= _WORTH_ARRAYS else None
        arrays = None if at_once is None else at_once.arrays(rows)
        if at_once is not None and arrays is not None:
            return driver.execute(at_once.sql, arrays).rowcount
        cursor = driver.cursor()
        cursor.executemany(_spelled(sql), rows)
        return cursor.rowcount

    def lists(self, values: Values) -> Iterable[tuple[str, Values]]:
        """One array, however many values there are."""
        if values:
            yield "= ANY(?)", (list(values),)

    def in_transaction(self, driver: Driver) -> bool:
        """Whether a transaction is open."""
        return _status(driver) not in (_IDLE, _UNKNOWN)

    def is_lost(self, driver: Driver) -> bool:
        """Whether the server or the network has ended the connection."""
        plain: Any = driver
        return bool(plain.closed)

    def limit(self, driver: Driver, seconds: float) -> None:
        """End a query that takes longer."""
        millis = 0 if seconds == math.inf else max(1, round(seconds * 1000))
        driver.execute(f"SET statement_timeout = {millis}")

    def make_room(self, driver: Driver) -> None:
        """Nothing: room is the server's affair."""

    def checkpoint(self, driver: Driver) -> None:
        """Nothing: the server does it by itself."""

    def damage(self, driver: Driver) -> list[str]:
        """Tables that cannot be read whole."""
        found = []
        for (table,) in sorted(driver.execute(self.tables).fetchall()):
            try:
                driver.execute(f'SELECT count(t.*::text) FROM "{table}" t').fetchall()
            except self._psycopg.DatabaseError as error:
                found.append(f"{table}: {str(error).splitlines()[0]}")
        return found

    def health(self, driver: Driver) -> StoreHealth:
        """The server's version and how much the database takes."""
        row = driver.execute(
            "SELECT current_setting('server_version'), pg_database_size(current_database())"
        ).fetchone()
        assert row is not None
        return StoreHealth(
            path=self.where,
            database="PostgreSQL",
            version=row[0],
            is_safe_version=True,
            file_bytes=row[1],
            journal_bytes=0,
            free_bytes=None,
        )

    def create_statements(self) -> Sequence[str]:
        """The statements that make all tables and indexes."""
        return _create_statements()

    def translate(self, error: Exception) -> RetainError | None:
        """The store's error for one of PostgreSQL."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(cause, self._psycopg.Error):
            return None
        state = str(getattr(cause, "sqlstate", None) or "")
        known = _ERRORS.get(state)
        if known is not None:
            kind, what, cure = known
            return kind(what, where=self.where, cure=cure)
        if isinstance(cause, self._psycopg.DataError) and "NUL" in str(cause):
            kind, what, cure = _ERRORS["22021"]
            return kind(what, where=self.where, cure=cure)
        if isinstance(cause, self._psycopg.OperationalError | self._psycopg.InterfaceError) or state[:2] in (
            "08",
            "57",
        ):
            why = (str(cause).strip() or "the connection is gone").splitlines()[0]
            cure = "look at whether the server runs, and at the URL"
            return StoreUnavailableError(f"the database does not answer: {why}", where=self.where, cure=cure)
        return None

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """A connection in one transaction of SQLAlchemy's own, for steps that change tables."""
        with self._engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            yield connection

    def _open_driver(self) -> DBAPIConnection:
        driver: Any = self._psycopg.connect(
            self._url, autocommit=True, application_name=self._application, **_KEEPALIVE
        )
        # One type for every whole number, so that a statement is prepared once and not once per mix of sizes.
        driver.adapters.register_dumper(int, self._psycopg.types.numeric.Int8Dumper)
        driver.execute(_SETTINGS)
        opened: DBAPIConnection = driver
        return opened


def without_password(url: str) -> str:
    """A database's URL that may be shown."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")
    user = place[0].partition(":")[0]
    query = urlencode(
        [(key, "***" if key == "password" else value) for key, value in parse_qsl(parts.query)], safe="/*"
    )
    return urlunsplit((parts.scheme, f"{user}@{place[2]}" if user else place[2], parts.path, query, ""))


@lru_cache(maxsize=4096)
def _spelled(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s").replace(BODY_BYTES, "convert_to(body, 'UTF8')")


@lru_cache(maxsize=1)
def _create_statements() -> tuple[str, ...]:
    core: Any = postgresql.dialect
    return statements_for(core())


def _status(driver: Driver) -> int:
    plain: Any = driver
    return int(plain.info.transaction_status)
