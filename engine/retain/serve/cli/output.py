"""How results look: aligned columns without boxes, few colours, JSON for machines."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import click
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from retain.app.reports.figures import counted
from retain.model import Json

F = TypeVar("F", bound=Callable[..., None])

GOOD, BAD, CAREFUL, QUIET, NAME = "green", "bold red", "yellow", "dim", "bold"
STYLES: Mapping[str, str] = {
    "done": GOOD,
    "ok": GOOD,
    "live": GOOD,
    "goal": GOOD,
    "dead": BAD,
    "held": BAD,
    "error": BAD,
    "in_doubt": CAREFUL,
    "parked": CAREFUL,
    "paused": CAREFUL,
    "warning": CAREFUL,
    "shadow": "cyan",
    "holdout": "cyan",
    "ended": QUIET,
    "off": QUIET,
    "cancelled": QUIET,
    "dropped": QUIET,
}
_PLAIN = re.compile(r"[A-Za-z][\w ./@+-]*(?<! )")  # what YAML takes for a text without quotes
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off"})
_PIPE_WIDTH = 1_000  # nothing is cut where no terminal says how wide it is
_DRAWN_EVERY_S = 0.1


def json_option(function: F) -> F:
    """`--json`, as every reading command has it."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")(function)


def console(*, stderr: bool = False) -> Console:
    """Where a command writes: as wide as the terminal, `COLUMNS` where it is set, else as wide as the text."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or os.environ.get("COLUMNS") else _PIPE_WIDTH
    return Console(stderr=stderr, highlight=False, width=width)


def print_json(value: Json) -> None:
    """A value as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def as_yaml(value: Mapping[str, Json], depth: int = 0) -> Iterator[str]:
    """A plain map as lines of YAML."""
    for key, item in value.items():
        head = f"{'  ' * depth}{key}:"
        if isinstance(item, Mapping) and item:
            yield head
            yield from as_yaml(item, depth + 1)
        elif isinstance(item, list) and item and all(isinstance(one, Mapping) for one in item):
            yield head
            yield from (f"{'  ' * depth}  - {json.dumps(one, ensure_ascii=False)}" for one in item)
        else:
            plain = isinstance(item, str) and _PLAIN.fullmatch(item) and item.casefold() not in _WORDS
            yield f"{head} {item if plain else json.dumps(item, ensure_ascii=False)}"


def say(*parts: str | Text | tuple[str, str]) -> None:
    """One line; a pair is a text with its style."""
    emit(Text.assemble(*parts))


def emit(what: RenderableType) -> None:
    """Print something without the blanks at the ends of its lines."""
    out = console()
    with out.capture() as captured:
        out.print(what)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def title(text: str, note: str = "") -> None:
    """What the rest is about."""
    line = Text.assemble((text, NAME), (f"   {note}" if note else "", QUIET))
    if note and line.cell_len > console().width:  # what does not fit goes on below, indented
        emit(Group(Text(text, style=NAME), Padding(Text(note, style=QUIET), (0, 0, 0, 2))))
    else:
        emit(line)


def hint(*commands: str) -> None:
    """The next useful commands, below an answer."""
    if commands:
        click.echo()
        for index, command in enumerate(commands):
            say(("next  " if index == 0 else "      ", QUIET), command)


def styled(word: str) -> Text:
    """A word of state in its colour."""
    return Text(word, style=STYLES.get(word, ""))


def columns(*names: str, right: Iterable[str] = (), fold: Iterable[str] = (), gap: int = 2) -> Table:
    """An empty table of aligned columns.

    Args:
        right: columns of numbers.
        fold: columns whose texts may go on in the next line; the others are never cut.
        gap: blanks between columns.
    """
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style=QUIET, show_header=any(names))
    for name in names:
        folds = name in fold
        table.add_column(
            name, justify="right" if name in right else "left", overflow="fold", no_wrap=not folds, min_width=0
        )
    return table


def show(table: Table, *, indent: int = 0) -> None:
    """Print a table."""
    emit(Padding(table, (0, 0, 0, indent)) if indent else table)


def pairs(entries: Iterable[tuple[str | Text, str | Text]], *, indent: int = 0) -> None:
    """Labels and values, one pair a line."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style=QUIET, no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in entries:
        table.add_row(label, value if isinstance(value, Text) else Text(value))
    show(table, indent=indent)


def say_labelled(label: str, style: str, text: str) -> None:
    """`  label: text`; where the text goes on in the next line, it stands below its own beginning."""
    table = Table.grid(padding=(0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text(f"{label}: ", style=style), text)
    show(table, indent=2)


def say_listed(number: int, what: str, limit: int, zone: str) -> None:
    """Below a list: how much it shows, whether there is more, and in which zone its times are."""
    more = f"; --limit {limit * 4} shows more" if number == limit else ""
    say((f"{counted(number, what)}{more}; times in {zone}", QUIET))


def tally(counts: Mapping[str, int], none: str = "none") -> str:
    """`12 sent, 3 refused`, the most frequent first."""
    found = sorted(((count, name) for name, count in counts.items() if count), key=lambda one: (-one[0], one[1]))
    return ", ".join(f"{count:,} {name}" for count, name in found) or none


def amount(number: int) -> Text:
    """A count; nothing is quiet."""
    return Text(f"{number:,}", style=QUIET if not number else "")


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A bar on stderr while something long goes on; gives a function that takes how much is done.

    It has no thread that draws it, since a process with two threads does all of its work alone: see `Beside`.
    """
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    parts = [TextColumn(f"{label}  "), BarColumn(bar_width=30), MofNCompleteColumn(), TimeRemainingColumn()]
    bar = Progress(*parts, console=console(stderr=True), transient=True, auto_refresh=False)
    task = bar.add_task(label, total=total)
    drawn = 0.0

    def tell(done: int) -> None:
        nonlocal drawn
        bar.start()  # with the first news: what is inside may show a bar of its own before
        bar.update(task, completed=done)
        if time.monotonic() - drawn >= _DRAWN_EVERY_S:
            bar.refresh()
            drawn = time.monotonic()

    try:
        yield tell
    finally:
        bar.stop()


def csv_line(cells: Sequence[Json]) -> str:
    """One line of CSV that no spreadsheet takes for a formula: every cell is quoted, a dangerous one gets a `'`."""
    return ",".join('"' + _harmless(_cell(cell)).replace('"', '""') + '"' for cell in cells)


def _cell(value: Json) -> str:
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)


_FORMULA = frozenset("=+-@\t\r＝＋－＠|%")


def _harmless(text: str) -> str:
    start = next((char for char in text if not char.isspace() and char.isprintable()), "")
    dangerous = start in _FORMULA or text[:1] in _FORMULA
    return f"'{text}" if text and dangerous else text
