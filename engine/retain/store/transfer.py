"""A whole store from one database to another, and the proof that nothing differs: a hash of every table's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Table

from retain.errors import StoreBusyError, StoreError
from retain.model import Json
from retain.store.acceptance import counter
from retain.store.codec import encode
from retain.store.database import Row, Session
from retain.store.dialects.base import insert
from retain.store.dialects.location import shown
from retain.store.sharing import PARTITIONS
from retain.store.store import Store
from retain.store.tables import metadata

_CHUNK = 2_000
OF_THE_DATABASE = frozenset({"alembic_version", "workers", "partitions"})  # not of what is stored in it
_OWN_COUNTERS = frozenset({"watermark", "merges", "records"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedTable:
    """One table: how many rows it has, and the hash of them that both sides agree on."""

    name: str
    rows: int
    hash: str


def copy_store(
    source: str | Path, target: str | Path, progress: Callable[[str, int], None] | None = None
) -> list[CopiedTable]:
    """Copy everything into a store that holds nothing yet, then read it back and compare.

    The source must be at rest, so that the copy is all there is: no daemon runs on it.

    Args:
        progress: told of each table and how many rows of it are written.

    Raises:
        StoreBusyError: a daemon or worker has the source open.
        StoreError: the target holds something, events of the source are decided past others that are not, or the two
            sides differ.
    """
    with Store.open(source, read_only=True) as origin:
        _refuse_workers(origin, source)
        with Store.open(target) as copy, snapshot(origin) as reading:
            decided = _decided_upto(reading, origin, source)
            with copy._db.write() as writing:
                _refuse_filled(writing, target)
                sent = [_copy(table, reading, writing, progress) for table in _tables()]
                _note_decided(writing, copy, decided)
            copy.checkpoint()
            with copy._db.read() as written:
                found = [_hashed(table, written) for table in _tables()]
    for one, other in zip(sent, found, strict=True):
        if one != other:
            what = f"table {one.name} differs: {one.rows} rows were sent, {other.rows} are there"
            raise StoreError(what, where=shown(target), cure="drop the copy and report this")
    return found


def hashes(store: Store) -> list[CopiedTable]:
    """The rows and hashes of every table of a store."""
    with snapshot(store) as session:
        return [_hashed(table, session) for table in _tables()]


def _tables() -> list[Table]:
    return [table for table in metadata.sorted_tables if table.name not in OF_THE_DATABASE]


@contextmanager
def snapshot(store: Store) -> Iterator[Session]:
    """Queries that all see the same instant."""
    with store._db.read() as session:
        if session.in_transaction:
            yield session
            return
        session.change("BEGIN ISOLATION LEVEL REPEATABLE READ" if store._db.dialect.is_shared else "BEGIN")
        try:
            yield session
        finally:
            session.change("COMMIT")


def _rows(table: Table, session: Session) -> Iterator[list[Row]]:
    """All rows in the order of the primary key, page by page."""
    keys = [column.name for column in table.primary_key.columns]
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    key = ", ".join(f'"{name}"' for name in keys)
    places = [index for index, column in enumerate(table.columns) if column.name in keys]
    order = sorted(places, key=lambda index: keys.index(list(table.columns)[index].name))
    after: Row = ()
    while True:
        where = f"WHERE ({key}) > ({', '.join('?' * len(keys))})" if after else ""
        rows = session.rows(f"SELECT {columns} FROM {table.name} {where} ORDER BY {key} LIMIT ?", (*after, _CHUNK))
        if not rows:
            return
        after = tuple(rows[-1][index] for index in order)
        kept = [row for row in rows if table.name != "counters" or row[0] not in _OWN_COUNTERS]
        yield kept


def _canonical(row: Row) -> bytes:
    """A row as every database gives it: no booleans, bytes as text."""
    return encode([_plain(value) for value in row]).encode() + b"\n"


def _plain(value: Json | bytes) -> Json:
    if isinstance(value, bool):
        return int(value)
    return value.hex() if isinstance(value, bytes) else value


def _copy(table: Table, reading: Session, writing: Session, progress: Callable[[str, int], None] | None) -> CopiedTable:
    digest, count = sha256(), 0
    booleans = [index for index, column in enumerate(table.columns) if column.type.python_type is bool]
    if table.name == "counters":
        own = ", ".join(f"'{name}'" for name in sorted(_OWN_COUNTERS))
        writing.change(f"DELETE FROM counters WHERE name NOT IN ({own})")
    for rows in _rows(table, reading):
        for row in rows:
            digest.update(_canonical(row))
        writing.change_many(insert(table), [_typed(row, booleans) for row in rows])
        count += len(rows)
        if progress is not None:
            progress(table.name, count)
    return CopiedTable(name=table.name, rows=count, hash=digest.hexdigest())


def _typed(row: Row, booleans: list[int]) -> Row:
    if not booleans:
        return row
    values = list(row)
    for index in booleans:
        values[index] = bool(values[index])
    return tuple(values)


def _hashed(table: Table, session: Session) -> CopiedTable:
    digest, count = sha256(), 0
    for rows in _rows(table, session):
        for row in rows:
            digest.update(_canonical(row))
        count += len(rows)
    return CopiedTable(name=table.name, rows=count, hash=digest.hexdigest())


def _refuse_workers(origin: Store, source: str | Path) -> None:
    if Store.writer_of(source) is not None or origin.workers():
        raise StoreBusyError("a daemon has the store open", where=shown(source), cure="stop it, so that all is in")


def _refuse_filled(writing: Session, target: str | Path) -> None:
    for table in ("events", "customers", "rule_revisions", "audit"):
        if writing.row(f"SELECT 1 FROM {table} LIMIT 1") is not None:
            cure = "name a file that does not exist, or an empty database"
            raise StoreError(f"the target has rows in {table} already", where=shown(target), cure=cure)


def first_undecided(reading: Session, store: Store) -> int:
    """The first accepted event that is not decided; the next one to come where all are."""
    first = reading.row(f"SELECT min(seq) FROM events WHERE {store._db.dialect.undecided}")
    return counter(reading, "last_seq") + 1 if first is None or first[0] is None else int(first[0])


def _decided_upto(reading: Session, origin: Store, source: str | Path) -> int:
    first = first_undecided(reading, origin)
    behind = (
        f"SELECT 1 FROM events WHERE seq > ? AND cause_seq IS NULL AND NOT ({origin._db.dialect.undecided}) LIMIT 1"
    )
    if reading.row(behind, (first,)) is not None:
        cure = "start a worker, wait until `retain status` shows none, stop it, and copy again"
        raise StoreError("some events wait while later ones are decided", where=shown(source), cure=cure)
    return first - 1


def _note_decided(writing: Session, copy: Store, decided: int) -> None:
    writing.change("UPDATE counters SET value = ? WHERE name = 'watermark'", (decided,))
    if not copy._db.dialect.is_shared:
        return
    writing.change("UPDATE partitions SET watermark = ? WHERE number < ?", (decided, PARTITIONS))
    for table in _tables():
        column = table.autoincrement_column
        if column is not None:
            serial = f"pg_get_serial_sequence('{table.name}', '{column.name}')"
            last = f"(SELECT max({column.name}) FROM {table.name})"
            writing.rows(f"SELECT setval({serial}, {last}) WHERE {serial} IS NOT NULL AND {last} IS NOT NULL")
