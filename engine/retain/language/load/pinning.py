"""What the waiting runs of a rule are pinned to: its text with what it names, its digest, and the facts it reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from retain.language.condition import Condition, Needs, Pinned
from retain.language.documents.nodes import MapNode, plain
from retain.language.load.context import Draft
from retain.language.rules import (
    ActionStep,
    BecomesTrigger,
    EmitStep,
    EventTrigger,
    Goal,
    IfStep,
    Rule,
    ScheduleTrigger,
    SetStep,
    Step,
    Trigger,
    WaitForStep,
    WaitStep,
)
from retain.language.steps import walk
from retain.model import Json, digest

PINNED = ("when", "if", "runs", "exit_when", "goal", "then")
LANGUAGE_VERSION = 1


class Pin:
    """Works out what one rule is pinned to, once; then it lets go of the text's tree."""

    __slots__ = ("_made", "_of")

    def __init__(self, node: MapNode, draft: Draft) -> None:
        self._of: tuple[MapNode, Draft] | None = (node, draft)
        self._made: Pinned | None = None

    def __call__(self, rule: Rule) -> Pinned:
        """What this rule's runs are pinned to."""
        if self._made is None:
            assert self._of is not None
            needs = _needs(rule)
            source = _source(rule.id, *self._of, needs)
            self._made, self._of = Pinned(_revision_of(source), source, needs), None
        return self._made


def _source(rule_id: str, node: MapNode, draft: Draft, needs: Needs) -> Mapping[str, Json]:
    """The rule as written, with the segments, metrics and calendars that it names: enough to rebuild it.

    Those that only the text of a plugin's function names, are known from what the rule needs.
    """
    names = draft.names
    mentioned = draft.mentions | needs.names
    for name in draft.mentions:
        mentioned |= names.uses.get(name, frozenset())
    source: dict[str, Json] = {"language": LANGUAGE_VERSION, "id": rule_id, "rule": plain(node)}
    for kind in ("segment", "metric", "calendar"):
        known = names.calendar_sources if kind == "calendar" else names.sources
        prefix = "" if kind == "calendar" else f"{kind} "
        named = sorted(name.partition(" ")[2] for name in mentioned if name.startswith(f"{kind} "))
        source[f"{kind}s"] = {name: known[prefix + name] for name in named if prefix + name in known}
    return source


def _revision_of(source: Mapping[str, Json]) -> str:
    """The digest of what a waiting run is pinned to; what is always current is not in it. No two rules share one."""
    rule = source["rule"]
    pinned = {key: rule[key] for key in PINNED if key in rule}
    parts = [source["id"], pinned, source["segments"], source["metrics"], source["calendars"]]
    return digest(json.dumps([_canonical(part) for part in parts], ensure_ascii=False, separators=(",", ":")))


def _canonical(value: Json, key: str = "") -> Json:
    """Maps without their order, but for the branches of a split, whose order decides who is in which."""
    if isinstance(value, Mapping):
        pairs = [[name, _canonical(item, name)] for name, item in value.items()]
        return pairs if key == "split" else sorted(pairs, key=lambda pair: str(pair[0]))
    return [_canonical(item) for item in value] if isinstance(value, list) else value


def _needs(rule: Rule) -> Needs:
    found = [need for trigger in rule.triggers for need in _trigger_needs(trigger)]
    found += [need for trigger in rule.exit_when for need in _trigger_needs(trigger)]
    goal: Goal | None = rule.goal
    if goal is not None:
        found += _trigger_needs(goal.trigger)
    if rule.condition is not None:
        found.append(rule.condition.needs)
    root, _, path = rule.runs.per.partition(".")
    if root == "customer":
        found.append(Needs(customer=frozenset({path})))
    elif root == "event":
        found.append(Needs(event_fields=frozenset({path})))
    return Needs.union(*found, *_step_needs(rule.steps))


def _trigger_needs(trigger: Trigger) -> list[Needs]:
    if isinstance(trigger, EventTrigger | BecomesTrigger):
        return [trigger.condition.needs] if trigger.condition else []
    assert isinstance(trigger, ScheduleTrigger)
    fields = {trigger.timezone_field} if trigger.timezone_field else set()
    if trigger.field_schedule is not None:
        fields.add(trigger.field_schedule.field)
    conditions: list[Condition] = [trigger.each] if trigger.each else []
    return [Needs(customer=frozenset(fields)), *(condition.needs for condition in conditions)]


def _step_needs(steps: tuple[Step, ...]) -> Iterator[Needs]:
    for step in walk(steps):
        if isinstance(step, IfStep):
            yield step.condition.needs
        elif isinstance(step, WaitForStep):
            yield from _trigger_needs(step.trigger)
        elif isinstance(step, ActionStep):
            yield step.inputs.needs
        elif isinstance(step, SetStep):
            yield step.fields.needs
        elif isinstance(step, EmitStep):
            yield step.data.needs
        elif isinstance(step, WaitStep):
            yield from (template.needs for template in (step.duration, step.until) if template is not None)
