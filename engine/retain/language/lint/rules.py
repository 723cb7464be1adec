"""All that can be said of rules that are right by themselves: one by one, by pairs, and of their tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from retain.language.lint.conditions import condition_problems
from retain.language.lint.costs import cost_problems
from retain.language.lint.domains import Ways
from retain.language.lint.messages import message_problems, messages_of
from retain.language.lint.pairs import Told, message_pair_problems, set_problems
from retain.language.lint.starts import start_problems
from retain.language.lint.subject import Subject
from retain.language.rules import Policy
from retain.model import Json
from retain.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What rules stand in.

    Args:
        zone: the account's.
        tests: the tests beside the rules, by name.
    """

    registry: Registry
    policies: Mapping[str, Policy]
    tests: Mapping[str, Mapping[str, Json]]
    zone: tzinfo


def lint_rules(subjects: Sequence[Subject], around: Surroundings) -> list[Told]:
    """Every warning with the rule that it is told at; rules that are off are passed over."""
    active = [subject for subject in subjects if subject.rule.status != "off"]
    found: list[Told] = []
    ways = Ways()
    sent = [(subject, messages_of(subject, around.registry)) for subject in active]
    for subject, messages in sent:
        found += ((subject, problem) for problem in condition_problems(subject, ways))
        found += ((subject, problem) for problem in message_problems(subject, messages, around.policies))
        found += ((subject, problem) for problem in start_problems(subject, around.zone))
        found += ((subject, problem) for problem in cost_problems(subject))
    found += set_problems(active, ways)
    found += message_pair_problems(sent, around.policies, ways)
    found += _untested(active, around.tests)
    return found


def _untested(subjects: Sequence[Subject], tests: Mapping[str, Mapping[str, Json]]) -> Iterator[Told]:
    """Rules without a test, in a project that tests its rules."""
    tested = {name for test in tests.values() for name in _rules_of(test["test"])}
    for subject in subjects if tested else ():
        if subject.rule.id not in tested:
            what = f"no test is about {subject.key.text}"
            yield subject, subject.key.complain("W220", what, "write one under tests: in this file or in tests/")


def _rules_of(test: Mapping[str, Json]) -> Sequence[str]:
    named = test.get("rule", ())
    return named if isinstance(named, list) else [str(named)]
