"""What is due: runs that wake, customers to look at again, effects to claim. Nothing of it is held in memory."""

from __future__ import annotations

from collections.abc import Collection

from retain.model import Effect, Instant
from retain.store.acceptance import COUNTER
from retain.store.codec import effect_of
from retain.store.database import Database

_NOBODY: frozenset[str] = frozenset()


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

    def undecided_customers(self) -> set[int]:
        """Customers who have accepted events that are not decided yet."""
        with self._db.read() as session:
            position = session.row(COUNTER, ("watermark",))
            return {row[0] for row in session.rows(UNDECIDED_CUSTOMERS, (position[0] if position else 0,))}


def _but(column: str, names: Collection[str]) -> str:
    return f" AND {column} NOT IN ({', '.join('?' * len(names))})" if names else ""
