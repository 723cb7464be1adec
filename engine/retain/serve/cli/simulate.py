"""`retain simulate`."""

from __future__ import annotations

from pathlib import Path

import click

from retain.app.projects.project import Project
from retain.app.reports.figures import counted
from retain.app.reports.reading import short_key, time_or_none
from retain.app.reports.times import show_time, zone_name
from retain.app.simulation.charts import bar, daily, sparkline
from retain.app.simulation.outcome import RuleOutcome, Simulation
from retain.app.simulation.page import simulation_page, steps_of
from retain.app.simulation.simulating import Past, simulate_project
from retain.app.simulation.telling import CSV_COLUMNS, converted, csv_rows, simulation_json
from retain.errors import RetainError
from retain.serve.cli.context import load, zone_of
from retain.serve.cli.output import (
    QUIET,
    amount,
    columns,
    console,
    csv_line,
    hint,
    json_option,
    pairs,
    print_json,
    progress,
    say,
    show,
    tally,
)

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUT = click.Path(dir_okay=False, path_type=Path)


@click.command("simulate")
@click.option("--events", "files", multiple=True, type=FILE, help="JSON Lines or CSV, plain or .gz; may be repeated.")
@click.argument("more_files", nargs=-1, type=FILE, metavar="[FILE]...")
@click.option("--mapping", type=FILE, help="For CSV: which call each row becomes.")
@click.option("--from", "start", metavar="TIME", help="What came earlier is history that starts nothing.")
@click.option("--to", "end", metavar="TIME", help="Where the clock stops.")
@click.option("--rule", "rules", multiple=True, metavar="RULE", help="Only this rule; may be repeated.")
@click.option(
    "--more-than", "most", type=click.IntRange(1), default=3, show_default=True, metavar="N",
    help="Name customers who would get more than N messages in seven days.",
)  # fmt: skip
@click.option("--effects", type=OUT, help="Write each effect as a line of JSON.")
@click.option("--html", type=OUT, help="Write a page with charts; it needs nothing else.")
@click.option("--csv", "table", type=OUT, help="Write one row per day and rule.")
@json_option
def command(
    files: tuple[Path, ...],
    more_files: tuple[Path, ...],
    mapping: Path | None,
    start: str | None,
    end: str | None,
    rules: tuple[str, ...],
    most: int,
    effects: Path | None,
    html: Path | None,
    table: Path | None,
    as_json: bool,
) -> None:
    """Run the rules over past events, on a virtual clock.

    The whole engine decides, nothing is sent, and no store is changed: actions answer with their declared example.
    Without files it runs over the events in the project's store, with the consents that were imported. After the last
    event the runs that still wait are followed to their end, unless --to says where to stop.
    """
    project = load()
    past = Past(
        files=(*files, *more_files),
        mapping=mapping,
        start=time_or_none(start, project.config),
        end=time_or_none(end, project.config),
    )
    with progress("deciding") as report:
        outcome = simulate_project(project, past, rules=rules, effects=effects, most_a_week=most, progress=report)
    if past.bad:
        refused = ", ".join(f"{count:,} {code}" for code, count in past.bad.most_common())
        click.echo(f"{counted(past.bad.total(), 'row')} refused and left out: {refused}", err=True)
        code = past.bad.most_common(1)[0][0]
        click.echo(f"  help: retain docs {code} says why; retain import keeps such rows beside their file", err=True)
    if html is not None:
        _write(html, simulation_page(outcome, project.ruleset.rules, zone_of(project.config)))
    if table is not None:
        _write(table, "".join(f"{csv_line(row)}\n" for row in (CSV_COLUMNS, *csv_rows(outcome))))
    if as_json:
        print_json(simulation_json(outcome))
        return
    _show(project, outcome, one=len(outcome.rules) == 1)
    busiest = max(outcome.rules, key=lambda name: outcome.rules[name].started, default="RULE")
    others = [
        f"retain simulate … {option} FILE" for option, given in (("--effects", effects), ("--html", html)) if not given
    ]
    hint(f"retain rules show {busiest}", *others)


def _show(project: Project, outcome: Simulation, *, one: bool) -> None:
    zone = zone_of(project.config)
    span = f", {show_time(outcome.start, zone)} to {show_time(outcome.end, zone)} {zone_name(zone)}"
    say(
        (counted(outcome.events, "event"), "bold"),
        " of ",
        (counted(outcome.customers, "customer"), "bold"),
        span if outcome.end else "",
    )
    rate = f", {outcome.events / outcome.seconds:,.0f} events/s" if outcome.seconds and outcome.events else ""
    say((f"{outcome.seconds:.1f} s{rate}; nothing was sent", QUIET))
    click.echo()
    show_rules(outcome)
    if one:
        (name, rule), *_ = outcome.rules.items()
        _show_funnel(project, name, rule)
    _show_volume(outcome)
    found = [*_findings(outcome), *_timed(project, outcome)]
    if found:
        click.echo()
        pairs(found)


