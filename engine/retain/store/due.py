"""What is due: runs that wake, customers to look at again, effects to claim. Nothing of it is held in memory."""

from __future__ import annotations

from retain.model import Effect, Instant
from retain.store.codec import EFFECT_COLUMNS, effect_of
from retain.store.database import Database

RUNS = "SELECT wake_at, id, customer FROM runs WHERE wake_at <= ? ORDER BY wake_at, id LIMIT ?"
CUSTOMERS = "SELECT recheck_at, id FROM customers WHERE recheck_at <= ? ORDER BY recheck_at, id LIMIT ?"
EFFECTS = f"SELECT {EFFECT_COLUMNS} FROM effects WHERE state = 'pending' AND due_at <= ? ORDER BY due_at, id LIMIT ?"
NEXT = (
    "SELECT min(wake_at) FROM runs WHERE wake_at IS NOT NULL",
    "SELECT min(recheck_at) FROM customers WHERE recheck_at IS NOT NULL",
    "SELECT min(due_at) FROM effects WHERE state = 'pending'",
)


class DueMethods:
    """The part of the store that knows what time moves."""

    _db: Database

    def due_runs(self, until: Instant, limit: int) -> list[tuple[Instant, str, int]]:
        """Runs whose wake_at has come: (wake_at, run, customer), ordered by (wake_at, id)."""
        with self._db.read() as session:
            return session.rows(RUNS, (until, limit))

    def due_customers(self, until: Instant, limit: int) -> list[tuple[Instant, int]]:
        """Customers whose watches must be looked at: (recheck_at, customer), in order."""
        with self._db.read() as session:
            return session.rows(CUSTOMERS, (until, limit))

    def due_effects(self, until: Instant, limit: int) -> list[Effect]:
        """Effects to claim, ordered by (due_at, id)."""
        with self._db.read() as session:
            return [effect_of(row) for row in session.rows(EFFECTS, (until, limit))]

    def next_due(self) -> Instant | None:
        """The earliest instant at which a run, a customer or an effect is due."""
        with self._db.read() as session:
            found = [row[0] for sql in NEXT for row in session.rows(sql) if row[0] is not None]
        return min(found, default=None)
