"""`retain suppressions import`."""

from __future__ import annotations

from pathlib import Path

import click

from retain.app.commands.importing import Rejects, in_chunks, read_suppressions
from retain.serve.cli.acting import asking
from retain.serve.cli.context import load
from retain.serve.cli.filters import by_option
from retain.serve.cli.lists import report_list
from retain.serve.cli.output import json_option

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("suppressions")
def command() -> None:
    """Take in addresses that must not be written to."""


@command.command("import")
@click.argument("file", type=FILE)
@by_option
@json_option
def import_(file: Path, by: str | None, as_json: bool) -> None:
    """Take in addresses from FILE, a CSV with the column address, and perhaps channel (default: email) and reason.

    A suppressed address gets no message on that channel, whatever its owner agreed to. Bad rows go to
    FILE.rejects.jsonl.
    """
    rejects = Rejects(file)
    rows = read_suppressions(file, load().registry.channels, rejects.add)
    with asking(by) as ask:
        for chunk in in_chunks(rows):
            ask("import_suppressions", rows=chunk)
    report_list("suppression", len(rows), rejects, as_json=as_json)
