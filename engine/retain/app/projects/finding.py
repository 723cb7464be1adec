"""How rules are found: by what values an event or a customer must have for them to be looked at."""

from __future__ import annotations

from retain.language.index import Index
from retain.language.plan import Plan
from retain.language.rules import BecomesTrigger, EventTrigger, Rule, Trigger


def how_found(plan: Plan, rule: Rule) -> str:
    """For each trigger of a rule, when and by what it is looked at."""
    return "; ".join(_found(plan, rule, index, trigger) for index, trigger in enumerate(rule.triggers))


def _found(plan: Plan, rule: Rule, index: int, trigger: Trigger) -> str:
    if isinstance(trigger, EventTrigger):
        candidates = plan.candidates(trigger.event)
        place = next(at for at, one in enumerate(candidates.all) if one.rule is rule and one.index == index)
        by = candidates.index.text(place)
        return f"indexed by {by}" if by else f"looked at on every {trigger.event}"
    if isinstance(trigger, BecomesTrigger):
        by = Index([trigger.condition.nodes]).text(0)
        when = "when a field or event that it reads changes"
        return f"indexed by {by}, {when}" if by else f"looked at {when}"
    return "looked at when it is planned"
