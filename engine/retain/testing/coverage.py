"""What a rule's tests can reach, and what of it they have: steps, branches, exits, goal, error paths and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from retain.decide.steps import step_index
from retain.language.rules import ActionStep, BecomesTrigger, IfStep, Rule, RuleSet, SplitStep, WaitForStep
from retain.model import Json
from retain.registry import Registry
from retain.testing.rule_tests import TestReport


@dataclass(frozen=True, slots=True)
class RuleCoverage:
    """How many places and refusals of a rule there are, and which of them no test has reached."""

    places: int
    missing: tuple[str, ...]

    @property
    def reached(self) -> int:
        """How many a test has reached."""
        return self.places - len(self.missing)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The coverage of each rule."""

    rules: Mapping[str, RuleCoverage]

    @property
    def percent(self) -> int:
        """The share of all places that a test has reached, rounded down; 100 where there are none."""
        places = sum(rule.places for rule in self.rules.values())
        return 100 if not places else 100 * sum(rule.reached for rule in self.rules.values()) // places

    @property
    def gaps(self) -> dict[str, list[str]]:
        """What no test has reached, by rule; rules without gaps are left out."""
        return {name: list(rule.missing) for name, rule in self.rules.items() if rule.missing}

    def as_json(self) -> dict[str, Json]:
        """The coverage for machines."""
        rules = {
            name: {"places": rule.places, "reached": rule.reached, "missing": list(rule.missing)}
            for name, rule in self.rules.items()
        }
        return {"percent": self.percent, "rules": rules}


def coverage(ruleset: RuleSet, registry: Registry, report: TestReport) -> Coverage:
    """What tests have reached of each rule."""
    found = {}
    for rule in ruleset.rules.values():
        wanted, refusals = places_of(rule, registry), refusals_of(rule)
        reached = {place for name, place in report.visits if name == rule.id}
        refused = {outcome for name, outcome in report.outcomes if name == rule.id}
        missing = [*sorted(wanted - reached), *sorted(f"refused: {name}" for name in refusals - refused)]
        found[rule.id] = RuleCoverage(len(wanted) + len(refusals), tuple(missing))
    return Coverage(dict(sorted(found.items())))


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
