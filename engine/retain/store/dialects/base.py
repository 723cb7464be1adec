"""What the store asks of a database, whichever it is, and the texts of statements that all of them understand.

Hot statements are written once, with `?` for values and `IN {wanted}` for lists; a dialect spells them its own way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeAlias

from sqlalchemy import Connection, Table
from sqlalchemy.engine import Dialect as CoreDialect
from sqlalchemy.schema import CreateIndex, CreateTable

from retain.errors import RetainError
from retain.store.rows import StoreHealth
from retain.store.tables import metadata

Row: TypeAlias = tuple[Any, ...]
Values: TypeAlias = Sequence[object]
BODY_BYTES = "CAST(body AS BLOB)"  # JSON text as bytes, which decode without a copy


class Cursor(Protocol):
    """What came of a statement."""

    @property
    def rowcount(self) -> int: ...
    def executemany(self, sql: str, rows: Iterable[Values], /) -> object: ...
    def fetchall(self) -> list[Row]: ...
    def fetchone(self) -> Row | None: ...


class Driver(Protocol):
    """The driver's own connection, for hot statements."""

    def execute(self, sql: str, values: Values = (), /) -> Cursor: ...
    def cursor(self) -> Cursor: ...


class Dialect(Protocol):
    """One database: how it is reached, how it spells statements, what its errors mean."""

    name: str
    where: str  # for people, without a password
    errors: tuple[type[Exception], ...]
    begin_write: str
    is_shared: bool  # several processes may write at the same time
    one_connection: bool  # reads go through the connection that writes, whatever the thread
    tables: str  # a query for the names of all tables
    indexes: str  # a query for the names of all indexes
    undecided: str  # a condition on accepted events: nobody has decided them
    decided_upto: str  # an expression on events: up to where the customer's accepted events are decided
    timezones: str  # a query for time zones and how many customers have each
    lock_schema: str  # keeps other processes from making tables until the end of the transaction
    version_cure: str  # what to do before an upgrade
    thing: str  # what holds the tables, for people
    other: str  # the cure where it holds others

    def name_connections(self, name: str) -> None:
        """Let connections that are made from now on bear a name, by which others can end them."""
        ...

    def connect_writer(self) -> Connection:
        """A connection that writes."""
        ...

    def connect_reader(self) -> Connection:
        """A connection that cannot write."""
        ...

    def driver_of(self, connection: Connection) -> Driver:
        """The driver's own connection."""
        ...

    def spelled(self, sql: str) -> str:
        """A statement as the driver takes it."""
        ...

    def change_many(self, driver: Driver, sql: str, rows: Sequence[Values]) -> int:
        """Run one statement for many rows; how many it touched in all."""
        ...

    def lists(self, values: Values) -> Iterable[tuple[str, Values]]:
        """Conditions that a value is in a list, in place of `IN {wanted}`, each with its values."""
        ...

    def in_transaction(self, driver: Driver) -> bool:
        """Whether a transaction is open."""
        ...

    def is_lost(self, driver: Driver) -> bool:
        """Whether the connection is of no use any more."""
        ...

    def limit(self, driver: Driver, seconds: float) -> None:
        """Give the queries that follow so long and no longer."""
        ...

    def make_room(self, driver: Driver) -> None:
        """Give back what space there is, before the first write after the disk was full."""
        ...

    def checkpoint(self, driver: Driver) -> None:
        """Move what is committed to where it stays."""
        ...

    def damage(self, driver: Driver) -> list[str]:
        """What is wrong with what is stored; reads all of it."""
        ...

    def health(self, driver: Driver) -> StoreHealth:
        """How the database is."""
        ...

    def create_statements(self) -> Sequence[str]:
        """The statements that make all tables and indexes."""
        ...

    def translate(self, error: Exception) -> RetainError | None:
        """The store's error for one of the driver; None for a fault of the program, which should be seen as it is."""
        ...


def statements_for(core: CoreDialect) -> tuple[str, ...]:
    """The statements that make all tables and indexes, in one database's words."""
    statements = []
    for table in metadata.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=core)))
        ordered = sorted(table.indexes, key=lambda index: str(index.name))
        statements += [str(CreateIndex(index).compile(dialect=core)) for index in ordered]
    return tuple(statements)


def insert(table: Table, *, columns: Sequence[str] = (), replace: Iterable[str] = (), same: Iterable[str] = ()) -> str:
    """The text of an INSERT for the driver.

    Args:
        columns: all of the table's where none are named.
        replace: columns that are overwritten where a row with the same primary key exists; without any, a second
            row is an error.
        same: columns in which that row must be as the new one, else it is left as it is and not counted.
    """
    names = tuple(columns) or tuple(table.columns.keys())
    marks = ", ".join("?" * len(names))
    text = f"INSERT INTO {table.name} ({', '.join(_quoted(names))}) VALUES ({marks})"
    updates = ", ".join(f"{name} = excluded.{name}" for name in _quoted(replace))
    if not updates:
        return text
    key = ", ".join(_quoted(table.primary_key.columns.keys()))
    text += f" ON CONFLICT ({key}) DO UPDATE SET {updates}"
    alike = " AND ".join(f"{table.name}.{name} = excluded.{name}" for name in _quoted(same))
    return f"{text} WHERE {alike}" if alike else text


def upsert(table: Table) -> str:
    """The text of an INSERT of whole rows that replaces a row with the same primary key."""
    key = set(table.primary_key.columns.keys())
    return insert(table, replace=[column.name for column in table.columns if column.name not in key])


def _quoted(names: Iterable[str]) -> list[str]:
    return [f'"{name}"' for name in names]
