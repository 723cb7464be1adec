"""Walking through the steps of a rule."""

from __future__ import annotations

from collections.abc import Iterator

from retain.language.rules import ActionStep, IfStep, SplitStep, Step, StopStep, WaitForStep
from retain.registry import Registry


def walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Every step, also those inside others, in written order."""
    for step in steps:
        yield step
        for inner in inner_steps(step):
            yield from walk(inner)


def first_message(steps: tuple[Step, ...], registry: Registry) -> str:
    """The first action among steps and their branches that sends a message; empty where none does."""
    for step in steps:
        if isinstance(step, ActionStep):
            action = registry.actions.get(step.action)
            if action is not None and action.channel:
                return step.action
        for inner in inner_steps(step):
            found = first_message(inner, registry)
            if found:
                return found
    return ""


def inner_steps(step: Step) -> tuple[tuple[Step, ...], ...]:
    """The lists of steps inside a step."""
    if isinstance(step, IfStep | WaitForStep):
        return step.then, step.otherwise
    if isinstance(step, SplitStep):
        return tuple(branch.steps for branch in step.branches)
    return (step.error_steps,) if isinstance(step, ActionStep) else ()


def always_ends(step: Step) -> bool:
    """Whether no run comes out of a step: it stops, or every way through it does."""
    if isinstance(step, IfStep | WaitForStep | SplitStep):
        return all(branch and any(map(always_ends, branch)) for branch in inner_steps(step))
    return isinstance(step, StopStep)
