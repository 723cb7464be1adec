"""`retain history CUSTOMER`."""

from __future__ import annotations

import click
from rich.padding import Padding
from rich.text import Text

from retain.app.reports.figures import counted
from retain.app.reports.history import Entry, history_of
from retain.app.reports.reading import chosen, find_customer, reading, short_key
from retain.app.reports.times import show_time, zone_name
from retain.serve.cli.context import config as load_config
from retain.serve.cli.context import zone_of
from retain.serve.cli.output import BAD, GOOD, NAME, QUIET, columns, hint, json_option, print_json, say, show, title

STYLES = {"event": NAME, "start": GOOD, "refusal": "yellow", "end": QUIET, "change": "cyan"}


@click.command("history")
@click.argument("customer", metavar="CUSTOMER")
@click.option("--rule", "rules", multiple=True, metavar="RULE", help="Only what concerns this rule; may be repeated.")
@click.option("--since", metavar="TIME", help="From then on: 2026-11-21, yesterday, -30d.")
@click.option("--until", metavar="TIME", help="Before then.")
@click.option("--refusals", is_flag=True, help="Also the starts that a rule's own conditions refused.")
@click.option(
    "--limit", type=click.IntRange(1), default=60, show_default=True, metavar="N", help="The newest so many lines."
)
@json_option
def command(
    customer: str,
    rules: tuple[str, ...],
    since: str | None,
    until: str | None,
    refusals: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Show everything about CUSTOMER in one order: events, changes, decisions, runs and effects.

    CUSTOMER is a user id, an anonymous id, an e-mail address, a key such as user:17, or # and the internal number.
    """
    config = load_config()
    with reading(config) as store:
        row = find_customer(store, customer)
        span = chosen(config, store, since=since, until=until)
        entries = history_of(store, row, since=span.since, until=span.until, rules=rules, refusals=refusals)
    shown = entries[-limit:]
    if as_json:
        print_json([entry.as_json() for entry in shown])
        return
    zone = zone_of(config)
    title(f"customer {short_key(row.key)}", f"times in {zone_name(zone)}")
    if len(shown) < len(entries):
        say((f"{counted(len(entries) - len(shown), 'earlier line')} left out; --limit shows more", QUIET))
    table = columns("", "", fold=[""])
    last = ""
    for entry in shown:
        when = show_time(entry.at, zone)
        inset = 0 if entry.kind == "event" else 2
        table.add_row(Text(when if when != last else "", style=QUIET), Padding(_line(entry), (0, 0, 0, inset)))
        last = when
    if shown:
        show(table)
    else:
        say(("nothing", QUIET))
    known = next((entry.rule for entry in reversed(shown) if entry.rule), "RULE")
    hint(f"retain explain {known} {short_key(row.key)}")


def _line(entry: Entry) -> Text:
    failed = any(word in entry.text for word in (" refused", " dead", " in_doubt", " failed"))
    style = BAD if failed and entry.kind == "effect" else STYLES.get(entry.kind, "")
    values = ", ".join(f"{name}: {value}" for name, value in entry.values.items())
    told = f"  {{{values if len(values) <= 100 else values[:99] + '…'}}}" if values else ""
    return Text.assemble((entry.text, style), (told, QUIET))
