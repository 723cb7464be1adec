"""What breakers count, where several workers start the same rules."""

from __future__ import annotations

from collections.abc import Sequence

from retain.errors import StoreConflictError
from retain.store.database import Session
from retain.store.rows import Starts
from retain.store.sharing import SharingMethods

_STARTS = "starts:"  # before the rule's id, among the counters
_ADD = (
    "INSERT INTO counters (name, value) SELECT * FROM unnest(?::text[], ?::bigint[])"
    " ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING name, value"
)


class BreakerMethods(SharingMethods):
    """The part of the store by which workers know of each other's starts."""

    def counted_starts(self) -> dict[str, int]:
        """How many live starts of each rule all workers have made, ever; nothing where there is one worker at most."""
        if not self.is_shared:
            return {}
        with self._db.read() as session:
            rows = session.rows("SELECT name, value FROM counters WHERE name LIKE ?", (_STARTS + "%",))
        return {name.removeprefix(_STARTS): value for name, value in rows}


def count_starts(session: Session, starts: Sequence[Starts]) -> None:
    """Count starts of all workers; the last thing of a commit, because others that start the same wait for its end.

    Raises:
        StoreConflictError: others have made so many that a breaker may have to open before these.
    """
    if not starts:
        return
    ordered = sorted(starts, key=lambda one: one.rule)
    names, counts = [_STARTS + one.rule for one in ordered], [one.count for one in ordered]
    total: dict[str, int] = dict(session.rows(_ADD, (names, counts)))
    if any(total[_STARTS + one.rule] - one.count > one.at_most for one in starts):
        raise StoreConflictError("another worker started the same rules", cure="decide again from fresh facts")
