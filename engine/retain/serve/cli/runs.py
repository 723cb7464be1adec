"""`retain runs list | show | retry | stop`."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import click
from rich.padding import Padding
from rich.text import Text

from retain.app.reports.reading import chosen, find_run, log_of, names_of, stuck_runs
from retain.app.reports.rows import decision_json, effect_json, run_json
from retain.app.reports.times import show_time, zone_name
from retain.model import DecisionRow, Run, RunState
from retain.serve.cli.acting import act, act_on, tell_done, ways_on
from retain.serve.cli.context import zone_of
from retain.serve.cli.filters import by_option, customer_option, limit_option, period_options, rule_option
from retain.serve.cli.output import (
    QUIET,
    columns,
    console,
    emit,
    hint,
    json_option,
    pairs,
    print_json,
    say,
    say_listed,
    show,
    styled,
    title,
)
from retain.serve.cli.stored import opened

STATES = click.Choice([state.value for state in RunState])


@click.group("runs")
def command() -> None:
    """List, show, retry and stop runs: one customer in one rule each."""


@command.command("list")
@rule_option
@click.option("--state", "states", type=STATES, multiple=True, help="In this state only; may be repeated.")
@customer_option
@period_options
@limit_option
@json_option
def list_(
    rule: str | None,
    states: tuple[str, ...],
    customer: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List runs, the newest first."""
    with opened() as (config, store):
        which = chosen(config, store, rule=rule, customer=customer, since=since, until=until)
        found = store.list_runs(
            rule=which.rule,
            states=[RunState(state) for state in states],
            customer=which.customer,
            since=which.since,
            until=which.until,
            limit=limit,
        )
        names = names_of(store, (run.customer for run in found))
    if as_json:
        print_json([run_json(run, names) for run in found])
        return
    if not found:
        say("no runs")
        return
    zone = zone_of(config)
    table = columns("run", "rule", "customer", "started", "state", fold=["rule", "customer", "state"])
    for run in found:
        table.add_row(run.id, run.rule, names.get(run.customer, ""), show_time(run.started_at, zone), state_of(run))
    show(table)
    say_listed(len(found), "run", limit, zone_name(zone))
    hint(f"retain runs show {found[0].id}")


def state_of(run: Run) -> Text:
    """The state in one word or two."""
    ended = Text.assemble(("ended ", QUIET), run.ended_by)
    text = ended if run.state is RunState.ENDED else styled(run.state.value)
    return text if run.arm == "live" else Text.assemble(text, " ", styled(run.arm))


@command.command("show")
@click.argument("run_id", metavar="RUN")
@json_option
def show_(run_id: str, as_json: bool) -> None:
    """Show one run: where it stands, and everything that was decided about it."""
    with opened() as (config, store):
        run = find_run(store, run_id)
        effects = store.list_effects(run=run.id, limit=1000)[::-1]
        decisions = log_of(store, run)
        names = names_of(store, [run.customer])
    if as_json:
        told = run_json(run, names) | {"context": run.context}
        rows = {"effects": [effect_json(effect, names) for effect in effects]}
        print_json(told | rows | {"decisions": [decision_json(row) for row in decisions]})
        return
    zone = zone_of(config)
    title(f"run {run.id}", f"times in {zone_name(zone)}")
    entries: list[tuple[str, str | Text]] = [
        ("rule", f"{run.rule}, revision {run.revision}"),
        ("customer", names.get(run.customer, "")),
        ("key", run.key),
        ("state", state_of(run)),
        ("started", f"{show_time(run.started_at, zone, seconds=True)}, by {run.cause}"),
        ("stands at", run.step),
        ("wakes", show_time(run.wake_at, zone, seconds=True)),
        ("held because", str(run.context.get("held_because", "")) if run.state is RunState.HELD else ""),
        ("ended", show_time(run.ended_at, zone, seconds=True)),
    ]
    pairs([(label, value) for label, value in entries if value])
    click.echo()
    _show_decisions(decisions, zone)
    customer = names.get(run.customer, "")
    dead = next((effect for effect in effects if effect.state in ("dead", "in_doubt")), None)
    stuck = [f"retain runs retry {run.id}"] if run.state is RunState.HELD and dead is None else []
    hint(*(ways_on(dead) if dead else stuck), f"retain explain {run.rule} {customer}")


def _show_decisions(decisions: Sequence[DecisionRow], zone: ZoneInfo) -> None:
    """One line each; a reason that does not fit behind it stands below, indented."""
    what = max((len(f"{row.kind} {row.outcome}") for row in decisions), default=4)
    where = max((len(row.path) for row in decisions), default=5)
    say((f"{'at':<19}  {'what':<{what}}  {'where':<{where}}  why", QUIET))
    for row in decisions:
        done = Text.assemble(f"{row.kind} ", styled(row.outcome))
        done.pad_right(what - done.cell_len)
        line = Text.assemble(show_time(row.at, zone, seconds=True), "  ", done, f"  {row.path:<{where}}")
        if line.cell_len + 2 + len(row.why) <= console().width:
            emit(Text.assemble(line, "  ", row.why))
        else:
            emit(line)
            emit(Padding(row.why, (0, 0, 0, 21)))


@command.command("retry")
@click.argument("run_ids", nargs=-1, metavar="[RUN]...")
@rule_option
@click.option("--all", "everything", is_flag=True, help="All runs that are held and wait for no effect.")
@by_option
@json_option
def retry(run_ids: tuple[str, ...], rule: str | None, everything: bool, by: str | None, as_json: bool) -> None:
    """Let runs try again that are held because deciding about them raised.

    A run that is held at a dead letter goes on with that: retain effects retry.
    """
    if not run_ids and not everything and rule is None:
        raise click.UsageError("Name runs, or say which: --rule RULE, or --all.")
    act_on("retry_runs", "retried", "run", run_ids or _held(rule), by=by, as_json=as_json)


def _held(rule: str | None) -> list[str]:
    with opened() as (_, store):
        return [run.id for run in stuck_runs(store, rule)]


@command.command("stop")
@click.argument("run_id", metavar="RUN")
@click.option("--reason", default="", help="Why, for the audit trail.")
@by_option
@json_option
def stop(run_id: str, reason: str, by: str | None, as_json: bool) -> None:
    """End a run; what it would still have sent is cancelled."""
    answer = act("stop_run", by=by, run=run_id, reason=reason)
    tell_done(answer, "stopped", run_id, "had ended already", as_json=as_json)
