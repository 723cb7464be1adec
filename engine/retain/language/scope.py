"""What an expression is evaluated against: one customer's facts at one frozen instant."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from retain.model import Fields, Instant, Json

EMPTY: Mapping[str, Json] = {}


class Series:
    """The events of one name of one customer, sorted by occurred_at, ties in the order in which they came.

    Rows may be added as bytes; they are decoded when a field of them is first looked at.
    """

    __slots__ = ("_decode", "at", "rows")

    def __init__(self, decode: Callable[[bytes], Fields] | None = None) -> None:
        self.at: list[Instant] = []
        self.rows: list[Fields | bytes] = []
        self._decode = decode

    def add(self, at: Instant, row: Fields | bytes) -> None:
        """Insert one event; the usual case, the newest, is an append."""
        if not self.at or at >= self.at[-1]:
            self.at.append(at)
            self.rows.append(row)
            return
        place = bisect_left(self.at, at + 1)
        self.at.insert(place, at)
        self.rows.insert(place, row)

    def forget_before(self, low: Instant) -> None:
        """Let go of what happened before an instant."""
        if self.at and self.at[0] < low:
            place = bisect_left(self.at, low)
            del self.at[:place], self.rows[:place]

    def row(self, index: int) -> Fields:
        """The fields of one event."""
        row = self.rows[index]
        if isinstance(row, bytes):
            assert self._decode is not None, "rows were added as bytes without a decoder"
            row = self._decode(row)
            self.rows[index] = row
        return row

    def bounds(self, low: Instant | None, high: Instant) -> tuple[int, int]:
        """Indexes of the events in [low, high); low None is the beginning of time."""
        return (0 if low is None else bisect_left(self.at, low)), bisect_left(self.at, high)


class History:
    """All events of one customer that a plan can ask for, by name."""

    __slots__ = ("_decode", "series")

    def __init__(self, decode: Callable[[bytes], Fields] | None = None) -> None:
        self.series: dict[str, Series] = {}
        self._decode = decode

    def add(self, name: str, at: Instant, row: Fields | bytes) -> None:
        """Insert one event."""
        series = self.series.get(name)
        if series is None:
            series = self.series[name] = Series(self._decode)
        series.add(at, row)

    def count(self, name: str, low: Instant | None, high: Instant) -> int:
        """How many events of that name happened in [low, high)."""
        series = self.series.get(name)
        if series is None:
            return 0
        at = series.at
        first = 0 if low is None else bisect_left(at, low)
        return bisect_left(at, high, first) - first


@dataclass(slots=True)
class Scope:
    """One customer at one instant: everything that an expression may read.

    Args:
        now: frozen for one evaluation; events at or after it do not count.
        customer: fields as stored (money as the decimal number, dates as ISO texts); a missing key, None and an absent
            row are one thing. Nested objects stay nested: `address.city` is customer["address"]["city"].
        event: fields of the event being decided; empty for a timer.
        steps: outputs of earlier steps by step id.
        trigger: kind, planned_at, name.
        changed: customer fields that the event being decided changed.
        started_at: start of the run, for windows `since start`.
        zone: the customer's zone, else the account's.
        first_seen: for known_days().
        metrics: memo of metrics already computed at this instant; emptied by whoever changes the facts.
    """

    now: Instant
    customer: Fields
    history: History
    first_seen: Instant
    event: Fields = field(default_factory=dict)
    steps: Fields = field(default_factory=dict)
    trigger: Fields = field(default_factory=dict)
    changed: frozenset[str] = frozenset()
    started_at: Instant | None = None
    zone: tzinfo = UTC
    metrics: dict[str, Json] = field(default_factory=dict)

    def at(self, now: Instant) -> Scope:
        """The same facts at another instant."""
        return Scope(
            now,
            self.customer,
            self.history,
            self.first_seen,
            self.event,
            self.steps,
            self.trigger,
            self.changed,
            self.started_at,
            self.zone,
            {},
        )


__all__ = ["EMPTY", "History", "Scope", "Series"]
