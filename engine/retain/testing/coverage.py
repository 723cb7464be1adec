"""What a rule's tests can reach: its steps, branches, exits, goal, error paths and refusals."""

from __future__ import annotations

from retain.decide.steps import step_index
from retain.language.rules import ActionStep, BecomesTrigger, IfStep, Rule, SplitStep, WaitForStep
from retain.registry import Registry


def places_of(rule: Rule, registry: Registry) -> set[str]:
    """Every place that a run of the rule can reach, named as `Facts.visit` names them."""
    places = {trigger.path for trigger in rule.exit_when}
    if rule.goal is not None:
        places.add(rule.goal.trigger.path)
    for path, stop in step_index(rule).items():
        places.add(path)
        step = stop.step
        if isinstance(step, IfStep | WaitForStep):
            places |= {f"{path}:then", f"{path}:else"}
        elif isinstance(step, SplitStep):
            places |= {f"{path}:{branch.name}" for branch in step.branches}
        elif isinstance(step, ActionStep) and can_fail(step, registry):
            places.add(f"{path}:error")
    return places


def can_fail(step: ActionStep, registry: Registry) -> bool:
    """Whether a step has an error path worth a test: an outside action, or one whose rule says what to do then."""
    action = registry.actions.get(step.action)
    return (action is not None and action.is_outside) or step.on_error != "stop"


def refusals_of(rule: Rule) -> set[str]:
    """The reasons for which the rule's own text can refuse a start."""
    found = set()
    if rule.condition is not None:
        found.add("if")
    if rule.runs.per or any(getattr(trigger, "same", ()) for trigger in rule.exit_when):
        found.add("key_missing")
    if rule.runs.at_most is not None:
        found.add("at_most")
    levels = (*rule.exit_when, *((rule.goal.trigger,) if rule.goal else ()))
    if any(isinstance(trigger, BecomesTrigger) for trigger in levels):
        found.add("already_exited")
    return found
