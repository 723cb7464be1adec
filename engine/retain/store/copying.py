"""A store's state in another store, to play on with it."""

from __future__ import annotations

from sqlalchemy import select

from retain.store.database import Session
from retain.store.dialects.sqlite import SqliteDialect, plain
from retain.store.store import Store
from retain.store.tables import metadata, summaries
from retain.store.transfer import OF_THE_DATABASE, first_undecided, snapshot

_LEFT_BEHIND = frozenset({"alembic_version", "decisions", "rejects", "audit", "workers", "partitions"})
_CHUNK = 5_000


def copy_state(source: Store, target: Store) -> None:
    """Copy all that decisions read, as of one instant, into a new store.

    Of the log only that is copied which history is made of: what changed in fields, and which events were put aside.
    """
    is_file = isinstance(source._db.dialect, SqliteDialect) and isinstance(target._db.dialect, SqliteDialect)
    with snapshot(source) as reading:
        decided = first_undecided(reading, source) - 1  # asked first: on a file the instant is that of the first query
        if is_file:
            with target._db.read() as writing:
                plain(reading.driver).backup(plain(writing.driver))
        with target._db.write() as writing:
            if is_file:
                _drop_log(writing)
            else:
                _copy_rows(reading, writing)
            writing.change("UPDATE counters SET value = ? WHERE name = 'watermark'", (decided,))


def _drop_log(writing: Session) -> None:
    for name in sorted(_LEFT_BEHIND - OF_THE_DATABASE):
        writing.change(f"DELETE FROM {name}")
    writing.change("DELETE FROM summaries WHERE changes IS NULL")


def _copy_rows(reading: Session, writing: Session) -> None:
    for table in metadata.sorted_tables:
        if table.name in _LEFT_BEHIND:
            continue
        writing.change(f"DELETE FROM {table.name}")
        insert = f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.columns))})"
        query = select(table) if table is not summaries else select(table).where(summaries.c.changes.is_not(None))
        for rows in reading.core.execute(query).partitions(_CHUNK):
            writing.change_many(insert, [tuple(row) for row in rows])
