"""Events that were accepted just now and are not decided yet, so that they need not be read back from the file."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from retain.model import Event


class FreshEvents:
    """A copy of the end of the order: every accepted event from its first one on, or nothing.

    The file is what counts. Whatever changes undecided events by another way than accepting them calls `forget`.
    """

    def __init__(self, most: int = 5_000) -> None:
        self._most = most
        self._events: deque[Event] = deque()

    def add(self, events: Iterable[Event]) -> None:
        """Keep what was committed; of a backlog nothing is kept, it is read from the file."""
        self._events.extend(events)
        if len(self._events) > self._most:
            self._events.clear()

    def after(self, watermark: int) -> deque[Event]:
        """Those that are not decided; the others are let go."""
        while self._events and self._events[0].seq <= watermark:
            self._events.popleft()
        return self._events

    def forget(self) -> None:
        """Read the next ones from the file."""
        self._events.clear()
