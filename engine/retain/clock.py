"""The clock: the only place that asks what time it is."""

from __future__ import annotations

import time
from typing import Protocol

from retain.model import Instant


class Clock(Protocol):
    """Says what time it is."""

    def now(self) -> Instant:
        """The present instant, in milliseconds since 1970 UTC."""
        ...


def running() -> float:
    """Seconds that have passed on this machine, those in which it slept too: what leases are held against."""
    if hasattr(time, "CLOCK_BOOTTIME"):  # Linux, where monotonic() stands still meanwhile
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class SystemClock:
    """The machine's clock."""

    def now(self) -> Instant:
        """The present instant, in milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000


class FixedClock:
    """A clock that moves only when told: for tests, `simulate` and replays."""

    def __init__(self, at: Instant = 0) -> None:
        self.at = at

    def now(self) -> Instant:
        """The instant that was set last."""
        return self.at

    def move_to(self, at: Instant) -> None:
        """Set the clock; it never runs backwards."""
        self.at = max(self.at, at)
