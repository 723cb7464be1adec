"""What waits: a few counts over partial indexes, cheap at any size of the store."""

from __future__ import annotations

from dataclasses import dataclass

from retain.model import Instant
from retain.store.database import Database

_OPEN = "SELECT state, count(*) FROM effects WHERE state IN ('sending', 'in_doubt', 'dead') GROUP BY state"
_PENDING = "SELECT count(*), min(due_at) FROM effects WHERE state = 'pending' AND due_at <= ?"
_UNDECIDED = "SELECT count(*) FROM events WHERE "


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits in the store at one instant."""

    at: Instant = 0
    undecided: int = 0
    due: int = 0  # effects that could go out
    oldest_due: Instant | None = None
    in_doubt: int = 0
    dead: int = 0
    sending: int = 0
    quarantined: int = 0


class BacklogMethods:
    """The part of the store that says what waits."""

    _db: Database

    def backlog(self, now: Instant) -> Backlog:
        """What waits now."""
        with self._db.read() as session:
            states: dict[str, int] = dict(session.rows(_OPEN))
            due = session.row(_PENDING, (now,)) or (0, None)
            undecided = session.row(_UNDECIDED + self._db.dialect.undecided) or (0,)
            failed = session.row("SELECT count(*) FROM failed_events") or (0,)
        return Backlog(
            at=now,
            undecided=undecided[0],
            due=due[0],
            oldest_due=due[1],
            in_doubt=states.get("in_doubt", 0),
            dead=states.get("dead", 0),
            sending=states.get("sending", 0),
            quarantined=failed[0],
        )

    def probe(self) -> None:
        """Write something that changes nothing, to see whether the store can be written to.

        Raises:
            StoreFullError: no space is left.
            StoreUnavailableError: the file cannot be used.
        """
        with self._db.write() as session:
            session.change("UPDATE counters SET value = value WHERE name = 'last_seq'")
