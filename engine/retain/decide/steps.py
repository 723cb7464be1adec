"""Finding the way through a rule's steps: each path, its step, and the path that comes after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from retain.language.rules import ActionStep, IfStep, Rule, SplitStep, Step, WaitForStep

END = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """One step and the path of the step after it; "" is the end of the rule."""

    step: Step
    after: str


def stop_at(rule: Rule, path: str) -> Stop:
    """The step at a path of a rule."""
    return step_index(rule)[path]


_indexes: dict[str, dict[str, Stop]] = {}


def step_index(rule: Rule) -> dict[str, Stop]:
    """Every step of a rule by its path."""
    found = _indexes.get(rule.revision)
    if found is None or not rule.revision:
        found = {stop.step.path: stop for stop in _stops(rule.steps, END)}
        if len(_indexes) > 10_000:
            _indexes.clear()
        _indexes[rule.revision] = found
    return found


def first(steps: tuple[Step, ...], after: str) -> str:
    """The path of the first of some steps, or where it goes on without any."""
    return steps[0].path if steps else after


def _stops(steps: tuple[Step, ...], after: str) -> Iterator[Stop]:
    for position, step in enumerate(steps):
        following = steps[position + 1].path if position + 1 < len(steps) else after
        yield Stop(step, following)
        for inner in inner_steps(step):
            yield from _stops(inner, following)


def inner_steps(step: Step) -> tuple[tuple[Step, ...], ...]:
    """The blocks of steps inside a step."""
    if isinstance(step, IfStep | WaitForStep):
        return (step.then, step.otherwise)
    if isinstance(step, SplitStep):
        return tuple(branch.steps for branch in step.branches)
    if isinstance(step, ActionStep):
        return (step.error_steps,)
    return ()
