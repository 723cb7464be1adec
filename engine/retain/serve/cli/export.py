"""`retain export`."""

from __future__ import annotations

from pathlib import Path

import click

from retain.app.planning.sampling import export_sample, sample_key
from retain.app.reports.figures import counted
from retain.app.reports.times import read_span
from retain.serve.cli.acting import note
from retain.serve.cli.context import load, now
from retain.serve.cli.filters import by_option
from retain.serve.cli.output import hint, json_option, print_json, say

OUT = click.Path(dir_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("export")
@click.option("--out", type=OUT, required=True, metavar="FILE", help="JSON Lines; packed where it ends in .gz.")
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Of at most N customers. Default: all.")
@click.option("--since", metavar="SPAN", help="Only events of the last so long, such as 365d.")
@click.option("--keep", multiple=True, metavar="FIELD", help="Leave this field as it is; may be repeated.")
@click.option("--key-file", type=FILE, help="What pseudonyms are made with. Default: the project's own key.")
@by_option
@json_option
def command(
    out: Path,
    sample: int | None,
    since: str | None,
    keep: tuple[str, ...],
    key_file: Path | None,
    by: str | None,
    as_json: bool,
) -> None:
    """Write events to a file for `simulate` and `plan` elsewhere, such as in CI, with pseudonyms for what is personal.

    Ids, names, addresses and texts that no rule reads get stand-ins of the same shape, days of birth move by up to
    fifteen days, and fields that are not declared are left out. Amounts, times and texts that rules compare stay.
    """
    project = load()
    start = None if since is None else now() - read_span(since)
    key = sample_key(project, key_file)
    found = export_sample(project, out, key=key, customers=sample, since=start, keep=keep)
    note("export", by, file=str(out), events=found.events, customers=found.customers, keep=list(keep))
    if as_json:
        print_json(
            {
                "file": str(found.file),
                "events": found.events,
                "customers": found.customers,
                "of_customers": found.of_customers,
            }
        )
        return
    say(f"{counted(found.events, 'event')} of {found.customers:,} of {counted(found.of_customers, 'customer')}: {out}")
    hint(f"retain plan --events {out}", f"retain simulate --events {out}")
