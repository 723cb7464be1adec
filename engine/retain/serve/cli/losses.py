"""How many customers each clause loses, as a table: of `explain --why-not` and of `segments show --explain`."""

from __future__ import annotations

from rich.padding import Padding
from rich.text import Text

from retain.app.reports.figures import counted
from retain.app.reports.losing import Losses
from retain.serve.cli.output import QUIET, columns, emit, print_json, show, title

_LEGEND = "lost: at this clause; missing: those of them without a value; alone: kept out by nothing else"


def show_losses(found: Losses, *, as_json: bool) -> None:
    """Print what each clause costs."""
    if as_json:
        print_json(found.as_json())
        return
    title(found.name, f"{found.passing:,} of {counted(found.customers, 'customer')}")
    numbers = ("true", "left", "lost", "missing", "alone")
    table = columns("", "", *numbers, right=numbers, fold=[""])
    left = found.customers
    for clause in found.clauses:
        loss = clause.loss
        left -= loss.lost
        counts = (loss.held, left, loss.lost, loss.unknown, loss.alone)
        table.add_row(Text(clause.label, style=QUIET), clause.text, *(f"{count:,}" for count in counts))
    show(table, indent=2)
    emit(Padding(Text(_LEGEND, style=QUIET), (0, 0, 0, 2)))
