"""Refused messages on their way into the store: kept, but never at the cost of those that are accepted."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

import structlog

from retain.app.live.counters import Counters
from retain.deliver.hooks import Hooks
from retain.errors import StoreError
from retain.model import Instant
from retain.store.store import Store
from retain.wire.message import Intake

_MOST_WAITING = 1_000
_MOST_KEPT = 10_000
_PRUNE_EVERY = 1_000
_LONGEST_BODY = 16 * 1024
log = structlog.get_logger("retain.ingest")


class Rejects:
    """The rejects list: written by the writer between two steps, cut to the newest 10,000.

    Args:
        call: has the writer do something.
    """

    def __init__(
        self, store: Store, hooks: Hooks, stats: Counters, call: Callable[[Callable[[], None]], Future[None]]
    ) -> None:
        self._store = store
        self._hooks = hooks
        self._stats = stats
        self._call = call
        self._rows: deque[tuple[Instant, str, str, str]] = deque(maxlen=_MOST_WAITING)
        self._added = 0

    def add(self, intake: Intake, at: Instant) -> None:
        """Keep what an intake refused; called from the event loop."""
        self._stats.notes.update(note.code for note in intake.notes)
        if not intake.rejections:
            return
        was_empty = not self._rows
        for rejection in intake.rejections:
            self._stats.rejected[rejection.code] += 1
            body = json.dumps(rejection.raw, ensure_ascii=False, default=str)[:_LONGEST_BODY]
            body = body.encode("utf-8", "replace").decode()
            self._rows.append((at, intake.source, f"{rejection.code}: {rejection.what}", body))
            message = rejection.raw if isinstance(rejection.raw, dict) else {}
            self._hooks.notify("event_rejected", reason=rejection.code, message=message)
        if was_empty:
            self._call(self._write)

    def _write(self) -> None:
        rows = []
        while self._rows:
            rows.append(self._rows.popleft())
        if not rows:
            return
        try:
            self._store.add_rejects(rows)
            self._added += len(rows)
            if self._added >= _PRUNE_EVERY:
                self._added = 0
                self._store.prune_rejects(_MOST_KEPT)
        except StoreError as error:
            log.warning("rejects_not_kept", count=len(rows), reason=error.what)
