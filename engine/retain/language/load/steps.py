"""Lists of steps: the core's own, and the actions of plugins.

Each reader gives the step and the environment of the steps after it, which knows what this one put out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias, cast

from retain.errors import did_you_mean
from retain.language.checking.guards import guards_of
from retain.language.checking.presence import can_be_unknown
from retain.language.documents.nodes import ListNode, MapNode, Node, Scalar
from retain.language.documents.shapes import (
    good_name,
    misfit,
    read_choice,
    read_duration,
    read_keys,
    read_number,
    read_text,
    refuse_unknown,
)
from retain.language.environment import Environment
from retain.language.load.actions import output_of, read_inputs, read_retry, unknown_action
from retain.language.load.conditions import guarded, read_conditions
from retain.language.load.context import Draft, StepText, optional
from retain.language.load.core_steps import read_clock, read_emit, read_set, read_stop, read_wait
from retain.language.load.triggers import read_awaited
from retain.language.rules import (
    ActionStep,
    Branch,
    EventTrigger,
    IfStep,
    OnError,
    SplitStep,
    Step,
    WaitForStep,
)
from retain.language.steps import always_ends, first_message
from retain.language.types import Type

SIBLINGS: Mapping[str, tuple[str, ...]] = {
    "wait": ("id", "until", "clock"),
    "wait_for": ("id", "up_to", "clock", "since", "then", "else"),
    "if": ("id", "then", "else"),
    "split": ("id",),
    "set": ("id",),
    "emit": ("id",),
    "stop": ("id",),
}
ACTION_SIBLINGS = ("id", "retry", "on_error")
SINCE = ("step", "start")
_STEP_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
Read: TypeAlias = tuple[Step | None, Environment]
_ALL_SIBLINGS = {key for keys in (*SIBLINGS.values(), ACTION_SIBLINGS) for key in keys}


def read_steps(node: Node, path: str, env: Environment, draft: Draft) -> tuple[tuple[Step, ...], Environment]:
    """The steps of a list, and the environment after the last of them."""
    if not isinstance(node, ListNode):
        draft.problems.append(misfit(node, "a list of steps", path.rsplit(".", 1)[-1], "write each step after '- '"))
        return (), env
    steps: list[Step] = []
    for index, item in enumerate(node.items):
        if steps and always_ends(steps[-1]):
            draft.problems.append(
                item.complain("W211", "no run comes here: the step before ends it", "take it out, or the end")
            )
        step, env = _read_step(item, f"{path}[{index}]", env, draft)
        if step is not None:
            steps.append(step)
    return tuple(steps), env


def _read_step(node: Node, path: str, env: Environment, draft: Draft) -> Read:
    if not isinstance(node, MapNode):
        draft.problems.append(misfit(node, "a map", "a step", "write - wait: 1h, or - email.send: {template: NAME}"))
        return None, env
    key = _action_key(node, draft)
    if key is None:
        return None, env
    text = StepText(node, key, path, _read_id(node, draft))
    reader = _CORE.get(key.text)
    siblings = ACTION_SIBLINGS if reader is None else SIBLINGS[key.text]
    refuse_unknown(
        node, (key.text, *siblings), f"{'an' if key.text[0] in 'aeiou' else 'a'} {key.text} step", draft.problems
    )
    return reader(text, env, draft) if reader else _read_action(text, env, draft)


def _action_key(node: MapNode, draft: Draft) -> Scalar | None:
    """The one key that says what the step does."""
    actions = draft.names.registry.actions
    keys = [key for key in node.keys.values() if key.text in SIBLINGS or "." in key.text or key.text in actions]
    if len(keys) > 1:
        what = f"one step does one thing, and this has {' and '.join(key.text for key in keys)}"
        draft.problems.append(keys[1].complain("E301", what, "begin a step of its own with '- '"))
        return None
    if keys:
        return keys[0]
    strange = [key for key in node.keys.values() if key.text not in _ALL_SIBLINGS]
    if strange:
        draft.problems.append(unknown_action(strange[0], draft, tuple(SIBLINGS)))
    else:
        known = did_you_mean("", [*SIBLINGS, *actions])
        draft.problems.append(node.complain("E301", "this step does nothing", known))
    return None


def _read_id(node: MapNode, draft: Draft) -> str:
    value = node.get("id")
    text = read_text(value, "id", draft.problems)
    if not text or value is None:
        return ""
    if not _STEP_ID.fullmatch(text):
        cure = f"write {re.sub(r'[^A-Za-z0-9_]+', '_', text)}" if text[0].isalpha() else "begin with a letter"
        draft.problems.append(value.complain("E218", f"{text!r} cannot be the id of a step", cure))
    elif text in draft.step_ids:
        draft.problems.append(value.complain("E303", f"another step has the id {text!r}", "give each step its own"))
    draft.step_ids.add(text)
    return text


def _read_action(text: StepText, env: Environment, draft: Draft) -> Read:
    node, key, path = text.node, text.key, text.path
    action = draft.names.registry.actions.get(key.text)
    if action is None:
        draft.problems.append(unknown_action(key, draft, tuple(SIBLINGS)))
    inputs = read_inputs(action, key, text.value, env, draft) if action else None
    on_error: OnError = "stop"
    error_steps: tuple[Step, ...] = ()
    on_error_node = node.get("on_error")
    if isinstance(on_error_node, ListNode):
        on_error = "steps"
        failed = _with_step(env, text.id, {"error": Type("text")})
        error_steps, _ = read_steps(on_error_node, f"{path}.on_error", failed, draft)
    elif on_error_node is not None:
        word = read_choice(on_error_node, ("stop", "continue"), "on_error", draft.problems)
        on_error = cast(OnError, word or "stop")
    retry = read_retry(node.get("retry"), draft)
    if action is None or inputs is None:
        draft.vague_steps.add(text.id)
        return None, _with_step(env, text.id, {})
    step = ActionStep(
        path=path,
        id=text.id,
        place=node.place,
        action=action.name,
        inputs=inputs,
        on_error=on_error,
        error_steps=error_steps,
        retry=retry,
    )
    return step, _with_step(env, text.id, output_of(action, on_error=on_error)) if text.id else env


def _read_if(text: StepText, env: Environment, draft: Draft) -> Read:
    node, path = text.node, text.path
    condition = read_conditions(text.value, env, f"{path}.if", draft.keep)
    then, after_then = _branch(node, "then", path, guarded(env, condition), draft, needed=True)
    otherwise, after_else = _branch(node, "else", path, env, draft)
    after = _joined(env, after_then, after_else)
    if condition is None:
        return None, after
    tested = env.guards.present.union(*(guards_of(clause).present for clause in condition.nodes))
    unknown = any(can_be_unknown(clause, tested) for clause in condition.nodes)
    if unknown and (message := first_message(otherwise, draft.names.registry)):
        what = f"{message} goes also to those for whom this condition is unknown"
        cure = "test for missing values with `is present` or default() before"
        draft.problems.append(node.keys["else"].complain("W203", what, cure))
    step = IfStep(path=path, id=text.id, place=node.place, condition=condition, then=then, otherwise=otherwise)
    return step, after


def _read_wait_for(text: StepText, env: Environment, draft: Draft) -> Read:
    node, path = text.node, text.path
    if not text.id:
        draft.waits_without_id.append(text.key)
    trigger = read_awaited(text.value, f"{path}.wait_for", env, draft)
    up_to = read_duration(node.get("up_to"), "up_to", draft.problems)
    if "up_to" not in node.entries:
        cure = "say how long at most: up_to: 3d, beside wait_for"
        draft.problems.append(text.key.complain("E212", "wait_for needs 'up_to'", cure))
    since = read_choice(node.get("since"), SINCE, "since", draft.problems) or "step"
    clock = read_clock(node.get("clock"), draft)
    fields = _event_fields(trigger, env)
    if trigger is None:
        draft.vague_steps.add(text.id)
    then, after_then = _branch(node, "then", path, _with_step(env, text.id, fields), draft)
    otherwise, after_else = _branch(node, "else", path, env, draft)
    after = _joined(_with_step(env, text.id, optional(fields)), after_then, after_else)
    if trigger is None or up_to is None:
        return None, after
    step = WaitForStep(
        path=path,
        id=text.id,
        place=node.place,
        trigger=trigger,
        up_to=up_to,
        clock=clock,
        since="start" if since == "start" else "step",
        then=then,
        otherwise=otherwise,
    )
    return step, after


def _read_split(text: StepText, env: Environment, draft: Draft) -> Read:
    node, path = text.node, text.path
    value, key = text.value, text.key
    if not text.id:
        cure = "add id: NAME beside split; who is in which branch goes by it"
        draft.problems.append(key.complain("E212", "split needs 'id'", cure))
    if not isinstance(value, MapNode) or not value.entries:
        draft.problems.append(misfit(value, "a map of branches", "split", "write a: {weight: 50, then: [...]}"))
        draft.vague_steps.add(text.id)
        return None, _with_step(env, text.id, {})
    env = _with_step(env, text.id, {"branch": Type("text", enum=tuple(value.entries))})
    branches: list[Branch] = []
    afters: list[Environment] = []
    for name, item in value.entries.items():
        good_name(value.keys[name], "a branch", draft.problems)
        branch = read_keys(item, ("weight", "then"), f"branch {name}", draft.problems, required=("weight",))
        if branch is None:
            continue
        weight = read_number(branch.get("weight"), "weight", draft.problems)
        steps, after = _branch(branch, "then", f"{path}.split.{name}", env, draft, own_path=True)
        afters.append(after)
        branches.append(Branch(name=name, weight=weight or 0, steps=steps))
    total = sum(branch.weight for branch in branches)
    if len(branches) == len(value.entries) and abs(total - 100) > 1e-9:
        draft.problems.append(key.complain("E304", f"the weights add to {total:g}, not to 100", "they are percentages"))
    step = SplitStep(path=path, id=text.id, place=node.place, branches=tuple(branches))
    return step, _joined(env, *afters)


def _branch(
    node: MapNode, key: str, path: str, env: Environment, draft: Draft, *, needed: bool = False, own_path: bool = False
) -> tuple[tuple[Step, ...], Environment]:
    value = node.get(key)
    if value is None:
        if needed:
            first = next(iter(node.keys.values()))
            draft.problems.append(
                first.complain("E212", f"{first.text} needs {key!r}", f"add {key}: with a list of steps")
            )
        return (), env
    return read_steps(value, path if own_path else f"{path}.{key}", env, draft)


def _event_fields(trigger: object, env: Environment) -> Mapping[str, Type]:
    if not isinstance(trigger, EventTrigger):
        return {}
    return {f"event.{name}": kind for name, kind in env.schema.events[trigger.event].items()}


def _with_step(env: Environment, step_id: str, fields: Mapping[str, Type]) -> Environment:
    return replace(env, steps={**env.steps, step_id: fields}) if step_id else env


def _joined(env: Environment, *branches: Environment) -> Environment:
    """After branches: what only one of them put out can be missing."""
    steps = dict(env.steps)
    for branch in branches:
        for step_id, fields in branch.steps.items():
            if step_id not in env.steps:
                steps[step_id] = optional(fields)
    return env if len(steps) == len(env.steps) else replace(env, steps=steps)


_CORE: Mapping[str, Callable[[StepText, Environment, Draft], Read]] = {
    "wait": lambda text, env, draft: (read_wait(text, env, draft), env),
    "wait_for": _read_wait_for,
    "if": _read_if,
    "split": _read_split,
    "set": lambda text, env, draft: (read_set(text, env, draft), env),
    "emit": lambda text, env, draft: (read_emit(text, env, draft), env),
    "stop": lambda text, env, draft: (read_stop(text, draft), env),
}
