"""Workers whose rules differ for a while: what one of them did not keep up to date is looked at anew."""

from __future__ import annotations

from dataclasses import replace

from retain.language.plan import Plan
from retain.model import Instant
from retain.store.rows import Batch
from retain.store.store import Store


def look_anew(store: Store, before: Plan, after: Plan, now: Instant) -> None:
    """Let everybody be looked at again for what this worker begins to keep up to date, and others have kept already.

    Of its own customers nobody has followed the changes since. Whoever leads does it.

    Args:
        before: what this worker has decided by until now.
    """
    fresh = after.state_ids - before.state_ids
    rows = [
        replace(row, rule="", since=now, position=0, done=False)
        for row in store.watch_rows()
        if row.watch in fresh and row.rule and (row.done or row.position)
    ]
    if rows:
        with store.exclusively([0]):  # of the worker that leads
            store.commit(Batch(watch_progress=rows))
