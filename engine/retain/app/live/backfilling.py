"""Tells in the log how far the backfills of new rules are."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from retain.pipeline.backfills import Backfill

EVERY_S = 10.0
log = structlog.get_logger("retain.backfill")


class BackfillLog:
    """One line where a backfill begins, one every ten seconds, one where it ends.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: dict[tuple[str, str], float] = {}
        self._told: dict[tuple[str, str], float] = {}

    def note(self, found: Backfill) -> None:
        """A chunk of one is done."""
        name, now = (found.rule, found.path), self._clock()
        about = {"rule": found.rule, "trigger": found.path, "customers": found.customers}
        began = self._began.setdefault(name, now)
        if found.done:
            log.info("backfill_ended", **about, seconds=round(now - began, 1))
            del self._began[name]
            self._told.pop(name, None)
        elif name not in self._told:
            log.info("backfill_began", **about, looked_at=found.looked_at, waits_for_breaker=found.paced)
            self._told[name] = now
        elif now - self._told[name] >= EVERY_S:
            log.info("backfill", **about, looked_at=found.looked_at, waits_for_breaker=found.paced)
            self._told[name] = now
