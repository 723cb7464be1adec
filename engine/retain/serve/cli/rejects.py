"""`retain rejects list`."""

from __future__ import annotations

import click

from retain.app.reports.rows import reject_json
from retain.app.reports.times import show_time
from retain.serve.cli.context import zone_of
from retain.serve.cli.filters import limit_option
from retain.serve.cli.output import GOOD, columns, hint, json_option, print_json, say, show
from retain.serve.cli.stored import opened


@click.group("rejects")
def command() -> None:
    """See messages that were refused at the door."""


@command.command("list")
@click.option("--source", metavar="NAME", help="From this sender only.")
@limit_option
@json_option
def list_(source: str | None, limit: int, as_json: bool) -> None:
    """List refused messages as they came, the newest first."""
    with opened() as (config, store):
        found = store.list_rejects(limit, source=source)
    if as_json:
        print_json([reject_json(row) for row in found])
        return
    if not found:
        say(("ok", GOOD), "  nothing was refused")
        return
    zone = zone_of(config)
    table = columns("at", "source", "reason", "message", fold=["source", "message"])
    for row in found:
        body = row.body if len(row.body) <= 160 else f"{row.body[:159]}…"
        table.add_row(show_time(row.at, zone), row.source, row.reason, body)
    show(table)
    hint(f"retain docs {found[0].reason.partition(':')[0]}", "retain rejects list --json")
