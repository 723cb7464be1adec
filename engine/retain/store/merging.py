"""Two customers become one: everything of the absorbed one moves, in the transaction that decides the merge."""

from __future__ import annotations

from collections.abc import Sequence

from retain.store.database import Session
from retain.store.identity import Identity, move_identities
from retain.store.rows import Merge

# Ended and live runs stand in two partial indexes, so each has its own statement.
MOVES = (
    "UPDATE events SET former = coalesce(former, customer), customer = ? WHERE customer = ?",
    "UPDATE runs SET customer = ? WHERE customer = ? AND NOT has_ended",
    "UPDATE runs SET customer = ? WHERE customer = ? AND has_ended",
    "UPDATE records SET customer = ? WHERE customer = ?",
    "UPDATE consents SET customer = ? WHERE customer = ?",
    "UPDATE customers SET merged_into = ? WHERE merged_into = ?",
)
MOVE_EFFECTS = (
    "UPDATE effects SET customer = ? WHERE customer = ? AND run IN"
    " (SELECT id FROM runs WHERE customer = ? AND NOT has_ended"
    " UNION ALL SELECT id FROM runs WHERE customer = ? AND has_ended)"
)
FIRST_SEEN = "UPDATE customers SET first_seen = (SELECT min(first_seen) FROM customers WHERE id IN (?, ?)) WHERE id = ?"
EMPTY = (
    "UPDATE customers SET fields = '{}', stamps = '{}', watches = NULL, recheck_at = NULL, merged_into = ? WHERE id = ?"
)


def absorb_all(session: Session, merges: Sequence[Merge]) -> dict[Identity, int]:
    """Carry out the merges of one batch in their order; the identities that moved."""
    last: dict[int, int] = {}
    for merge in reversed(merges):
        last[merge.loser] = last.get(merge.survivor, merge.survivor)
    moved: dict[Identity, int] = {}
    for merge in merges:
        moved.update(_absorb(session, merge, last[merge.loser]))
    return moved


def _absorb(session: Session, merge: Merge, last: int) -> dict[Identity, int]:
    """Move everything of the loser to the survivor; the identities that moved.

    Where the survivor is absorbed in the same batch, the runs that the batch wrote are at the last survivor already.

    Consents keep every answer, so the newest of both counts and of equal ones the withdrawal. Suppressions stand by
    address and stay. Decisions stay with the customer for whom they were made: before the merge the two were apart.
    """
    moved = move_identities(session, merge.loser, merge.survivor)
    for sql in MOVES:
        session.change(sql, (merge.survivor, merge.loser))
    for owner in sorted({merge.survivor, last}):
        session.change(MOVE_EFFECTS, (merge.survivor, merge.loser, owner, owner))
    # Of a survivor that is absorbed in the same batch, no row is written: it is to look as if batches were smaller.
    session.change(FIRST_SEEN, (merge.loser, merge.survivor, merge.survivor))
    session.change(EMPTY, (merge.survivor, merge.loser))
    return moved
