"""`retain events failed list | retry | drop`."""

from __future__ import annotations

import click

from retain.app.reports.figures import counted
from retain.app.reports.reading import names_of
from retain.app.reports.rows import event_json
from retain.app.reports.times import show_time
from retain.serve.cli.acting import act
from retain.serve.cli.context import zone_of
from retain.serve.cli.filters import by_option, limit_option
from retain.serve.cli.output import GOOD, columns, hint, json_option, print_json, say, show
from retain.serve.cli.stored import opened


@click.group("events")
def command() -> None:
    """See events that could not be decided, and decide them again."""


@command.group("failed")
def failed() -> None:
    """Events whose decision raised: they are put aside, and their customers' later events go on."""


@failed.command("list")
@limit_option
@json_option
def list_(limit: int, as_json: bool) -> None:
    """List events that could not be decided, the oldest first, with the reason."""
    with opened() as (config, store):
        found = store.failed_events(limit)
        names = names_of(store, (row.event.customer for row in found))
    if as_json:
        print_json([event_json(row.event, names) | {"reason": row.reason} for row in found])
        return
    if not found:
        say(("ok", GOOD), "  every event was decided")
        return
    zone = zone_of(config)
    table = columns("event", "received", "customer", "name", "reason", fold=["customer", "name", "reason"])
    for row in found:
        event = row.event
        received = show_time(event.received_at, zone)
        table.add_row(str(event.seq), received, names.get(event.customer, ""), event.name, row.reason)
    show(table)
    hint(f"retain events failed retry {found[0].event.seq}", "retain events failed retry --all")


@failed.command("retry")
@click.argument("seqs", nargs=-1, type=int, metavar="[EVENT]...")
@click.option("--all", "everything", is_flag=True, help="All of them.")
@by_option
@json_option
def retry(seqs: tuple[int, ...], everything: bool, by: str | None, as_json: bool) -> None:
    """Decide events again, as if they came now."""
    if not seqs and not everything:
        raise click.UsageError("Name events by their numbers, or say --all.")
    answer = act("retry_events", by=by, seqs=list(seqs))
    if as_json:
        print_json(answer)
    else:
        say(("accepted again  ", GOOD), counted(answer["retried"], "event"))
        hint("retain events failed list")


@failed.command("drop")
@click.argument("seqs", nargs=-1, type=int, required=True, metavar="EVENT...")
@by_option
@json_option
def drop(seqs: tuple[int, ...], by: str | None, as_json: bool) -> None:
    """Give events up for good; a customer whom one of them made comes into being all the same."""
    answer = act("drop_events", by=by, seqs=list(seqs))
    if as_json:
        print_json(answer)
    else:
        say(("dropped  ", GOOD), counted(answer["dropped"], "event"))