def show_rules(outcome: Simulation) -> None:
    """One row per rule: started, effects by action, refused and ended by reason."""
    names = ("rule", "started", "effects", "refused", "ended by")
    table = columns(*names, right=["started"], fold=["effects", "ended by"], gap=1 if console().width < 90 else 2)
    for name, rule in sorted(outcome.rules.items()):
        table.add_row(name, amount(rule.started), *_cells(rule))
    show(table)


def _cells(rule: RuleOutcome) -> list[str]:
    waiting = rule.started - rule.ended.total()
    ended = [*rule.ended.most_common(), ("not ended yet", waiting)] if waiting > 0 else rule.ended.most_common()
    cells = (rule.effects.most_common(), rule.refused.most_common(), ended)
    return ["\n".join(f"{count:,} {what}" for what, count in counts) for counts in cells]


def _show_funnel(project: Project, name: str, rule: RuleOutcome) -> None:
    """How far the runs of one rule came, as bars."""
    rows = [("started", rule.started), *steps_of(rule, project.ruleset.rules.get(name))]
    if rule.goals:
        rows.append(("reached the goal", rule.goals.total()))
    top = max((count for _, count in rows), default=0)
    if not top:
        return
    click.echo()
    table = columns("how far runs came", "runs", "", right=["runs"])
    for label, count in rows:
        table.add_row(label[:32], f"{count:,}", bar(count, top, 30))
    show(table)


def _show_volume(outcome: Simulation) -> None:
    """Actions over time, one character a day or so."""
    groups, size = daily(outcome.days("effects"), min(console().width, 100) - 2)
    if len(groups) < 2:
        return
    what = "day" if size == 1 else "week" if size == 7 else f"{size} days"
    top, when = max((count, label) for label, count in groups)
    click.echo()
    say((f"actions by {what}", QUIET), f", at most {top:,} ({when})")
    say(sparkline([count for _, count in groups]))
    first, last = groups[0][0], groups[-1][0]
    say((f"{first}{last:>{len(groups) - 10}}" if len(groups) > 24 else f"{first} to {last}", QUIET))


def _findings(outcome: Simulation) -> list[tuple[str, str]]:
    """What stands out, as labels and texts."""
    found = []
    for name, rule in sorted(outcome.rules.items()):
        if rule.goals:
            shares = (
                f"{100 * goal / started:.1f} % of {started:,}{'' if arm == 'live' else f' ({arm})'}"
                for arm, goal, started in converted(rule)
            )
            found.append((f"goal of {name}", ", ".join(shares)))
    held: dict[str, int] = {}
    for rule in outcome.rules.values():
        for reason, count in rule.held_back.items():
            held[reason] = held.get(reason, 0) + count
        for reason, count in rule.delayed.items():
            held[f"delayed by {reason}"] = held.get(f"delayed by {reason}", 0) + count
    if held:
        found.append(("held back", tally(held)))
    if outcome.cost:
        costs = ", ".join(f"{name} {cost:,.2f}" for name, cost in sorted(outcome.action_costs.items()))
        found.append(("estimated cost", f"{outcome.cost:,.2f} ({costs})"))
    for name, rule in sorted(outcome.rules.items()):
        if rule.really is not None:
            what = ", ".join(
                f"{rule.really[action]:,} {action} (simulated {count:,})"
                for action, count in [("started", rule.started), *sorted(rule.in_period.items())]
            )
            found.append((f"{name} really", what))
    return found


def _timed(project: Project, outcome: Simulation) -> list[tuple[str, str]]:
    zone = zone_of(project.config)
    found = []
    if outcome.busiest_hour is not None:
        at, count = outcome.busiest_hour
        found.append(("busiest hour", f"{show_time(at, zone)}, {counted(count, 'message')}"))
    pressure = outcome.pressure
    if pressure.weeks:
        (key, week), *_ = pressure.fullest(1)
        who = f"{counted(len(pressure.weeks), 'customer')} would get more than {pressure.limit} messages in seven days"
        found.append(("too many", f"{who}, from {tally(pressure.rules)}; most: {short_key(key)}, {week.messages:,}"))
    return found


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RetainError(f"the file cannot be written: {error.strerror}", where=str(path)) from error
