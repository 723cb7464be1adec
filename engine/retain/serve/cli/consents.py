"""`retain consents import`."""

from __future__ import annotations

from pathlib import Path

import click

from retain.app.commands.importing import Rejects, in_chunks, read_consents
from retain.serve.cli.acting import asking
from retain.serve.cli.context import config, zone_of
from retain.serve.cli.filters import by_option
from retain.serve.cli.lists import report_list
from retain.serve.cli.output import json_option

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("consents")
def command() -> None:
    """Take in who agreed to what."""


@command.command("import")
@click.argument("file", type=FILE)
@click.option("--source", default="import", show_default=True, help="Where the answers come from.")
@by_option
@json_option
def import_(file: Path, source: str, by: str | None, as_json: bool) -> None:
    """Take in answers from FILE, a CSV with the columns customer, purpose, granted, and perhaps at and text.

    customer is a user id, or a key such as email:ada@example.com; purpose is what a policy asks for, such as
    marketing; granted is true or false. The newest answer counts. Bad rows go to FILE.rejects.jsonl.
    """
    rejects = Rejects(file)
    rows = read_consents(file, zone_of(config()), rejects.add)
    with asking(by) as ask:
        for chunk in in_chunks(rows):
            ask("import_consents", rows=chunk, source=source)
    report_list("consent", len(rows), rejects, as_json=as_json)
