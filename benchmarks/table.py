"""The figures of benchmarks as one table: in a terminal, and as Markdown in a page."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

Row: TypeAlias = dict[str, object]

HEADINGS = ("what", "limit or peer", "ours", "value", "bound", "kept")
BEGIN, END = "<!-- written by scripts/bench --markdown -->", "<!-- end of what scripts/bench writes -->"


@dataclass
class Outcome:
    """What one benchmark has come to.

    Args:
        commit, machine, taken, size: on what its figures were taken.
        seconds, cpu_seconds: how long it ran, and what it and its children used.
        why: why it did not come to its end; "" where it did.
    """

    name: str
    commit: str
    machine: str
    taken: str
    size: str
    figures: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    why: str = ""


def show(outcomes: Sequence[Outcome]) -> None:
    """Print the table, and who did not come to its end."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in HEADINGS:
        table.add_column(heading, justify="right" if heading in ("value", "bound") else "left")
    for outcome in outcomes:
        for figure in outcome.figures:
            *cells, kept = _cells(figure)
            table.add_row(*cells, f"[bold red]{kept}[/]" if kept == "NO" else kept)
    console = Console(soft_wrap=not sys.stdout.isatty())
    console.print(table)
    for outcome in outcomes:
        if outcome.why:
            console.print(f"{outcome.name}: did not end: {outcome.why}", style="bold red", markup=False)
    for line in _taken(outcomes):
        console.print(line, style="dim", markup=False)


def _cells(figure: Row) -> tuple[str, ...]:
    value, limit = figure["value"], figure["bound"]
    bound = "" if limit is None else f"{'≤' if figure['at_most'] else '≥'} {limit:g}"
    kept = "" if limit is None else "yes" if figure["good"] else "NO"
    return str(figure["what"]), str(figure["against"]), str(figure["ours"]), f"{value:.3g}", bound, kept


def _taken(outcomes: Sequence[Outcome]) -> list[str]:
    """On what the figures were taken; one line where all were taken on the same."""
    found: dict[tuple[str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault((outcome.size, outcome.machine, outcome.commit), []).append(outcome)
    lines = []
    for (size, machine, commit), those in found.items():
        names = "" if len(found) == 1 else ": " + ", ".join(one.name for one in those)
        days = sorted({one.taken for one in those})
        lines.append(f"{size} size, {machine}, commit {commit}, {' to '.join(days[:: max(1, len(days) - 1)])}{names}")
    return lines


def write_markdown(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Put the table between its two marks in a page; a page that has none becomes the table alone."""
    table = "\n".join([BEGIN, "", *_markdown(outcomes), "", END])
    page = path.read_text() if path.exists() else ""
    before, begun, rest = page.partition(BEGIN)
    _, ended, after = rest.partition(END)
    path.write_text(before + table + after if begun and ended else table + "\n")


def _markdown(outcomes: Sequence[Outcome]) -> list[str]:
    lines = [f"| {' | '.join((*HEADINGS, 'by'))} |", "|---|---|---|--:|--:|---|---|"]
    for outcome in outcomes:
        for figure in outcome.figures:
            *cells, kept = _cells(figure)
            lines.append(_line(*cells, "**no**" if kept == "NO" else kept, f"`{outcome.name}`"))
        if outcome.why:
            lines.append(_line(outcome.name, f"did not end: {outcome.why}", "", "", "", "**no**", f"`{outcome.name}`"))
    return [*lines, "", *(f"Taken at the {line}." for line in _taken(outcomes))]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
