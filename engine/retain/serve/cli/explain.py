"""`retain explain RULE CUSTOMER`."""

from __future__ import annotations

import click
from rich.text import Text

from retain.app.reports.describing import find_rule
from retain.app.reports.explaining import Explanation, explain_rule
from retain.app.reports.reading import reading, short_key, time_or_none
from retain.app.reports.times import show_time, zone_name
from retain.serve.cli.context import load, now, zone_of
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
    say,
    show,
)

MARKS = {"ok": GOOD, "NO": BAD, "??": CAREFUL}


@click.command("explain")
@click.argument("rule", metavar="RULE")
@click.argument("customer", metavar="CUSTOMER")
@click.option("--at", metavar="TIME", help="As of then: 2026-11-21 10:00, yesterday, -2h. Default: now.")
@json_option
def command(rule: str, customer: str, at: str | None, as_json: bool) -> None:
    """Say why RULE did or did not start for CUSTOMER, check by check, from what was known at that time.

    CUSTOMER is a user id, an anonymous id, an e-mail address or a key such as user:17.
    """
    project = load()
    find_rule(project, rule)
    instant = time_or_none(at, project.config)
    with reading(project.config) as store:
        found = explain_rule(project.plan(), store, rule, customer, now() if instant is None else instant)
    if as_json:
        print_json(found.as_json())
        return
    zone = zone_of(project.config)
    head = Text.assemble(
        (found.rule, NAME),
        f" · customer {short_key(found.customer)} · {show_time(found.at, zone)} {zone_name(zone)}",
        (f" · revision {found.revision[:4]}…", QUIET),
    )
    verdict = Text(found.verdict, style=GOOD if found.verdict.startswith(("run started", "would")) else BAD)
    room = min(console().width, 120) - head.cell_len - verdict.cell_len
    emit(Text.assemble(head, " " * room if room > 2 else "\n", verdict))
    table = columns("", "", "", "", fold=[""])
    for line in found.lines:
        mark = Text(line.mark, style=MARKS.get(line.mark, ""))
        table.add_row(Text(line.label, style=QUIET), line.text, mark, line.detail)
    show(table, indent=2)
    if found.would_start_if:
        say(("  would start if: ", "cyan"), found.would_start_if)
    if found.next_look:
        say(("  next look: ", "cyan"), found.next_look)
    for effect in found.effects:
        reason = f", {effect.reason}" if effect.reason else ""
        say(("  effect: ", "cyan"), f"{effect.action} at {effect.step}, {effect.state.value}{reason}")
    _hints(found)


def _hints(found: Explanation) -> None:
    if found.run is not None:
        hint(f"retain runs show {found.run.id}")
    else:
        hint(f"retain customers show {short_key(found.customer)}", f"retain rules show {found.rule}")
