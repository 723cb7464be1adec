"""`retain simulate`."""

from __future__ import annotations

from pathlib import Path

import click

from retain.app.reports.figures import counted
from retain.app.reports.reading import time_or_none
from retain.app.reports.times import show_time, zone_name
from retain.app.simulation.simulate import RuleOutcome, Simulation
from retain.app.simulation.simulating import Past, simulate_project, simulation_json
from retain.serve.cli.context import load, zone_of
from retain.serve.cli.output import (
    QUIET,
    amount,
    columns,
    console,
    hint,
    json_option,
    print_json,
    progress,
    say,
    show,
)

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("simulate")
@click.option("--events", "files", multiple=True, type=FILE, help="JSON Lines or CSV, plain or .gz; may be repeated.")
@click.argument("more_files", nargs=-1, type=FILE, metavar="[FILE]...")
@click.option("--mapping", type=FILE, help="For CSV: which call each row becomes.")
@click.option("--from", "start", metavar="TIME", help="What came earlier is history that starts nothing.")
@click.option("--to", "end", metavar="TIME", help="Where the clock stops.")
@click.option("--rule", "rules", multiple=True, metavar="RULE", help="Only this rule; may be repeated.")
@click.option("--effects", type=click.Path(dir_okay=False, path_type=Path), help="Write each effect as a line of JSON.")
@json_option
def command(
    files: tuple[Path, ...],
    more_files: tuple[Path, ...],
    mapping: Path | None,
    start: str | None,
    end: str | None,
    rules: tuple[str, ...],
    effects: Path | None,
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
        outcome = simulate_project(project, past, rules=rules, effects=effects, progress=report)
    if past.bad:
        refused = ", ".join(f"{count:,} {code}" for code, count in past.bad.most_common())
        click.echo(f"{counted(past.bad.total(), 'row')} refused and left out: {refused}", err=True)
    if as_json:
        print_json(simulation_json(outcome))
        return
    zone = zone_of(project.config)
    say(
        (counted(outcome.events, "event"), "bold"),
        " of ",
        (counted(outcome.customers, "customer"), "bold"),
        f", {show_time(outcome.start, zone)} to {show_time(outcome.end, zone)} {zone_name(zone)}",
    )
    rate = f", {outcome.events / outcome.seconds:,.0f} events/s" if outcome.seconds and outcome.events else ""
    say((f"{outcome.seconds:.1f} s{rate}; nothing was sent", QUIET))
    click.echo()
    show_rules(outcome)
    busiest = max(outcome.rules, key=lambda name: outcome.rules[name].started, default="RULE")
    hint(f"retain rules show {busiest}", *([] if effects else ["retain simulate … --effects effects.jsonl"]))


def show_rules(outcome: Simulation) -> None:
    """One row per rule: started, effects by action, refused and ended by reason."""
    names = ("rule", "started", "effects", "refused", "ended by")
    table = columns(*names, right=["started"], fold=["effects", "ended by"], gap=1 if console().width < 90 else 2)
    for name, rule in sorted(outcome.rules.items()):
        table.add_row(name, amount(rule.started), *_cells(rule))
    show(table)


def _cells(rule: RuleOutcome) -> list[str]:
    return [
        "\n".join(f"{count:,} {what}" for what, count in counts.most_common())
        for counts in (rule.effects, rule.refused, rule.ended)
    ]
