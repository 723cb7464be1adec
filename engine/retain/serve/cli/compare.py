"""`retain compare`."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import click

from retain.app.planning.comparing import (
    Disagreement,
    RuleComparison,
    compare_texts,
    counted_words,
    recorded,
    text_of,
    words_of,
)
from retain.app.planning.history import history_of
from retain.app.planning.sides import present_side
from retain.app.reports.figures import counted
from retain.app.reports.reading import reading
from retain.app.reports.times import read_span, show_time, zone_name
from retain.instants import format_instant
from retain.model import Json
from retain.serve.cli.context import known_rule, load, now, zone_of
from retain.serve.cli.output import QUIET, columns, hint, json_option, print_json, progress, say, show, title

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("compare")
@click.argument("rule_id", metavar="RULE")
@click.argument("before", metavar="TEXT")
@click.argument("after", metavar="[TEXT]", required=False, default="")
@click.option("--recorded", "as_recorded", is_flag=True, help="What RULE and the rule TEXT really did.")
@click.option("--events", "files", multiple=True, type=FILE, help="JSON Lines or CSV instead of the store.")
@click.option("--mapping", type=FILE, help="For CSV: which call each row becomes.")
@click.option("--since", default="90d", metavar="SPAN", help="How far back. Default: 90d.")
@click.option("--limit", default=20, type=click.IntRange(min=0), metavar="N", help="How many to list. Default: 20.")
@json_option
def command(
    rule_id: str,
    before: str,
    after: str,
    as_recorded: bool,
    files: tuple[Path, ...],
    mapping: Path | None,
    since: str,
    limit: int,
    as_json: bool,
) -> None:
    """List where two texts of one rule disagree over the past.

    A TEXT is a revision (see: retain rules revisions), a commit, a folder, or another rule, such as the shadow beside
    RULE. Without a second one the first is compared with the text in the files. Both play as live rules among all
    others. With --recorded nothing is played: it tells what both rules made of the same events as they came.
    """
    project = load()
    known_rule(project, rule_id)
    if as_recorded:
        known_rule(project, before)
        with reading(project.config) as store:
            found = recorded(store, rule_id, before, now() - read_span(since), now())
    else:
        side = present_side(project)
        with (
            text_of(side, rule_id, before) as old,
            text_of(side, rule_id, after) as new,
            history_of(project, now(), files, mapping) as history,
            progress("deciding") as report,
        ):
            found = compare_texts(side, rule_id, (old, new), history, read_span(since), report)
    if as_json:
        print_json(_json(found))
        return
    zone = zone_of(project.config)
    title(f"{rule_id}: {found.before} -> {found.after}")
    say((f"{show_time(found.start, zone)} to {show_time(found.end, zone)} {zone_name(zone)}", QUIET))
    say(f"{found.started[0]:,} -> {found.started[1]:,} runs; {counted(found.agreed, 'run')} the same")
    _show(found, limit, zone)


def _show(found: RuleComparison, limit: int, zone: ZoneInfo) -> None:
    if not found.disagreements:
        say("they agree everywhere")
        return
    say(f"{counted(len(found.disagreements), 'disagreement')}\n")
    reasons = columns("times", "before", "after", right=["times"], fold=["before", "after"])
    for (old, new), count in list(counted_words(found.disagreements).items())[:limit]:
        reasons.add_row(f"{count:,}", old, new)
    show(reasons)
    say("")
    table = columns("at", "customer", "before", "after", fold=["before", "after"])
    for one in found.disagreements[:limit]:
        table.add_row(show_time(one.at, zone), one.customer, *words_of(one))
    show(table)
    if len(found.disagreements) > limit:
        say((f"and {len(found.disagreements) - limit:,} more; --limit N lists more, --json all", QUIET))
    hint(f"retain explain {found.rule} CUSTOMER")


def _json(found: RuleComparison) -> dict[str, Json]:
    return {
        "rule": found.rule,
        "before": found.before,
        "after": found.after,
        "from": format_instant(found.start),
        "to": format_instant(found.end),
        "started": list(found.started),
        "agreed": found.agreed,
        "disagreements": [_one(one) for one in found.disagreements],
    }


def _one(one: Disagreement) -> dict[str, Json]:
    sides = {
        name: {"started": verdict.started, "why": verdict.why, "did": list(verdict.did)}
        for name, verdict in (("before", one.before), ("after", one.after))
    }
    return {"customer": one.customer, "at": format_instant(one.at), **sides}
