"""`retain effects list | retry | drop | confirm`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

import click
from rich.text import Text

from retain.app.reports.reading import chosen, names_of
from retain.app.reports.rows import effect_json
from retain.app.reports.times import show_time, zone_name
from retain.model import Effect, EffectState, Json
from retain.serve.cli.acting import act_on, ways_on
from retain.serve.cli.context import zone_of
from retain.serve.cli.filters import by_option, customer_option, limit_option, period_options, rule_option
from retain.serve.cli.output import (
    QUIET,
    columns,
    console,
    csv_line,
    hint,
    json_option,
    pairs,
    print_json,
    say,
    say_listed,
    show,
    styled,
)
from retain.serve.cli.stored import opened

F = TypeVar("F", bound=Callable[..., None])
STATES = click.Choice([state.value for state in EffectState])
_OPEN = (EffectState.DEAD, EffectState.IN_DOUBT)
_ALL = 1_000_000


@click.group("effects")
def command() -> None:
    """List, retry, drop and confirm messages and other effects outside."""


@command.command("list")
@rule_option
@click.option("--state", "states", type=STATES, multiple=True, help="In this state only; may be repeated.")
@click.option("--action", metavar="ACTION", help="Of this action only, such as email.send.")
@customer_option
@period_options
@limit_option
@click.option("--csv", "as_csv", is_flag=True, help="Print all of them as CSV, safe to open in a spreadsheet.")
@json_option
def list_(
    rule: str | None,
    states: tuple[str, ...],
    action: str | None,
    customer: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    as_csv: bool,
    as_json: bool,
) -> None:
    """List effects, the newest first: who got what, and what became of it."""
    with opened() as (config, store):
        which = chosen(config, store, rule=rule, customer=customer, since=since, until=until)
        found = store.list_effects(
            rule=which.rule,
            states=[EffectState(state) for state in states],
            customer=which.customer,
            since=which.since,
            until=which.until,
            action=action,
            limit=_ALL if as_csv else limit,
        )
        names = names_of(store, (effect.customer for effect in found))
    rows = [effect_json(effect, names) for effect in found]
    if as_json:
        print_json(rows)
    elif as_csv:
        _print_csv(rows)
    elif not found:
        say("no effects")
    else:
        zone = zone_of(config)
        gap = 1 if console().width < 90 else 2
        table = columns("effect", "at", "customer", "action", "state", fold=["customer", "action", "state"], gap=gap)
        told = [(one.id, one.reason) for one in found if " " in one.reason and one.state is not EffectState.DONE]
        for effect in found:
            at = show_time(effect.sent_at or effect.created_at, zone)
            table.add_row(effect.id, at, names.get(effect.customer, ""), effect.action, _state(effect))
        show(table)
        say_listed(len(found), "effect", limit, zone_name(zone))
        if told:
            click.echo()
            pairs(told)
        failed = next((effect for effect in found if effect.state in _OPEN), None)
        hint(*ways_on(failed) if failed else [f"retain runs show {found[0].run}"])


def _state(effect: Effect) -> Text:
    """The state, with a reason that is one word; a longer one stands below the list."""
    word = effect.reason if " " not in effect.reason else ""
    return Text.assemble(styled(effect.state.value), (f" {word}" if word else "", QUIET))


_COLUMNS = ("id", "sent_at", "created_at", "rule", "customer", "action", "channel", "arm", "state", "reason", "inputs")


def _print_csv(rows: list[dict[str, Json]]) -> None:
    click.echo(csv_line(_COLUMNS))
    for row in rows:
        click.echo(csv_line([row[name] for name in _COLUMNS]))


def _which(function: F) -> F:
    """The options of what is done with dead letters: named, or chosen by rule and time."""
    everything = click.option(
        "--all", "everything", is_flag=True, help="All dead letters; with --rule, those of the rule."
    )
    ids = click.argument("ids", nargs=-1, metavar="[EFFECT]...")
    return ids(rule_option(everything(period_options(by_option(json_option(function))))))


@command.command("retry")
@_which
def retry(by: str | None, as_json: bool, **which: Json) -> None:
    """Try dead letters, and effects in doubt that are named, once more; every check before a send is made again."""
    act_on("retry_effects", "retried", "effect", _wanted(**which), by=by, as_json=as_json)


@command.command("drop")
@_which
def drop(by: str | None, as_json: bool, **which: Json) -> None:
    """Give dead letters, and effects in doubt that are named, up; the runs that wait for them end as failed."""
    act_on("drop_effects", "dropped", "effect", _wanted(**which), by=by, as_json=as_json)


@command.command("confirm")
@click.argument("ids", nargs=-1, required=True, metavar="EFFECT...")
@click.option("--output", "given", multiple=True, metavar="NAME=VALUE", help="What the action gave, for later steps.")
@by_option
@json_option
def confirm(ids: tuple[str, ...], given: tuple[str, ...], by: str | None, as_json: bool) -> None:
    """Say that effects in doubt were carried out; the runs that wait for them go on."""
    output = dict(_named(text) for text in given)
    act_on("confirm_effects", "confirmed", "effect", ids, by=by, as_json=as_json, output=output)


def _named(text: str) -> tuple[str, Json]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.UsageError(f"{text!r} is no output; write NAME=VALUE, such as code=SAVE10.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _wanted(
    ids: tuple[str, ...], rule: str | None, since: str | None, until: str | None, *, everything: bool
) -> list[str]:
    if ids:
        return list(ids)
    if not everything and rule is None and since is None and until is None:
        raise click.UsageError("Name effects, or say which: --rule RULE, --since TIME, or --all.")
    with opened() as (config, store):
        which = chosen(config, store, rule=rule, since=since, until=until)
        states = (EffectState.DEAD,)
        found = store.list_effects(rule=which.rule, states=states, since=which.since, until=which.until, limit=_ALL)
    return [effect.id for effect in found]
