"""Charts of a page: bars as a table, so that their text stays text, and columns over time as SVG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from retain.app.simulation.charts import daily

SERIES = 5  # that have a colour of their own; what is left shares the last one
_OTHERS = "all others"
_WIDTH, _HEIGHT = 1000, 100  # of an SVG that is stretched to the room that there is
_BROADEST = 60  # of a column
_TICKS = 6
_LATEST_TICK = 0.9  # of the width; a label behind it would not fit


@dataclass(frozen=True, slots=True)
class Bar:
    """One lying bar: its name, how much it is, and what that means."""

    label: str
    value: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Counts over time, of one series or of several that add up.

    Args:
        labels: the first day of each group of days.
        size: how many days a group has.
        series: name and counts, the largest first.
    """

    labels: tuple[str, ...]
    size: int
    series: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def sums(self) -> list[int]:
        """Of all series, by group."""
        return [sum(values) for values in zip(*(counts for _, counts in self.series), strict=True)]

    @property
    def each(self) -> str:
        """How long a group is, in words."""
        return "day" if self.size == 1 else "week" if self.size == 7 else f"{self.size} days"


def timeline(counts: Mapping[str, Mapping[str, int]], most: int, within: tuple[str, str] | None = None) -> Timeline:
    """Counts by series and day, in at most so many groups of days; more than a few series are put together.

    Args:
        within: the first and the last day to show at least, so that charts of one time can be compared.
    """
    named = sorted(((name, days) for name, days in counts.items() if days), key=lambda one: (-_sum(one[1]), one[0]))
    if len(named) > SERIES + 1:
        others: Counter[str] = Counter()
        for _, days in named[SERIES:]:
            others.update(days)
        named = [*named[:SERIES], (_OTHERS, others)]
    whole: Counter[str] = Counter(dict.fromkeys(within or (), 0))
    for _, days in named:
        whole.update(days)
    groups, size = daily(whole, most)
    labels = tuple(label for label, _ in groups)
    series = ((name, tuple(_grouped(days, labels))) for name, days in named)
    return Timeline(labels, size, tuple(series))


def _sum(days: Mapping[str, int]) -> int:
    return sum(days.values())


def _grouped(days: Mapping[str, int], labels: Sequence[str]) -> Iterable[int]:
    """ISO days sort as texts do, so a group holds what lies between two labels."""
    for first, behind in zip(labels, (*labels[1:], "~"), strict=True):
        yield sum(count for day, count in days.items() if first <= day < behind)


def columns_over_time(found: Timeline, what: str, *, low: bool = False) -> str:
    """Upright columns over time with axes and, for several series, a legend; below it the same as a table.

    Args:
        what: is counted, such as "actions".
        low: a chart of half the height.
    """
    sums = found.sums
    ticks = scale(max(sums, default=0))
    at, most = max(zip(found.labels, sums, strict=True), key=lambda one: one[1], default=("", 0))
    about = (
        f"{sum(sums):,} {what} from {found.labels[0]} on, in columns of a {found.each}; at most {most:,}, from {at} on."
    )
    legend = "".join(
        f'<li><span class="key s{number}"></span>{escape(name)}: {sum(counts):,}</li>'
        for number, (name, counts) in enumerate(found.series)
    )
    heights = "".join(f"<span>{tick:,}</span>" for tick in reversed(ticks))
    return (
        f'<figure class="chart{" low" if low else ""}"><figcaption>{escape(what)} per {found.each}</figcaption>'
        + (f'<ul class="legend">{legend}</ul>' if len(found.series) > 1 else "")
        + f'<div class="plot"><div class="y" aria-hidden="true">{heights}</div>{_svg(found, ticks, what, about)}'
        f'<div class="x" aria-hidden="true">{_days(found)}</div></div>{_as_table(found)}</figure>'
    )


