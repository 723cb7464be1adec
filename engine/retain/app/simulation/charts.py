"""Small charts as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

_BLOCKS = " ▁▂▃▄▅▆▇█"
_BAR = "█"
_HALF = "▌"


def daily(counts: Mapping[str, int], most: int) -> tuple[list[tuple[str, int]], int]:
    """Every day from the first to the last, in groups of so many days that there are at most `most` groups.

    Returns:
        (first day, count) of each group, and how many days a group has.
    """
    if not counts:
        return [], 1
    first, last = date.fromisoformat(min(counts)), date.fromisoformat(max(counts))
    days = (last - first).days + 1
    size = next(size for size in (1, 7, 28, 91, 364, days) if size >= days or days <= size * most)
    groups: list[tuple[str, int]] = []
    for start in range(0, days, size):
        group = [first + timedelta(days=day) for day in range(start, min(start + size, days))]
        groups.append((group[0].isoformat(), sum(counts.get(day.isoformat(), 0) for day in group)))
    return groups, size


def sparkline(values: Sequence[int]) -> str:
    """One character for each value; nothing is a blank, anything is at least the lowest block."""
    top = max(values, default=0)
    return "".join(_BLOCKS[-(-value * (len(_BLOCKS) - 1) // top)] if value else " " for value in values)


def bar(value: int, top: int, width: int) -> str:
    """A bar of blocks; what is more than nothing is seen."""
    halves = round(2 * width * value / top) if top else 0
    return _BAR * (halves // 2) + (_HALF if halves % 2 or (value and not halves) else "")
