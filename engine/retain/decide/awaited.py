"""Awaited triggers: whether an event, or the facts as they stand, end or wake a waiting run."""

from __future__ import annotations

from retain.decide.facts import CustomerFacts, Moment
from retain.decide.scopes import run_scope
from retain.language.rules import BecomesTrigger, EventTrigger, Rule
from retain.model import Event, Fields, Json, Run


def lookup(fields: Fields, path: str) -> Json:
    """The value at a dotted path; None where any part of it is missing."""
    value: Json = fields
    for part in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def as_key(value: Json) -> str:
    """A value as the text that keys are compared by: 1, 1.0 and "1" are one key."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def event_matches(trigger: EventTrigger, run: Run, customer: CustomerFacts, event: Event, moment: Moment) -> bool:
    """Whether this event is what the run awaits.

    It must not be older than the event that started the run. A field of `same` that the awaited event lacks matches:
    an unknown must never send.
    """
    if trigger.event != event.name or event.occurred_at < run.context.get("occurred_at", run.started_at):
        return False
    started_by = run.context.get("event", {})
    for name in trigger.same:
        awaited = lookup(event.fields, name)
        if awaited is not None and as_key(awaited) != as_key(lookup(started_by, name)):
            return False
    if trigger.condition is None:
        return True
    return trigger.condition.is_true(run_scope(customer, run, moment, event.fields))


def level_holds(trigger: BecomesTrigger, run: Run, customer: CustomerFacts, moment: Moment) -> bool:
    """Whether a `becomes` of exit_when, goal or wait_for is true now: there it is a level, not an edge."""
    return trigger.condition.is_true(run_scope(customer, run, moment))


def level_that_ends(rule: Rule, run: Run, customer: CustomerFacts, moment: Moment) -> tuple[str, str]:
    """What ends a run because it is so, not because it happens: its name and its place; ("", "") where nothing does."""
    goal = rule.goal.trigger if rule.goal is not None else None
    within = run.goal_until is None or moment.at <= run.goal_until
    if isinstance(goal, BecomesTrigger) and within and level_holds(goal, run, customer, moment):
        return "goal", goal.path
    for trigger in rule.exit_when:
        if isinstance(trigger, BecomesTrigger) and level_holds(trigger, run, customer, moment):
            return name_of(trigger), trigger.path
    return "", ""


def matches(
    trigger: EventTrigger | BecomesTrigger, run: Run, customer: CustomerFacts, event: Event | None, moment: Moment
) -> bool:
    """Whether an awaited trigger is met, by this event or (a level) by the facts as they stand."""
    if isinstance(trigger, EventTrigger):
        return event is not None and event_matches(trigger, run, customer, event, moment)
    return level_holds(trigger, run, customer, moment)


def name_of(trigger: EventTrigger | BecomesTrigger) -> str:
    """How an end by this trigger is named: the event, or `becomes`."""
    return trigger.event if isinstance(trigger, EventTrigger) else "becomes"
