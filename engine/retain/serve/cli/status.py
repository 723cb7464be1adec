"""`retain status`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo

import click
from rich.text import Text

from retain.app.reports.describing import how_far
from retain.app.reports.status import Status, status_of
from retain.app.reports.times import show_time, zone_name
from retain.model import Json
from retain.serve.admin import SOCKET_NAME, AdminClient
from retain.serve.cli.context import load, zone_of
from retain.serve.cli.output import (
    BAD,
    CAREFUL,
    GOOD,
    QUIET,
    hint,
    json_option,
    pairs,
    print_json,
    tally,
    title,
)

Alarm = tuple[str, str, str]  # its label, its style, what a person should know
_MOST_PROBLEMS = 5
_MOST_WAYS = 3
_MOST_BACKFILLS = 5


@click.command("status")
@json_option
def command(as_json: bool) -> None:
    """Say what the project does right now: daemon, rules, pauses, backlog, runs, effects."""
    project = load()
    status = status_of(project)
    client = AdminClient(project.dir / SOCKET_NAME)
    answers = client.is_answered()
    told = client.call("status") if answers else None
    if as_json:
        print_json(status.as_json() | {"daemon": told})
        return
    zone = zone_of(project.config)
    title(status.name, f"{status.dir}; times in {zone_name(zone)}")
    daemon = Text("running", style=GOOD) if answers else Text("not running", style=CAREFUL)
    if answers and status.writer:
        daemon.append(f", process {status.writer}", style=QUIET)
    counts = status.counts
    is_refused = _is_reload_refused(told)
    pairs(
        [
            ("daemon", daemon),
            ("in files" if is_refused else "rules", tally(status.rules)),
            ("customers", f"{counts.customers:,}"),
            ("events", f"{counts.events:,}, {counts.undecided:,} not decided"),
            ("runs", tally(counts.runs)),
            ("effects", tally(counts.effects)),
            ("next due", show_time(status.next_due, zone, seconds=True) or "nothing"),
            *_backfills(status, zone),
        ]
    )
    alarms = [*(_alarms_of_daemon(told) if told else ()), *_alarms(status, in_force=not is_refused)]
    if alarms:
        click.echo()
        pairs([(Text(label, style=style), text) for label, style, text in alarms])
    hint(*_next(status, answers=answers))


def _backfills(status: Status, zone: tzinfo) -> Iterator[tuple[str, str]]:
    for one in status.backfills[:_MOST_BACKFILLS]:
        yield "backfill", f"{one.rule}: {how_far(one)}, since {show_time(one.since, zone)}"
    if len(status.backfills) > _MOST_BACKFILLS:
        yield "", f"and {len(status.backfills) - _MOST_BACKFILLS:,} more"


def _is_reload_refused(told: Mapping[str, Json] | None) -> bool:
    """Whether the daemon goes on with other rules than those in the files."""
    return bool(told and told["reload"] and not told["reload"]["ok"])


def _alarms_of_daemon(told: Mapping[str, Json]) -> Iterator[Alarm]:
    reload = told["reload"]
    is_refused = _is_reload_refused(told)
    for reason in told["reasons"]:
        if not (is_refused and reload["problems"][0].splitlines()[0] in reason):
            yield "degraded", BAD, reason
    if is_refused:
        problems = [problem.splitlines()[0] for problem in reload["problems"][:_MOST_PROBLEMS]]
        yield "reload", BAD, "\n".join(["refused; the daemon goes on with the rules of before", *problems])


def _alarms(status: Status, *, in_force: bool) -> Iterator[Alarm]:
    for rule, error in status.disabled.items() if in_force else ():
        yield "disabled", BAD, f"{rule}: {error}"
    for plugin, error in status.broken_plugins.items():
        yield "disabled", BAD, f"plugin {plugin}: {error.splitlines()[0]}"
    for row in status.pauses:
        what = "everything" if row.scope == "all" else f"{row.scope} {row.name}"
        why = row.reason if row.by in row.reason else f"by {row.by}: {row.reason}"
        yield "paused", CAREFUL, f"{what}, {why}"
    if status.only_to:
        yield "only_to", CAREFUL, "messages go to some addresses only, as retain.yaml says"
    if status.troubles:
        yield "look at", BAD, ", ".join(status.troubles)


def _next(status: Status, *, answers: bool) -> list[str]:
    if status.disabled:
        return ["retain check"]
    if status.troubles:
        return ["retain doctor"]
    if status.pauses:
        return [_way_on(row.scope, row.name) for row in status.pauses[:_MOST_WAYS]]
    return ["retain rules stats", "retain runs list"] if answers else ["retain run"]


def _way_on(scope: str, name: str) -> str:
    """How what is paused goes on; of a rule it is asked whether what was parked may start."""
    ways = {"rule": f"retain rules resume {name}", "channel": f"retain resume --channel {name}"}
    return ways.get(scope, "retain resume --all")
