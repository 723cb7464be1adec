"""`retain audit`."""

from __future__ import annotations

from itertools import islice

import click
from rich.text import Text

from retain.app.reports.audit import deeds_of
from retain.app.reports.reading import chosen
from retain.app.reports.times import show_time, zone_name
from retain.serve.cli.context import zone_of
from retain.serve.cli.filters import limit_option, period_options
from retain.serve.cli.output import NAME, columns, json_option, print_json, say, say_listed, show
from retain.serve.cli.stored import opened

_MOST_ROWS = 100_000  # an import leaves one for every thousand messages, and all of them make one line


@click.command("audit")
@click.option("--who", metavar="NAME", help="Only what this person, or part of the engine, did.")
@period_options
@limit_option
@json_option
def command(who: str | None, since: str | None, until: str | None, limit: int, as_json: bool) -> None:
    """Show the audit trail, the newest first: who paused, deployed, retried, confirmed, dropped, imported, exported.

    A person is named as the system knows them, or as --by said. `breaker` and `delivery` are parts of the engine that
    pause by themselves.
    """
    with opened() as (config, store):
        span = chosen(config, store, since=since, until=until)
        rows = store.list_audit(_MOST_ROWS, who=who, since=span.since, until=span.until)
    found = list(islice(deeds_of(rows), limit))
    if as_json:
        print_json([deed.as_json() for deed in found])
        return
    if not found:
        say("nothing was done")
        return
    zone = zone_of(config)
    table = columns("at", "who", "what", fold=["who", "what"])
    for deed in found:
        table.add_row(show_time(deed.row.at, zone), deed.row.who, Text.assemble((f"{deed.verb}  ", NAME), deed.told()))
    show(table)
    say_listed(len(found), "line", limit, zone_name(zone))
