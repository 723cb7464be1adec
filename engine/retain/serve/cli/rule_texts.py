"""`retain rules revisions | diff | rollback`: the texts that a rule has had."""

from __future__ import annotations

import click

from retain.app.planning.revisions import (
    Revision,
    carry_out,
    difference_of,
    find_revision,
    plan_rollback,
    present_of,
    revisions_of,
)
from retain.app.reports.times import show_time
from retain.instants import format_instant
from retain.model import Json
from retain.serve.cli.acting import note
from retain.serve.cli.context import load, zone_of
from retain.serve.cli.filters import by_option
from retain.serve.cli.output import BAD, GOOD, QUIET, columns, hint, json_option, print_json, say, show


@click.command("revisions")
@click.argument("rule_id", metavar="RULE")
@json_option
def revisions(rule_id: str, as_json: bool) -> None:
    """List the texts that a rule has had, as the daemon loaded them; oldest first."""
    project = load()
    found = revisions_of(project, rule_id)
    if as_json:
        print_json([_json(one) for one in found])
        return
    table = columns("revision", "first loaded", "")
    for one in found:
        at = "never" if one.at is None else show_time(one.at, zone_of(project.config))
        table.add_row(one.revision, at, "in the files" if one.is_present else "")
    show(table)
    if len(found) > 1:
        hint(f"retain rules diff {rule_id} REVISION", f"retain rules rollback {rule_id} REVISION")


@click.command("diff")
@click.argument("rule_id", metavar="RULE")
@click.argument("before", metavar="[REVISION]", required=False, default="")
@click.argument("after", metavar="[REVISION]", required=False, default="")
@json_option
def diff(rule_id: str, before: str, after: str, as_json: bool) -> None:
    """Show how two texts of a rule differ: by default, the one before the present one, and the present one.

    Texts are compared in one canonical form, with the segments, metrics and calendars that they name.
    """
    found = revisions_of(load(), rule_id)
    old = find_revision(found, before)
    new = find_revision(found, after) if after else present_of(found)
    lines = difference_of(old, new)
    if as_json:
        print_json({"before": old.revision, "after": new and new.revision, "lines": list(lines)})
        return
    say((f"{old.revision} -> {'gone' if new is None else new.revision}", QUIET))
    _print(lines)


@click.command("rollback")
@click.argument("rule_id", metavar="RULE")
@click.argument("revision", metavar="[REVISION]", required=False, default="")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and write nothing.")
@by_option
@json_option
def rollback(rule_id: str, revision: str, dry_run: bool, by: str | None, as_json: bool) -> None:
    """Write an older text of a rule back into its file; by default, the one before the present one.

    Only the file changes. What runs stays as it is until the daemon takes the file, so that the step back goes the way
    of every edit: check, plan, commit, reload. The rule's description, owner, status and the like stay; comments inside
    the rule are lost.
    """
    project = load()
    old = find_revision(revisions_of(project, rule_id), revision)
    found = plan_rollback(project, rule_id, old)
    if not dry_run:
        carry_out(project, found)
        note("rollback", by, rule=rule_id, revision=found.revision, file=found.file)
    if as_json:
        print_json({"file": found.file, "revision": found.revision, "written": not dry_run, "lines": list(found.lines)})
        return
    _print(found.lines)
    click.echo()
    if dry_run:
        say(("would write  ", QUIET), found.file)
    else:
        say(("written  ", GOOD), f"{found.file}: {rule_id} as in {found.revision}")
        hint("retain check", "retain plan", "git commit", "retain reload")


def _print(lines: tuple[str, ...]) -> None:
    styles = {"+": GOOD, "-": BAD}
    for line in lines:
        say((line, styles.get(line[:1], "")))
    if not lines:
        say("no difference")


def _json(one: Revision) -> dict[str, Json]:
    return {
        "revision": one.revision,
        "at": None if one.at is None else format_instant(one.at),
        "present": one.is_present,
        "rule": dict(one.rule),
    }
