"""Small charts: as text for a terminal, as SVG for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from html import escape

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


def columns_svg(values: Sequence[tuple[str, int]], title: str, *, width: int = 720, height: int = 160) -> str:
    """Upright columns over time, each with its value as a tooltip."""
    top = max((value for _, value in values), default=0) or 1
    step = width / max(1, len(values))
    head, foot = 18, 20  # room for the highest value, and for the days
    parts = [f'<svg viewBox="0 0 {width} {head + height + foot}" role="img" aria-label="{escape(title)}">']
    for number, (label, value) in enumerate(values):
        tall = height * value / top
        place = f'x="{number * step:.1f}" y="{head + height - tall:.1f}"'
        size = f'width="{max(step - 1, 0.5):.1f}" height="{tall:.1f}"'
        parts.append(f"<rect {place} {size}><title>{escape(label)}: {value:,}</title></rect>")
    if values:
        low = head + height + 14
        parts.append(f'<text x="0" y="{low}">{escape(values[0][0])}</text>')
        parts.append(f'<text x="{width}" y="{low}" text-anchor="end">{escape(values[-1][0])}</text>')
        parts.append(f'<text x="0" y="12">at most {top:,}</text>')
    return "".join([*parts, "</svg>"])


def bars_svg(values: Sequence[tuple[str, int]], title: str, *, width: int = 720) -> str:
    """Lying bars, each with its name and value."""
    top = max((value for _, value in values), default=0) or 1
    row, left, right = 24, 240, 90
    parts = [f'<svg viewBox="0 0 {width} {row * max(1, len(values))}" role="img" aria-label="{escape(title)}">']
    for number, (label, value) in enumerate(values):
        y = number * row
        long = (width - left - right) * value / top
        parts.append(f'<text x="{left - 8}" y="{y + 16}" text-anchor="end">{escape(label)}</text>')
        parts.append(f'<rect x="{left}" y="{y + 4}" width="{max(long, 1 if value else 0):.1f}" height="{row - 8}"/>')
        parts.append(f'<text x="{left + long + 6:.1f}" y="{y + 16}">{value:,}</text>')
    return "".join([*parts, "</svg>"])
