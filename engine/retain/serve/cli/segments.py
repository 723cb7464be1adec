"""`retain segments list | show`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from retain.app.reports.losing import losses_of
from retain.app.reports.reading import reading
from retain.app.reports.segments import (
    asked_of_all,
    count_members,
    find_segment,
    has_its_index,
    member_keys,
    segment_json,
)
from retain.serve.cli.context import load, now
from retain.serve.cli.losses import show_losses
from retain.serve.cli.output import QUIET, columns, hint, json_option, pairs, print_json, say, show, title


@click.group("segments")
def command() -> None:
    """List segments, who is in them, and what each line costs."""


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the segments, and how each finds its customers."""
    ruleset = load().ruleset
    segments = ruleset.segments
    if as_json:
        print_json([segment_json(segment) for _, segment in sorted(segments.items())])
        return
    if not segments:
        say("no segments", ("; they stand under segments: in a rule file", QUIET))
        return
    costs = {asked.name.removeprefix("segment "): asked.cost for asked in asked_of_all(ruleset)}
    for name, segment in sorted(segments.items()):
        title(name, costs[name].text)
        if segment.description:
            say("  ", segment.description)
        else:
            _show_lines([clause.text for clause in segment.condition.clauses])
    hint("retain segments show SEGMENT")


@command.command("show")
@click.argument("name", metavar="SEGMENT")
@click.option("--count", "what", flag_value="count", help="Only how many customers are in it.")
@click.option("--ids", "what", flag_value="ids", help="Only their names, one a line.")
@click.option("--explain", "what", flag_value="explain", help="What each line costs: how many are lost to it.")
@json_option
def show_(name: str, what: str | None, as_json: bool) -> None:
    """Show a segment: its lines, and how many customers are in it now."""
    project = load()
    segment = find_segment(project, name)
    if what == "ids":
        keys = member_keys(project, segment, now())
        if as_json:
            print_json(list(keys))
        else:
            for key in keys:
                click.echo(key)
        return
    if what == "explain":
        with reading(project.config) as store:
            found = losses_of(project.plan(), store, segment.name, now())
        show_losses(found, as_json=as_json)
        return
    count = count_members(project, segment, now())
    if as_json:
        print_json(segment_json(segment) | {"count": count})
    elif what == "count":
        click.echo(count)
    else:
        title(segment.name, segment.description)
        told = segment_json(segment)
        how = told["found_by"] if has_its_index(project, segment) else f"{told['found_by']}; make it: retain db index"
        pairs([("customers", f"{count:,}"), ("cost", how), ("file", told["file"])])
        click.echo()
        _show_lines(told["if"])
        hint(f"retain segments show {name} --explain", f"retain segments show {name} --ids")


def _show_lines(lines: Sequence[str]) -> None:
    """The lines of a condition; one that is too long goes on below itself."""
    table = columns("", "", fold=[""], gap=1)
    for line in lines:
        table.add_row("-", line)
    show(table, indent=2)
