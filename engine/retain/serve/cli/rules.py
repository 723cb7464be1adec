"""`retain rules list | show | stats`, and the texts of `retain.serve.cli.rule_texts`."""

from __future__ import annotations

import click
from rich.text import Text

from retain.app.projects.finding import how_found
from retain.app.reports.describing import (
    backfills_of_rule,
    find_rule,
    how_far,
    pauses_of,
    rule_json,
    rule_text,
    starts_on,
)
from retain.app.reports.outcomes import RuleStats, rule_stats
from retain.app.reports.reading import reading
from retain.app.reports.rows import stats_json
from retain.app.reports.times import show_time
from retain.model import EffectState, Json
from retain.serve.cli.context import known_rule, load, zone_of
from retain.serve.cli.output import (
    BAD,
    GOOD,
    QUIET,
    amount,
    columns,
    hint,
    json_option,
    pairs,
    print_json,
    say,
    show,
    styled,
    title,
)
from retain.serve.cli.rule_pausing import pause, resume
from retain.serve.cli.rule_texts import diff, revisions, rollback

_NOT_SENT = (EffectState.DEAD, EffectState.IN_DOUBT, EffectState.DROPPED)


@click.group("rules")
def command() -> None:
    """List rules and what came of them, and step back to an older text."""


for one in (pause, resume, revisions, diff, rollback):
    command.add_command(one)


@command.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the rules with their state; a paused or disabled one says why."""
    project = load()
    paused = pauses_of(project)
    rules, disabled = project.ruleset.rules, project.ruleset.disabled
    if as_json:
        entries = [rule_json(rule, paused) for rule in rules.values()]
        print_json(entries + [{"id": name, "status": "disabled", "why": why} for name, why in disabled.items()])
        return
    table = columns("rule", "state", "starts on", "does", fold=["starts on", "does"])
    for name in sorted({*rules, *disabled}):
        if name in disabled:
            table.add_row(name, Text("disabled", style=BAD), "", Text(disabled[name].splitlines()[0]))
        else:
            rule = rules[name]
            state = "paused" if name in paused else rule.status
            told = [part for part in (rule.description, paused.get(name, "")) if part]
            table.add_row(name, styled(state), starts_on(rule), "\n".join(told))
    show(table)
    if "" in paused:
        say(("\neverything is paused: ", BAD), paused[""])
    hint("retain rules stats RULE", "retain rules show RULE")


@command.command("show")
@click.argument("rule_id", metavar="RULE")
@json_option
def show_(rule_id: str, as_json: bool) -> None:
    """Show one rule as it is understood."""
    project = load()
    rule = find_rule(project, rule_id)
    backfills = backfills_of_rule(project, rule)
    if as_json:
        looked = [one.as_json() for one in backfills]
        found = {"found_by": how_found(project.plan(), rule), "backfills": looked, "source": dict(rule.source)}
        print_json(rule_json(rule, pauses_of(project)) | found)
        return
    zone = zone_of(project.config)
    title(rule.id, rule.description)
    pairs(
        [
            ("state", styled(rule.status)),
            ("owner", rule.owner or "nobody"),
            ("starts on", starts_on(rule)),
            ("found by", how_found(project.plan(), rule)),
            *(("backfill", f"{how_far(one)}, since {show_time(one.since, zone)}") for one in backfills),
            ("file", f"{rule.place.file}:{rule.place.line}"),
            ("revision", rule.revision),
            ("a run per", rule.runs.per or "customer"),
            ("a second start", rule.runs.mode),
            ("when edited", rule.on_change),
        ]
    )
    click.echo()
    click.echo(rule_text(project, rule))
    hint(f"retain rules stats {rule.id}", f"retain simulate --rule {rule.id}", f"retain explain {rule.id} CUSTOMER")


@command.command("stats")
@click.argument("rule_id", metavar="[RULE]", required=False)
@json_option
def stats(rule_id: str | None, as_json: bool) -> None:
    """Show what came of one rule, or of all: started, sent, refused by reason, converted."""
    project = load()
    if rule_id is not None:
        known_rule(project, rule_id)
    wanted = [rule_id] if rule_id is not None else sorted({*project.ruleset.rules, *project.ruleset.disabled})
    with reading(project.config) as store:
        found = rule_stats(store, wanted)
    if as_json:
        print_json(stats_json(found[rule_id]) if rule_id is not None else _all_json(found))
    elif rule_id is not None:
        _show_stats(rule_id, found[rule_id])
    else:
        _show_table(found)


def _show_table(found: dict[str, RuleStats]) -> None:
    numbers = ("started", "live", "sent", "refused", "converted")
    table = columns("rule", *numbers, right=numbers)
    for name, stats_ in found.items():
        refused = sum(stats_.refused.values()) + sum(stats_.refused_effects.values())
        counts = (sum(stats_.started.values()), sum(stats_.states.values()), sum(stats_.sent.values()), refused)
        table.add_row(name, *(amount(count) for count in (*counts, stats_.converted)))
    show(table)
    hint("retain rules stats RULE")


def _show_stats(rule_id: str, stats_: RuleStats) -> None:
    title(rule_id, "since the store was made")
    started = sum(stats_.started.values())
    table = columns("", "", "")
    table.columns[2].justify = "right"
    rows: list[tuple[str, str, int]] = []
    _group(rows, "started", stats_.started)
    _group(rows, "still live", stats_.states)
    _group(rows, "sent", stats_.sent)
    _group(rows, "not sent", {state: count for state, count in stats_.effects.items() if state in _NOT_SENT})
    _group(rows, "start refused", stats_.refused)
    _group(rows, "effect refused", stats_.refused_effects)
    _group(rows, "ended by", stats_.ended)
    for label, word, count in rows:
        table.add_row(Text(label, style=QUIET), styled(word), f"{count:,}")
    show(table)
    if not rows:
        say("nothing yet")
    if stats_.converted and started:
        say((f"\n{stats_.converted / started:.1%} ", GOOD), "of the starts reached the goal")
    hint(f"retain runs list --rule {rule_id}", f"retain effects list --rule {rule_id}")


def _group(rows: list[tuple[str, str, int]], label: str, counts: dict[str, int]) -> None:
    for index, (word, count) in enumerate(sorted(counts.items(), key=lambda one: -one[1])):
        rows.append((label if index == 0 else "", word, count))


def _all_json(found: dict[str, RuleStats]) -> dict[str, Json]:
    return {name: stats_json(stats_) for name, stats_ in found.items()}
