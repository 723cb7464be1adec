"""The end of what `retention` limits: once an hour, in small pieces, so that deciding goes on between them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from retain.clock import Clock
from retain.config.settings import Retention
from retain.instants import HOUR, SECOND
from retain.model import Millis
from retain.store.store import Store

CHUNK = 1_000  # rows of one transaction
_PAUSE_S = 0.02  # between two of them
log = structlog.get_logger("retain.retention")


class Pruning:
    """Forgets what is older than the configuration says.

    Args:
        retention: what the configuration says at this moment; it changes with a reload.
        in_writer: has the writer do something between two steps.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        retention: Callable[[], Retention],
        in_writer: Callable[[Callable[[], int]], Awaitable[int]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._retention = retention
        self._in_writer = in_writer

    async def run(self) -> None:
        """Prune now and then once an hour, until it is cancelled."""
        while True:
            try:
                await self.prune()
            except Exception:  # what is too old stays for an hour more
                log.exception("cannot_prune")
            await asyncio.sleep(HOUR / SECOND)

    async def prune(self) -> None:
        """Forget all that is too old by now, and say how much it was."""
        limits = self._retention()
        decisions = await self._forget(self._store.prune_decisions, limits.decisions)
        rejects = await self._forget(self._store.prune_rejects_before, limits.rejects)
        if decisions or rejects:
            log.info("pruned", decisions=decisions, rejects=rejects)

    async def _forget(self, prune: Callable[[int, int], int], age: Millis | None) -> int:
        if age is None:
            return 0
        before = self._clock.now() - age
        forgotten = 0
        while count := await self._in_writer(lambda: prune(before, CHUNK)):
            forgotten += count
            await asyncio.sleep(_PAUSE_S)
        return forgotten
