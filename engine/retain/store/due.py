"""What is due: runs that wake, customers to look at again, effects to claim. Nothing of it is held in memory."""

from __future__ import annotations

from collections.abc import Collection

from retain.model import Effect, Instant
from retain.store.codec import EFFECT_COLUMNS, effect_of
from retain.store.database import Database

RUNS = "SELECT wake_at, id, customer FROM runs WHERE wake_at <= ?{but} ORDER BY wake_at, id LIMIT ?"
CUSTOMERS = "SELECT recheck_at, id FROM customers WHERE recheck_at <= ? ORDER BY recheck_at, id LIMIT ?"
EFFECTS = (
    f"SELECT {EFFECT_COLUMNS} FROM effects WHERE state = 'pending' AND due_at <= ?{{but}} ORDER BY due_at, id LIMIT ?"
)
OTHER_TEXT = "SELECT id FROM runs WHERE rule = ? AND revision != ? AND state != 'ended' ORDER BY id"
WAKE_HELD = "UPDATE effects SET due_at = ? WHERE state = 'pending' AND due_at >= ?"
NEXT_RUN = "SELECT min(wake_at) FROM runs WHERE wake_at IS NOT NULL{but}"
NEXT_CUSTOMER = "SELECT min(recheck_at) FROM customers WHERE recheck_at IS NOT NULL"
NEXT_EFFECT = "SELECT min(due_at) FROM effects WHERE state = 'pending'"


class DueMethods:
    """The part of the store that knows what time moves."""

    _db: Database

    def due_runs(self, until: Instant, limit: int, held: Collection[str] | None = ()) -> list[tuple[Instant, str, int]]:
        """Runs whose wake_at has come: (wake_at, run, customer), ordered by (wake_at, id).

        Args:
            held: rules whose runs do not wake now; None = no run wakes.
        """
        if held is None:
            return []
        with self._db.read() as session:
            return session.rows(RUNS.format(but=_but("rule", held)), (until, *sorted(held), limit))

    def due_customers(self, until: Instant, limit: int) -> list[tuple[Instant, int]]:
        """Customers whose watches must be looked at: (recheck_at, customer), in order."""
        with self._db.read() as session:
            return session.rows(CUSTOMERS, (until, limit))

    def due_effects(self, until: Instant, limit: int, exclude: Collection[str] = ()) -> list[Effect]:
        """Effects to claim, ordered by (due_at, id).

        Args:
            exclude: actions that have no free slot; their effects must not stand in the way of the others.
        """
        with self._db.read() as session:
            sql = EFFECTS.format(but=_but("action", exclude))
            return [effect_of(row) for row in session.rows(sql, (until, *sorted(exclude), limit))]

    def runs_on_other_text(self, rule: str, revision: str) -> list[str]:
        """The ids of a rule's live runs that are pinned to another text than this one, in order."""
        with self._db.read() as session:
            return [row[0] for row in session.rows(OTHER_TEXT, (rule, revision))]

    def wake_held_effects(self, held_until: Instant, now: Instant) -> int:
        """Make effects that wait for a person due again; how many they were."""
        with self._db.write() as session:
            return session.change(WAKE_HELD, (now, held_until))

    def next_due(self, held: Collection[str] | None = ()) -> Instant | None:
        """The earliest instant at which a run, a customer or an effect is due.

        Args:
            held: rules whose runs do not wake now; None = no run wakes.
        """
        with self._db.read() as session:
            found = [session.row(NEXT_CUSTOMER), session.row(NEXT_EFFECT)]
            if held is not None:
                found.append(session.row(NEXT_RUN.format(but=_but("rule", held)), tuple(sorted(held))))
        return min((row[0] for row in found if row is not None and row[0] is not None), default=None)


def _but(column: str, names: Collection[str]) -> str:
    return f" AND {column} NOT IN ({', '.join('?' * len(names))})" if names else ""