def scale(top: int) -> list[int]:
    """Round numbers from nothing to at least the highest value, at most six of them."""
    size = 1
    while True:
        for step in (size, 2 * size, 5 * size):
            if step * 5 >= top:
                return list(range(0, max(-(-top // step), 1) * step + 1, step))
        size *= 10


def _svg(found: Timeline, ticks: Sequence[int], what: str, about: str) -> str:
    top, wide = ticks[-1], _WIDTH / max(1, len(found.labels))
    lines = (f'<path d="M0 {_HEIGHT - _HEIGHT * tick / top:.2f}h{_WIDTH}"/>' for tick in ticks)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img">'
        f"<title>{escape(what)} over time</title><desc>{escape(about)}</desc>",
        *lines,
    ]
    for number, label in enumerate(found.labels):
        told, high = [], 0.0
        for place, (name, counts) in enumerate(found.series):
            if not counts[number]:
                continue
            tall = _HEIGHT * counts[number] / top
            high += tall
            broad = min(wide * 0.86, _BROADEST)
            box = f'x="{number * wide:.2f}" y="{_HEIGHT - high:.2f}" width="{broad:.2f}" height="{tall:.2f}"'
            told.append((f'<rect class="s{place}" {box}/>', f"{name}: {counts[number]:,}"))
        if told:
            said = f"{_from(label, found)}\n" + "\n".join(text for _, text in told)
            parts.append(f"<g><title>{escape(said)}</title>{''.join(box for box, _ in told)}</g>")
    return "".join([*parts, "</svg>"])


def _from(label: str, found: Timeline) -> str:
    return label if found.size == 1 else f"{found.each} from {label}"


def _days(found: Timeline) -> str:
    """A few labels: the beginnings of months where there are several, else every so many columns."""
    labels = found.labels
    months = [number for number, label in enumerate(labels) if number == 0 or label[:7] != labels[number - 1][:7]]
    chosen = months[1:] if len(months) > 3 else list(range(len(labels)))
    every = -(-len(chosen) // _TICKS)
    cut = 7 if len(months) > 3 else 10
    return "".join(
        f'<span style="left:{100 * number / len(labels):.2f}%">{labels[number][:cut]}</span>'
        for number in chosen[::every]
        if number / len(labels) < _LATEST_TICK
    )


def _as_table(found: Timeline) -> str:
    names = [name for name, _ in found.series]
    rows = [
        (label, *(f"{counts[number]:,}" for _, counts in found.series))
        for number, label in enumerate(found.labels)
        if found.sums[number]
    ]
    return f"<details><summary>as a table</summary>{table((f'{found.each} from', *names), rows)}</details>"


def bars(rows: Sequence[Bar], names: tuple[str, str], *, of: int = 0) -> str:
    """Lying bars as a table: what, the bar, how many and, where `of` is given, which share of that."""
    top = max((row.value for row in rows), default=0) or 1
    share = '<th scope="col" class="number">share</th>' if of else ""
    head = f'<th scope="col">{names[0]}</th><td></td><th scope="col" class="number">{names[1]}</th>{share}'
    body = "".join(
        f'<tr><th scope="row">{escape(row.label)}{_note(row)}</th>'
        f'<td class="bar"><span style="width:{100 * row.value / top:.1f}%"></span></td>'
        f'<td class="number">{row.value:,}</td>{_share(row.value, of)}</tr>'
        for row in rows
    )
    return f'<table class="bars"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _note(row: Bar) -> str:
    return f"<small>{escape(row.note)}</small>" if row.note else ""


def _share(value: int, of: int) -> str:
    return f'<td class="number quiet">{100 * value / of:.0f} %</td>' if of else ""


def table(names: Sequence[str], rows: Iterable[Sequence[str]], texts: Sequence[int] = (0,)) -> str:
    """A table of texts; columns are numbers but for `texts`."""
    head = "".join(_cell("th", name, number in texts, ' scope="col"') for number, name in enumerate(names))
    body = "".join(
        f"<tr>{''.join(_cell('td', text, number in texts) for number, text in enumerate(row))}</tr>" for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(tag: str, text: str, is_text: bool, more: str = "") -> str:
    side = "" if is_text else ' class="number"'
    return f"<{tag}{more}{side}>{escape(text)}</{tag}>"
