"""Two rules that stand in each other's way: by what they set (W215), and by whom they write to (W216)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from retain.instants import DAY
from retain.language.checking.guards import key
from retain.language.condition import Condition
from retain.language.documents.nodes import MapNode, Part
from retain.language.lint.conditions import tested_by
from retain.language.lint.domains import Alternatives, Domain, Ways, both, together
from retain.language.lint.messages import Sent
from retain.language.lint.subject import Subject
from retain.language.rules import (
    BecomesTrigger,
    EventTrigger,
    IfStep,
    Policy,
    ScheduleTrigger,
    SetStep,
    Step,
    Trigger,
    WaitForStep,
    WaitStep,
)
from retain.model import Json, Problem

Told: TypeAlias = tuple[Subject, Problem]  # the rule that a problem is told at
_CHANGED = ("event", "customer_updated")
_FEW = 8  # rules that are compared each with each; of more, only those that can concern the same customers


@dataclass(frozen=True, slots=True)
class Claim:
    """What one rule does to whom: started by which cause, under which facts, at which part of its text."""

    subject: Subject
    at: Part
    ways: Alternatives
    value: Json  # what it sets, or when it writes


def set_problems(subjects: Sequence[Subject], known: Ways) -> Iterator[Told]:
    """Rules that set one field to two values for the same customers and cause, or each undo what the other does."""
    claims: dict[tuple[Hashable, str], list[Claim]] = defaultdict(list)
    states: dict[str, list[Claim]] = defaultdict(list)
    for subject in subjects:
        for step, asked in _sets(subject.rule.steps):
            for name, value in _literals(step):
                at = _field_of(subject, step, name)
                for trigger in subject.rule.triggers:
                    claim = Claim(subject, at, _ways(subject, trigger, asked, known), value)
                    claims[cause_of(trigger), name].append(claim)
                    if isinstance(trigger, BecomesTrigger) or cause_of(trigger) == _CHANGED:
                        states[name].append(claim)
    for (_, name), group in claims.items():
        for one, other in _clashes(group, lambda one, other: one.value != other.value):
            value = _shown(one.value)
            what = f"{one.subject.rule.id} sets {name} of the same customers to {value} at the same instant"
            cure = "let their conditions exclude each other, or make them one rule"
            yield other.subject, other.at.complain("W215", what, cure)
    for name, group in states.items():
        yield from _undone(f"customer.{name}", group)


def message_pair_problems(
    sent: Sequence[tuple[Subject, Sequence[Sent]]], policies: Mapping[str, Policy], known: Ways
) -> Iterator[Told]:
    """Rules that write to the same customers within a day."""
    claims: dict[Hashable, list[Claim]] = defaultdict(list)
    for subject, messages in sent:
        if subject.rule.status != "live":
            continue
        for message in _first_by_channel(messages):
            policy = policies.get(message.channel)
            if policy is not None and any(cap.count == 1 and cap.per >= DAY for cap in policy.caps):
                continue  # the policy lets one of them through, whichever it is
            for trigger in subject.rule.triggers:
                ways = _ways(subject, trigger, message.asked, known)
                claim = Claim(subject, subject.key_of(message.step), ways, message.delay)
                claims[cause_of(trigger), message.channel].append(claim)
    told: set[str] = set()
    for group in claims.values():
        for one, other in _clashes(group, lambda one, other: abs(one.value - other.value) < DAY):
            if other.subject.rule.id not in told:
                told.add(other.subject.rule.id)
                what = f"{one.subject.rule.id} writes to the same customers within a day"
                cure = "let their conditions exclude each other, make them one rule, or cap the channel"
                yield other.subject, other.at.complain("W216", what, cure)


def cause_of(trigger: Trigger) -> Hashable:
    """What starts a rule: triggers with the same cause start at the same instant."""
    match trigger:
        case EventTrigger():
            return "event", trigger.event
        case BecomesTrigger():
            return "becomes", tuple(map(key, trigger.condition.nodes)), trigger.held
        case ScheduleTrigger():
            whom = trigger.each.key if trigger.each else ""
            return "schedule", trigger.cron, trigger.field_schedule, trigger.timezone, trigger.timezone_field, whom


def _ways(subject: Subject, trigger: Trigger, asked: Iterable[Condition], known: Ways) -> Alternatives:
    conditions = [tested_by(trigger), subject.rule.condition, *asked]
    return both(known.of(node) for condition in conditions if condition for node in condition.nodes)


def _clashes(group: Sequence[Claim], differs: Callable[[Claim, Claim], bool]) -> Iterator[tuple[Claim, Claim]]:
    """For each claim of the group the first one before it, of another rule, that it clashes with."""
    for bucket in _buckets(group):
        for index, other in enumerate(bucket):
            for one in bucket[:index]:
                if one.subject is not other.subject and differs(one, other) and _overlap(one.ways, other.ways):
                    yield one, other
                    break


def _overlap(one: Alternatives, other: Alternatives) -> bool:
    return any(together(this, that) is not None for this in one for that in other)


def _buckets(group: Sequence[Claim]) -> Iterable[Sequence[Claim]]:
    """The group, or where it is large, parts of it: by the value that one field must have, so that few are compared."""
    if len(group) <= _FEW:
        return (group,)
    counts: dict[str, int] = defaultdict(int)
    for claim in group:
        for name in _fixed(claim):
            counts[name] += 1
    if not counts:
        return (group,)
    name = max(counts, key=lambda known: counts[known])
    parts: dict[Json, list[Claim]] = defaultdict(list)
    loose = [claim for claim in group if name not in _fixed(claim)]
    for claim in group:
        for value in _fixed(claim).get(name, ()):
            parts[value].append(claim)
    return [[*loose, *part] for part in parts.values()] if parts else (group,)


def _fixed(claim: Claim) -> Mapping[str, frozenset[Json]]:
    """The fields that must have one of a few values, in a claim with one way."""
    if len(claim.ways) != 1:
        return {}
    return {
        name: domain.allowed for name, domain in claim.ways[0].items() if domain.allowed and not name.startswith("?")
    }


def _undone(field: str, group: Sequence[Claim]) -> Iterator[Told]:
    """Pairs that set each other off for ever: each waits for what the other sets."""
    for index, other in enumerate(group):
        for one in group[:index]:
            if one.subject is not other.subject and _waits_for(one, field, other) and _waits_for(other, field, one):
                what = f"{one.subject.rule.id} undoes this, and this undoes it: each starts the other again"
                cure = "let one of them end in a value that the other does not wait for"
                yield other.subject, other.at.complain("W215", what, cure)
                break


def _waits_for(claim: Claim, field: str, other: Claim) -> bool:
    """Whether what the other sets can start this rule, which ends where this rule leaves the field."""
    begins, ends = (
        _overlap(claim.ways, [{field: Domain(allowed=frozenset((value,)))}]) for value in (other.value, claim.value)
    )
    return begins and not ends


def _sets(
    steps: tuple[Step, ...], asked: tuple[Condition, ...] = ()
) -> Iterator[tuple[SetStep, tuple[Condition, ...]]]:
    """The `set` steps that are reached at the instant of the start, and what branches ask before them."""
    for step in steps:
        if isinstance(step, SetStep):
            yield step, asked
        elif isinstance(step, IfStep):
            yield from _sets(step.then, (*asked, step.condition))
        elif isinstance(step, WaitStep | WaitForStep):
            return


def _literals(step: SetStep) -> Iterator[tuple[str, Json]]:
    shape: Json = step.fields.shape
    for name, value in shape.items() if isinstance(shape, Mapping) else ():
        if isinstance(value, str | bool | int | float):
            yield name.removeprefix("customer."), value


def _field_of(subject: Subject, step: SetStep, name: str) -> Part:
    node = subject.at(f"{step.path}.set")
    return node.keys.get(name, node) if isinstance(node, MapNode) else node


def _first_by_channel(messages: Sequence[Sent]) -> Iterator[Sent]:
    """The first message of each channel that no branch after a wait asks about."""
    seen: set[str] = set()
    for one in messages:
        if one.channel not in seen and (not one.asks or one.asked):
            seen.add(one.channel)
            yield one


def _shown(value: Json) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
