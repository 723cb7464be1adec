"""How rules are found: by what values an event or a customer must have for them to be looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from retain.language.candidates import Candidate
from retain.language.index import Index
from retain.language.plan import Plan
from retain.language.rules import BecomesTrigger, EventTrigger, Rule
from retain.language.sql.cost import CostClass, cost_of

WayClass: TypeAlias = CostClass | Literal["event", "change", "plan"]


@dataclass(frozen=True, slots=True)
class Way:
    """How one trigger of a rule is found.

    Args:
        trigger: its path in the rule, e.g. "when[0]".
        cost: index: by a value. event: with every event of its name. change: with every change of what it reads. plan:
            at its planned instant. Else how those are found for whom a plan comes, as in `Cost`.
    """

    rule: Rule
    trigger: str
    cost: WayClass
    text: str


def ways_of(rules: Iterable[Rule]) -> list[Way]:
    """How every trigger of these rules is found, in the order of rules."""
    rules = list(rules)
    by_event: dict[str, list[Candidate]] = defaultdict(list)
    for rule in rules:
        for index, trigger in enumerate(rule.triggers):
            if isinstance(trigger, EventTrigger):
                by_event[trigger.event].append(Candidate.of(rule, index))
    values: dict[tuple[str, int], str] = {}
    for candidates in by_event.values():
        index_ = Index([candidate.nodes for candidate in candidates])
        values.update((candidate.order, index_.text(place)) for place, candidate in enumerate(candidates))
    return [_way(rule, index, values) for rule in rules for index in range(len(rule.triggers))]


def how_found(plan: Plan, rule: Rule) -> str:
    """For each trigger of a rule, when and by what it is looked at."""
    return "; ".join(way.text for way in ways_of(plan.rules.values()) if way.rule is rule)


def _way(rule: Rule, index: int, values: Mapping[tuple[str, int], str]) -> Way:
    trigger = rule.triggers[index]
    if isinstance(trigger, EventTrigger):
        by = values[rule.id, index]
        if by:
            return Way(rule, trigger.path, "index", f"indexed by {by}")
        return Way(rule, trigger.path, "event", f"looked at on every {trigger.event}")
    if isinstance(trigger, BecomesTrigger):
        by, when = Index([trigger.condition.nodes]).text(0), "when a field or event that it reads changes"
        if by:
            return Way(rule, trigger.path, "index", f"indexed by {by}, {when}")
        return Way(rule, trigger.path, "change", f"looked at {when}")
    planned = "looked at when it is planned"
    if trigger.each is None or trigger.cron is None:
        return Way(rule, trigger.path, "plan", planned)
    cost = cost_of(trigger.each.nodes)
    word = "for those" if cost.kind == "index" else "and then"
    return Way(rule, trigger.path, cost.kind, f"{planned}, {word} {cost.text}")
