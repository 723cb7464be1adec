"""A store's state in another store, to play on with it."""

from __future__ import annotations

from sqlalchemy import select

from retain.store.store import Store
from retain.store.tables import metadata
from retain.store.transfer import first_undecided, snapshot

_LEFT_BEHIND = frozenset(
    {"alembic_version", "decisions", "summaries", "rejects", "failed_events", "audit", "workers", "partitions"}
)
_CHUNK = 5_000


def copy_state(source: Store, target: Store) -> None:
    """Copy all that decisions read, as of one instant, into a new store; the log of decisions stays behind."""
    with snapshot(source) as reading, target._db.write() as writing:
        for table in metadata.sorted_tables:
            if table.name in _LEFT_BEHIND:
                continue
            writing.change(f"DELETE FROM {table.name}")
            insert = f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.columns))})"
            for rows in reading.core.execute(select(table)).partitions(_CHUNK):
                writing.change_many(insert, [tuple(row) for row in rows])
        decided = first_undecided(reading, source) - 1
        writing.change("UPDATE counters SET value = ? WHERE name = 'watermark'", (decided,))
