"""What the store forgets once it is old: rows of the decision log, and refused messages."""

from __future__ import annotations

from retain.model import Instant
from retain.store.database import Database


class PruneMethods:
    """The part of the store that forgets.

    Rows are looked at in the order of their writing, from the oldest on and never more than `limit` of them, so that no
    index on time is needed and a call is short also where nothing is old.
    """

    _db: Database

    def prune_decisions(self, before: Instant, limit: int) -> int:
        """Forget those of the `limit` oldest rows of the decision log that are older than `before`; how many it was."""
        return self._prune("decisions", before, limit)

    def prune_rejects_before(self, before: Instant, limit: int) -> int:
        """Forget those of the `limit` oldest refused messages that came before an instant; how many it was."""
        return self._prune("rejects", before, limit)

    def _prune(self, table: str, before: Instant, limit: int) -> int:
        oldest = f"SELECT id, at FROM {table} ORDER BY id LIMIT ?"
        sql = f"DELETE FROM {table} WHERE id IN (SELECT id FROM ({oldest}) AS old WHERE at < ?)"
        with self._db.write() as session:
            return session.change(sql, (limit, before))
