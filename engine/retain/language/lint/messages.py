"""Messages of one rule in the order in which they come: series, goals and consent (W212, W218, W221)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from retain.instants import DAY, format_duration
from retain.language.condition import Condition
from retain.language.lint.subject import Subject
from retain.language.rules import (
    ActionStep,
    EventTrigger,
    IfStep,
    Policy,
    SplitStep,
    Step,
    StopStep,
    WaitForStep,
    WaitStep,
)
from retain.model import Millis, Problem
from retain.registry import Registry


@dataclass(frozen=True, slots=True)
class Sent:
    """One message: how long after the start at the earliest, whether a branch asks before it, and what it asks.

    `asked` holds only what is asked at the instant of the start.
    """

    step: ActionStep
    channel: str
    delay: Millis
    asks: bool
    asked: tuple[Condition, ...]


def messages_of(subject: Subject, registry: Registry) -> list[Sent]:
    """The messages of a rule, in the order of its text; those of `on_error` are left out."""
    return list(_messages(subject.rule.steps, registry, 0, asks=False, asked=()))


def message_problems(subject: Subject, sent: list[Sent], policies: Mapping[str, Policy]) -> Iterator[Problem]:
    """Warnings about the messages of one rule."""
    rule = subject.rule
    if rule.goal is None and not rule.exit_when:
        later = next((one for one in sent if one.delay > sent[0].delay and not one.asks), None)
        if later is not None:
            what = "nothing ends this series early: who has done what it asks for gets this all the same"
            cure = "add exit_when or goal to the rule, or put the message into an if"
            yield subject.key_of(later.step).complain("W212", what, cure)
    late = next((one for one in sent if rule.goal is not None and one.delay >= rule.goal.within), None)
    if late is not None and rule.goal is not None:
        within = format_duration(rule.goal.within)
        what = f"the goal is looked for within {within}, and this is sent {format_duration(late.delay)} after the start"
        yield subject.key_of(late.step).complain("W218", what, "give the goal a longer `within`, or wait less")
    answers = any(isinstance(trigger, EventTrigger) for trigger in rule.triggers)
    for one in sent:
        policy = policies.get(one.channel)
        if policy is not None and not policy.consent and (not answers or one.delay >= DAY):
            what = f"this answers nothing the customer has just done, and {one.channel} asks for no consent"
            cure = f"add consent: marketing and unknown: refuse to the policy of {one.channel}"
            yield subject.key_of(one.step).complain("W221", what, cure)
            return


def _messages(
    steps: tuple[Step, ...], registry: Registry, delay: Millis, *, asks: bool, asked: tuple[Condition, ...]
) -> Iterator[Sent]:
    for step in steps:
        if isinstance(step, ActionStep):
            action = registry.actions.get(step.action)
            if action is not None and action.channel:
                yield Sent(step, action.channel, delay, asks, asked)
        elif isinstance(step, IfStep):
            then = (*asked, step.condition) if delay == 0 else asked
            yield from _messages(step.then, registry, delay, asks=True, asked=then)
            yield from _messages(step.otherwise, registry, delay, asks=True, asked=asked)
        elif isinstance(step, WaitForStep):
            yield from _messages(step.then, registry, delay + 1, asks=True, asked=asked)
            yield from _messages(step.otherwise, registry, delay + step.up_to, asks=True, asked=asked)
        elif isinstance(step, SplitStep):
            for branch in step.branches:
                yield from _messages(branch.steps, registry, delay, asks=asks, asked=asked)
        delay = _after(step, delay)


def _after(step: Step, delay: Millis) -> Millis:
    """How long after the start the next step comes at the earliest; a wait that is not written out is short."""
    if isinstance(step, WaitStep):
        known = step.duration.literal if step.duration is not None else None
        return delay + (known if isinstance(known, int) else 1)
    if isinstance(step, IfStep):
        return min(_through(step.then, delay), _through(step.otherwise, delay))
    if isinstance(step, WaitForStep):
        return min(_through(step.then, delay + 1), _through(step.otherwise, delay + step.up_to))
    if isinstance(step, SplitStep):
        return min((_through(branch.steps, delay) for branch in step.branches), default=delay)
    return delay


def _through(steps: tuple[Step, ...], delay: Millis) -> Millis:
    for step in steps:
        if isinstance(step, StopStep):
            return 2**53  # nobody comes out
        delay = _after(step, delay)
    return delay
