"""One rule: its keys, what they mean together, and the text that its waiting runs are pinned to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast

from retain.language.checking.expressions import read_value
from retain.language.condition import Condition, Needs
from retain.language.documents.nodes import MapNode, Node, Scalar, plain
from retain.language.documents.shapes import (
    Problems,
    good_name,
    read_choice,
    read_keys,
    read_limit,
    read_share,
    read_text,
    read_texts,
)
from retain.language.load.conditions import guarded, read_conditions
from retain.language.load.context import RUNNING, STARTED, Draft, Names
from retain.language.load.steps import read_steps
from retain.language.load.triggers import read_exits, read_goal, read_starts
from retain.language.rules import (
    ActionStep,
    BecomesTrigger,
    EmitStep,
    EventTrigger,
    Goal,
    IfStep,
    Limit,
    Mode,
    OnChange,
    Rule,
    Runs,
    ScheduleTrigger,
    SetStep,
    Status,
    Step,
    Trigger,
    WaitForStep,
    WaitStep,
)
from retain.language.steps import walk
from retain.language.syntax.ast import Field
from retain.language.time.schedules import Calendar
from retain.model import Json, digest

KEYS = (
    "description", "owner", "tags", "status", "when", "if", "runs", "exit_when", "goal", "holdout", "breaker",
    "liveness", "then", "on_change", "was",
)  # fmt: skip
RUNS_KEYS = ("per", "mode", "at_most")
STATUS = ("live", "shadow", "off")
MODES = ("single", "restart", "queue", "parallel")
ON_CHANGE = ("finish", "move", "exit")
PINNED = ("when", "if", "runs", "exit_when", "goal", "then")
LANGUAGE_VERSION = 1


def read_rule(key: Scalar, node: Node, names: Names) -> tuple[Rule | None, Problems, set[str]]:
    """A rule, what is wrong with it, and those of the names it uses that have an error themselves."""
    problems: Problems = []
    good_name(key, "a rule", problems)
    read = read_keys(node, KEYS, f"rule {key.text}", problems, required=("when", "then"), at=key)
    if read is None:
        return None, problems, set()
    was = read_text(read.get("was"), "was", problems)
    draft = Draft(id=key.text, state_id=was or key.text, names=names, problems=problems, env=names.environment(RUNNING))
    rule = _read(key, read, was, draft)
    failed = draft.blamed or any(problem.severity == "error" for problem in problems)
    return (None if failed else rule), problems, draft.blamed


def _read(key: Scalar, node: MapNode, was: str, draft: Draft) -> Rule:
    problems = draft.problems
    when = node.get("when")
    triggers = read_starts(when, draft) if when is not None else ()
    roots = RUNNING if draft.has_customer else RUNNING - {"customer", "metrics"}
    draft.env = draft.names.environment(roots, draft.starts, has_start=True)
    test = node.get("if")
    start = replace(draft.env, roots=roots & STARTED, has_start=False)
    condition = read_conditions(test, start, "if", draft.keep) if test is not None else None
    runs = _read_runs(node.get("runs"), draft)
    exits = node.get("exit_when")
    exit_when = read_exits(exits, draft) if exits is not None else ()
    goal_node = node.get("goal")
    goal = read_goal(goal_node, draft) if goal_node is not None else None
    then = node.get("then")
    steps = read_steps(then, "then", guarded(draft.env, condition), draft)[0] if then is not None else ()
    on_change = read_choice(node.get("on_change"), ON_CHANGE, "on_change", problems) or "finish"
    if on_change == "move":
        for wait in draft.waits_without_id:
            problems.append(
                wait.complain("W205", "a run that waits here cannot move to an edited rule", "give it an id")
            )
    rule = Rule(
        id=key.text,
        place=key.place,
        description=read_text(node.get("description"), "description", problems),
        owner=read_text(node.get("owner"), "owner", problems),
        tags=read_texts(node.get("tags"), "tags", problems),
        status=cast(Status, read_choice(node.get("status"), STATUS, "status", problems) or "live"),
        was=was,
        triggers=triggers,
        condition=condition,
        runs=runs,
        exit_when=exit_when,
        goal=goal,
        holdout=read_share(node.get("holdout"), "holdout", problems),
        breaker=read_limit(node.get("breaker"), "breaker", problems),
        liveness=read_limit(node.get("liveness"), "liveness", problems, "runs"),
        steps=steps,
        on_change=cast(OnChange, on_change),
        calendars={
            name: calendar for name, calendar in draft.names.calendars.items() if f"calendar {name}" in draft.mentions
        },
        uses=tuple(draft.actions),
    )
    needs = _needs(rule)
    source = pinned_source(rule.id, node, needs, draft)
    return replace(rule, needs=needs, revision=revision_of(source), source=source)


def _read_runs(node: Node | None, draft: Draft) -> Runs:
    if node is None:
        return Runs()
    read = read_keys(node, RUNS_KEYS, "runs", draft.problems)
    if read is None:
        return Runs()
    mode = read_choice(read.get("mode"), MODES, "mode", draft.problems) or "single"
    at_most: Limit | None = read_limit(read.get("at_most"), "at_most", draft.problems)
    if at_most and mode == "restart":
        what = "a start that at_most refuses does not restart the run that waits"
        cure = "it goes on with the data it began with; leave out at_most if every start shall restart it"
        draft.problems.append(read.keys["at_most"].complain("W204", what, cure))
    per_node = read.get("per")
    per = _read_key(per_node, draft) if per_node is not None else ""
    return Runs(per=per, mode=cast(Mode, mode), at_most=at_most)


def _read_key(node: Node, draft: Draft) -> str:
    """The field whose value tells the runs of one customer apart."""
    cure = "write per: event.cart_id, or per: customer.company"
    if not isinstance(node, Scalar):
        draft.problems.append(node.complain("E210", "per must be one field", cure))
        return ""
    env = replace(draft.env, roots=draft.env.roots & STARTED)
    checked, found = read_value(node, env)
    draft.keep(found, node.text)
    if checked is None:
        return ""
    if not isinstance(checked, Field) or checked.root not in ("event", "customer"):
        draft.problems.append(node.complain("E210", "per must be one field of the event or the customer", cure))
        return ""
    if checked.type is not None and checked.type.kind in ("text_set", "number_set", "opaque"):
        draft.problems.append(node.complain("E312", f"{node.text} holds more than one value, and a key is one", cure))
    return f"{checked.root}.{checked.path}"


def _calendars(draft: Draft) -> Mapping[str, Calendar]:
    known = draft.names.calendars
    return {name: known[name] for name in known if f"calendar {name}" in draft.mentions}


def pinned_source(rule_id: str, node: MapNode, needs: Needs, draft: Draft) -> Mapping[str, Json]:
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


def revision_of(source: Mapping[str, Json]) -> str:
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
