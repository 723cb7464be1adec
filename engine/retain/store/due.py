"""What is due: runs that wake, customers to look at again, effects to claim. Nothing of it is held in memory."""

from __future__ import annotations

from collections.abc import Collection

from retain.model import Effect, Instant
from retain.store.codec import EFFECT_COLUMNS, effect_of
from retain.store.database import Database
from retain.store.sharing import SharingMethods

RUNS = "SELECT wake_at, id, customer FROM runs WHERE wake_at <= ?{but}{mine} ORDER BY wake_at, id LIMIT ?"
CUSTOMERS = "SELECT recheck_at, id FROM customers WHERE recheck_at <= ?{mine} ORDER BY recheck_at, id LIMIT ?"
_DUE_EFFECTS = f"SELECT {EFFECT_COLUMNS} FROM effects WHERE state = 'pending' AND due_at <= ?"
EFFECTS = _DUE_EFFECTS + "{but}{mine} ORDER BY due_at, id LIMIT ?"
OTHER_TEXT = (
    "SELECT id FROM runs WHERE rule = ? AND revision != ? AND state != 'ended'{mine} ORDER BY state != 'queued', id"
)
WAKE_HELD = "UPDATE effects SET due_at = ? WHERE state = 'pending' AND due_at >= ?"
NEXT_RUN = "SELECT min(wake_at) FROM runs WHERE wake_at IS NOT NULL{but}{mine}"
NEXT_CUSTOMER = "SELECT min(recheck_at) FROM customers WHERE recheck_at IS NOT NULL{mine}"
NEXT_EFFECT = "SELECT min(due_at) FROM effects WHERE state = 'pending'{mine}"


class DueMethods(SharingMethods):
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
            mine, own = self._mine(timers=True)
            return session.rows(RUNS.format(but=_but("rule", held), mine=mine), (until, *sorted(held), *own, limit))

    def due_customers(self, until: Instant, limit: int) -> list[tuple[Instant, int]]:
        """Customers whose watches must be looked at: (recheck_at, customer), in order."""
        with self._db.read() as session:
            mine, own = self._mine("id", timers=True)
            return session.rows(CUSTOMERS.format(mine=mine), (until, *own, limit))

    def due_effects(self, until: Instant, limit: int, exclude: Collection[str] = ()) -> list[Effect]:
        """Effects to claim, ordered by (due_at, id).

        Args:
            exclude: actions that have no free slot; their effects must not stand in the way of the others.
        """
        with self._db.read() as session:
            mine, own = self._mine()
            sql = EFFECTS.format(but=_but("action", exclude), mine=mine)
            return [effect_of(row) for row in session.rows(sql, (until, *sorted(exclude), *own, limit))]

    def runs_on_other_text(self, rule: str, revision: str) -> list[str]:
        """The ids of a rule's live runs that are pinned to another text than this one, the queued ones first."""
        with self._db.read() as session:
            mine, own = self._mine()
            return [row[0] for row in session.rows(OTHER_TEXT.format(mine=mine), (rule, revision, *own))]

    def wake_held_effects(self, held_until: Instant, now: Instant) -> int:
        """Make effects that wait for a person due again, other workers' too; how many they were."""
        with self._db.write() as session:
            return session.change(WAKE_HELD, (now, held_until))

    def next_due(self, held: Collection[str] | None = ()) -> Instant | None:
        """The earliest instant at which a run, a customer or an effect is due.

        Args:
            held: rules whose runs do not wake now; None = no run wakes.
        """
        with self._db.read() as session:
            mine, own = self._mine()
            found = [session.row(NEXT_EFFECT.format(mine=mine), own)]
            found.append(session.row(NEXT_CUSTOMER.format(mine=self._mine("id")[0]), own))
            if held is not None:
                sql = NEXT_RUN.format(but=_but("rule", held), mine=mine)
                found.append(session.row(sql, (*sorted(held), *own)))
        return min((row[0] for row in found if row is not None and row[0] is not None), default=None)


def _but(column: str, names: Collection[str]) -> str:
    return f" AND {column} NOT IN ({', '.join('?' * len(names))})" if names else ""
