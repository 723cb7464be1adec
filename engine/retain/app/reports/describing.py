"""Rules in words: what starts them, and their text as it is written."""

from __future__ import annotations

from retain.app.projects.project import Project
from retain.app.reports.figures import counted
from retain.app.reports.reading import has_store, reading
from retain.errors import NotFoundError
from retain.instants import format_duration
from retain.language.rules import BecomesTrigger, EventTrigger, Rule, Trigger
from retain.model import Json
from retain.pipeline.backfills import Backfill, backfills_of

__all__ = ["Rule", "backfills_of_rule", "find_rule", "how_far", "pauses_of", "rule_json", "rule_text", "starts_on"]


def find_rule(project: Project, rule_id: str) -> Rule:
    """A rule that is loaded.

    Raises:
        NotFoundError: there is none of that name, or it has an error.
    """
    rules, disabled = project.ruleset.rules, project.ruleset.disabled
    if rule_id in disabled:
        error = NotFoundError("rule", rule_id)
        error.what, error.cure = f"the rule {rule_id} has an error: {disabled[rule_id]}", "see it with: retain check"
        raise error
    if rule_id not in rules:
        raise NotFoundError("rule", rule_id, rules)
    return rules[rule_id]


def starts_on(rule: Rule) -> str:
    """What starts a rule, in a few words."""
    return ", ".join(_trigger(trigger) for trigger in rule.triggers)


def rule_text(project: Project, rule: Rule) -> str:
    """The rule as its author wrote it, comments included."""
    lines = (project.dir / rule.place.file).read_text(encoding="utf-8").split("\n")  # as YAML counts them
    start = rule.place.line - 1
    depth = _depth(lines[start])
    end = start + 1
    while end < len(lines) and (not lines[end].strip() or _depth(lines[end]) > depth):
        end += 1
    return "\n".join(line[depth:].rstrip() for line in lines[start:end]).rstrip()


def rule_json(rule: Rule, paused: dict[str, str]) -> dict[str, Json]:
    """A rule as plain JSON, without its steps."""
    return {
        "id": rule.id,
        "description": rule.description,
        "owner": rule.owner,
        "tags": list(rule.tags),
        "status": rule.status,
        "paused": paused.get(rule.id, paused.get("", "")),
        "starts_on": starts_on(rule),
        "file": rule.place.file,
        "line": rule.place.line,
        "revision": rule.revision,
    }


def pauses_of(project: Project) -> dict[str, str]:
    """Why rules are paused, by rule; "" is everything. Empty where nothing is stored yet."""
    if not has_store(project.config):
        return {}
    with reading(project.config) as store:
        return {row.name: row.reason for row in store.pauses() if row.scope != "channel"}


def backfills_of_rule(project: Project, rule: Rule) -> list[Backfill]:
    """How far the first looks of a rule's triggers at all customers are; empty where there are none."""
    if not has_store(project.config):
        return []
    with reading(project.config) as store:
        return [one for one in backfills_of(store, project.plan(), done=True) if one.rule == rule.id]


def how_far(backfill: Backfill) -> str:
    """`350,000 of 1,000,000 customers looked at (35 %)`."""
    if backfill.done:
        return "all customers looked at"
    share = 100 * backfill.looked_at // max(1, backfill.customers)
    return f"{backfill.looked_at:,} of {counted(backfill.customers, 'customer')} looked at ({share} %)"


def _trigger(trigger: Trigger) -> str:
    if isinstance(trigger, EventTrigger):
        return trigger.event
    if isinstance(trigger, BecomesTrigger):
        return f"conditions true for {format_duration(trigger.held)}" if trigger.held else "conditions turning true"
    return "a date of the customer" if trigger.field_schedule is not None else "a schedule"


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())
