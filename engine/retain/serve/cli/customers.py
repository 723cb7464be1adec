"""`retain customers show`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import click
from rich.text import Text

from retain.app.reports.reading import customer_json, find_customer, names_of, short_key, time_or_none
from retain.app.reports.rows import event_json, iso, run_json
from retain.app.reports.times import show_time, zone_name
from retain.model import Event, Run
from retain.serve.cli.context import now, zone_of
from retain.serve.cli.output import BAD, QUIET, columns, hint, json_option, pairs, print_json, say, show, title
from retain.serve.cli.runs import state_of
from retain.serve.cli.stored import opened


@click.group("customers")
def command() -> None:
    """Show what is known of a customer."""


@command.command("show")
@click.argument("name", metavar="CUSTOMER")
@click.option("--at", metavar="TIME", help="As known at that time.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    metavar="N",
    help="At most so many events and runs.",
)
@json_option
def show_(name: str, at: str | None, limit: int, as_json: bool) -> None:
    """Show a customer: names, fields, consents, last events and runs.

    CUSTOMER is a user id, an anonymous id, an e-mail address, a key such as user:17, or # and the internal number.
    """
    with opened() as (config, store):
        row = find_customer(store, name)
        instant = time_or_none(at, config)
        past = None if instant is None else store.customer_at(row.id, instant)
        fields = row.fields if past is None else past.fields
        events = [
            event
            for event in store.events_of(row.id, limit=limit if instant is None else limit * 20)
            if instant is None or event.received_at <= instant
        ][:limit]
        runs = store.list_runs(customer=row.id, until=instant, limit=limit)
        consents = {purpose: granted for (_, purpose), granted in store.consents([row.id]).items()}
        told = customer_json(store, row) | {"fields": fields}
        texts = {value.strip().casefold() for value in row.fields.values() if isinstance(value, str)}
        suppressed = store.suppressions_of(texts)
        names = names_of(store, [row.id])
    if as_json:
        rows = {
            "events": [event_json(event, names) for event in events],
            "runs": [run_json(run, names) for run in runs],
        }
        told |= {"suppressed": [{"channel": one.channel, "reason": one.reason} for one in suppressed]}
        print_json(told | {"at": iso(now() if instant is None else instant), "consents": consents} | rows)
        return
    zone = zone_of(config)
    when = "now" if instant is None else show_time(instant, zone)
    title(f"customer {short_key(row.key)}", f"as known {when}; times in {zone_name(zone)}")
    pairs([("names", "  ".join(told["names"])), ("first seen", show_time(row.first_seen, zone))])
    if past is not None and not past.exists:
        say("not known yet at that time")
        return
    if fields:
        click.echo()
        pairs([(name, _value(value)) for name, value in sorted(fields.items())])
    if consents:
        click.echo()
        pairs(
            [(f"consent {name}", "granted" if granted else "withdrawn") for name, granted in sorted(consents.items())]
        )
    if suppressed:
        click.echo()
        pairs([(f"suppressed on {one.channel}", Text(f"{one.address}: {one.reason}", BAD)) for one in suppressed])
    _show_events(events, zone)
    _show_runs(runs, zone)
    hint(f"retain explain {runs[0].rule if runs else 'RULE'} {short_key(row.key)}")


def _show_events(events: Sequence[Event], zone: ZoneInfo) -> None:
    if events:
        click.echo()
        table = columns("occurred", "event", "with", fold=["event", "with"])
        for event in events:
            told_fields = ", ".join(f"{key} {_value(value)}" for key, value in event.fields.items())
            table.add_row(show_time(event.occurred_at, zone), event.name or event.kind.value, _short(told_fields))
        show(table)


def _show_runs(runs: Sequence[Run], zone: ZoneInfo) -> None:
    if not runs:
        say(("no rule has started for this customer", QUIET))
        return
    click.echo()
    table = columns("started", "rule", "run", "state", fold=["rule", "state"])
    for run in runs:
        table.add_row(show_time(run.started_at, zone), run.rule, run.id, state_of(run))
    show(table)


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _short(text: str, most: int = 120) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
