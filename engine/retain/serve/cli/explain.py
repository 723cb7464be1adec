"""`retain explain RULE CUSTOMER`."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.text import Text

from retain.app.projects.project import Project
from retain.app.reports.describing import find_rule
from retain.app.reports.explaining import Explanation, explain_rule
from retain.app.reports.losing import losses_of
from retain.app.reports.reading import reading, short_key, time_or_none
from retain.app.reports.times import show_time, zone_name
from retain.app.reports.unsent import Unsent
from retain.model import Instant
from retain.serve.cli.context import load, now, zone_of
from retain.serve.cli.losses import show_losses
from retain.serve.cli.output import (
    BAD,
    CAREFUL,
    GOOD,
    NAME,
    QUIET,
    columns,
    console,
    emit,
    hint,
    json_option,
    print_json,
    say_labelled,
    show,
)

MARKS = {"ok": GOOD, "NO": BAD, "??": CAREFUL}


@click.command("explain")
@click.argument("rule", metavar="[RULE]", required=False)
@click.argument("customer", metavar="[CUSTOMER]", required=False)
@click.option("--at", metavar="TIME", help="As of then: 2026-11-21 10:00, yesterday, -2h. Default: now.")
@click.option("--event", metavar="ID", default="", help="About this event of the customer: its message id, or #number.")
@click.option(
    "--with", "supposed", multiple=True, metavar="FIELD=VALUE", help="Suppose a value: customer.country=DE; repeatable."
)
@click.option("--why-not", metavar="NAME", help="How many customers each clause of a segment or rule loses.")
@json_option
def command(
    rule: str | None,
    customer: str | None,
    at: str | None,
    event: str,
    supposed: tuple[str, ...],
    why_not: str | None,
    as_json: bool,
) -> None:
    """Say why RULE did or did not start for CUSTOMER, check by check, from what was known at that time.

    CUSTOMER is a user id, an anonymous id, an e-mail address or a key such as user:17. With --why-not it is about
    everybody: how many customers each clause of a segment or a rule loses.
    """
    project = load()
    instant = time_or_none(at, project.config)
    if why_not is not None:
        _explain_losses(project, why_not, now() if instant is None else instant, as_json=as_json)
        return
    if rule is None or customer is None:
        raise click.UsageError("name a rule and a customer, or --why-not with a segment or a rule")
    find_rule(project, rule)
    with reading(project.config) as store:
        found = explain_rule(
            project.plan(),
            store,
            rule,
            customer,
            now() if instant is None else instant,
            event=event,
            supposing=_values(supposed),
        )
    if as_json:
        print_json(found.as_json())
        return
    _show(project, found)


def _values(supposed: tuple[str, ...]) -> dict[str, str]:
    values = {}
    for text in supposed:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"--with {text}: write a field and a value, such as customer.country=DE")
        values[name.strip()] = value.strip()
    return values


def _show(project: Project, found: Explanation) -> None:
    zone = zone_of(project.config)
    head = Text.assemble(
        (found.rule, NAME),
        f" · customer {short_key(found.customer)} · {show_time(found.at, zone)} {zone_name(zone)}",
        (f" · revision {found.revision[:4]}…", QUIET),
    )
    verdict = Text(found.verdict, style=GOOD if found.verdict.startswith(("run started", "would start")) else BAD)
    room = min(console().width, 120) - head.cell_len - verdict.cell_len
    emit(Text.assemble(head, " " * room if room > 2 else "\n", verdict))
    if found.supposed:
        say_labelled("supposing", "cyan", ", ".join(found.supposed))
    table = columns("", "", "", "", fold=[""])
    for line in found.lines:
        mark = Text(line.mark, style=MARKS.get(line.mark, ""))
        table.add_row(Text(line.label, style=QUIET), line.text, mark, line.detail)
    show(table, indent=2)
    if found.would_start_if:
        say_labelled("would start if", "cyan", found.would_start_if)
    if found.next_look:
        say_labelled("next look", "cyan", found.next_look)
    for effect in found.effects:
        reason = f", {effect.reason}" if effect.reason else ""
        say_labelled("effect", "cyan", f"{effect.action} at {effect.step}, {effect.state.value}{reason}")
    for (action, why), steps in _grouped(found.unsent).items():
        say_labelled("not sent", "yellow", f"{action} at {', '.join(steps)}: {why}")
    _hints(found)


def _grouped(unsent: Sequence[Unsent]) -> dict[tuple[str, str], list[str]]:
    """The steps by action and reason: what ended a run is one reason for all that came after."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in unsent:
        found.setdefault((one.action, one.why), []).append(one.step)
    return found


def _explain_losses(project: Project, name: str, at: Instant, *, as_json: bool) -> None:
    with reading(project.config) as store:
        found = losses_of(project.plan(), store, name, at)
    show_losses(found, as_json=as_json)


def _hints(found: Explanation) -> None:
    who = short_key(found.customer)
    if found.run is not None:
        hint(f"retain runs show {found.run.id}", f"retain history {who}")
    else:
        hint(f"retain customers show {who}", f"retain rules show {found.rule}")
