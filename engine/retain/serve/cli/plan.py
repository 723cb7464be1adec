"""`retain plan`."""

from __future__ import annotations

from pathlib import Path

import click

from retain.app.planning.history import history_of
from retain.app.planning.planning import PlanReport, plan_edit
from retain.app.planning.sides import former_side, present_side
from retain.app.planning.telling import plan_json, plan_markdown, plan_text
from retain.app.reports.figures import counted
from retain.app.reports.times import read_span
from retain.serve.cli.context import leave, load, now
from retain.serve.cli.output import json_option, print_json, progress

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
TOO_MANY = 3


@click.command("plan")
@click.option("--against", default="HEAD", metavar="REF|DIR", help="A commit, a folder, or: running. Default: HEAD.")
@click.option("--events", "files", multiple=True, type=FILE, help="JSON Lines or CSV instead of the store.")
@click.option("--mapping", type=FILE, help="For CSV: which call each row becomes.")
@click.option("--since", default="90d", metavar="SPAN", help="How far back to play both texts. Default: 90d.")
@click.option("--ahead", default="30d", metavar="SPAN", help="How far on. Default: 30d.")
@click.option(
    "--alone", is_flag=True, help="Play only the rules that differ: quicker, blind to what others make of it."
)
@click.option("--max-affected", type=click.IntRange(min=0), metavar="N", help="Exit code 3 when more are touched.")
@click.option("--people", default=20, type=click.IntRange(min=0), metavar="N", help="How many to name. Default: 20.")
@click.option("--markdown", is_flag=True, help="Print Markdown, for a comment on a pull request.")
@json_option
def command(
    against: str,
    files: tuple[Path, ...],
    mapping: Path | None,
    since: str,
    ahead: str,
    alone: bool,
    max_affected: int | None,
    people: int,
    markdown: bool,
    as_json: bool,
) -> None:
    """Say whom an edit of the rules would touch.

    Compares the project's files with a commit, another folder, or the rules that the daemon runs. Both texts are
    played over the last days, as if each had been deployed then, and over the days to come, beginning with the runs
    that wait. Nothing is sent and no store is changed. Without --events the project's store is the past.
    """
    project = load()
    head = present_side(project)
    with former_side(project, against) as base, history_of(project, now(), files, mapping) as history:
        if history.bad:
            click.echo(f"{counted(history.bad.total(), 'row')} refused and left out", err=True)
        with progress("deciding") as report:
            found = plan_edit(
                base,
                head,
                history,
                since=read_span(since),
                ahead=read_span(ahead),
                alone=alone,
                progress=report,
            )
    if as_json:
        print_json(plan_json(found))
    else:
        _show(found, people, markdown=markdown)
    if max_affected is not None and len(found.touched) > max_affected:
        click.echo(f"{counted(len(found.touched), 'person', 'people')} touched, more than {max_affected:,}", err=True)
        leave(TOO_MANY)


def _show(found: PlanReport, people: int, *, markdown: bool) -> None:
    for line in plan_markdown(found, people=people) if markdown else plan_text(found, people=people):
        click.echo(line)
