"""A store's state in another store, to play on with it."""

from __future__ import annotations

from sqlalchemy import select

from retain.store.database import Database
from retain.store.tables import metadata

_LEFT_BEHIND = frozenset({"alembic_version", "decisions", "summaries", "rejects", "failed_events", "audit"})
_CHUNK = 5_000


class CopyMethods:
    """The part of the store that hands its state on."""

    _db: Database

    def copy_state_to(self, target: CopyMethods) -> None:
        """Copy all that decisions read, as of one instant, into a new store; the log of decisions stays behind."""
        with self._db.read() as source, target._db.write() as session, source.core.begin():
            for table in metadata.sorted_tables:
                if table.name in _LEFT_BEHIND:
                    continue
                session.change(f"DELETE FROM {table.name}")
                marks = ", ".join("?" * len(table.columns))
                insert = f"INSERT INTO {table.name} VALUES ({marks})"
                for rows in source.core.execute(select(table)).partitions(_CHUNK):
                    session.change_many(insert, [tuple(row) for row in rows])
