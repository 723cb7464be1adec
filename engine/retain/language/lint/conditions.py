"""Conditions that are never true (W213) or always (W214), whatever the customer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from retain.language.condition import Clause, Condition
from retain.language.documents.nodes import Node as YamlNode
from retain.language.documents.nodes import Scalar
from retain.language.lint.domains import Alternatives, Ways, alternatives, both
from retain.language.lint.subject import Subject
from retain.language.rules import BecomesTrigger, EventTrigger, IfStep, Trigger, WaitForStep
from retain.language.steps import walk
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.model import Problem

NEVER = "this is never true"
ALWAYS = "this is always true"
_VALUES = (ast.Field, ast.RowField, ast.Literal_)  # which may stand for an argument of a function
_CURE = "correct it, or leave it out"


def condition_problems(subject: Subject, ways: Ways) -> list[Problem]:
    """What is wrong with the conditions of one rule, each by itself and those of one instant together."""
    rule = subject.rule
    problems: list[Problem] = []
    for condition in _conditions(subject):
        problems += _of_condition(subject, condition, ways)
    if problems or rule.condition is None:
        return problems
    for trigger in rule.triggers:
        tested = tested_by(trigger)
        if tested is not None:
            clauses = (*tested.clauses, *rule.condition.clauses)
            problems += _contradiction(subject, clauses, ways)
    return problems


def tested_by(trigger: Trigger) -> Condition | None:
    """The conditions of a trigger itself."""
    return trigger.condition if isinstance(trigger, EventTrigger | BecomesTrigger) else trigger.each


def _conditions(subject: Subject) -> Iterator[Condition]:
    rule = subject.rule
    awaited = [*rule.exit_when, *((rule.goal.trigger,) if rule.goal else ())]
    found: list[Condition | None] = [rule.condition, *map(tested_by, rule.triggers), *map(tested_by, awaited)]
    for step in walk(rule.steps):
        if isinstance(step, IfStep):
            found.append(step.condition)
        elif isinstance(step, WaitForStep):
            found.append(step.trigger.condition)
    return (condition for condition in found if condition is not None)


def _of_condition(subject: Subject, condition: Condition, ways: Ways) -> list[Problem]:
    problems = [problem for clause in condition.clauses for problem in _of_clause(subject, clause, ways)]
    return problems or _contradiction(subject, condition.clauses, ways)


def _of_clause(subject: Subject, clause: Clause, ways: Ways) -> list[Problem]:
    """Of the smallest part that is at fault."""
    if clause.group == "test":
        found = list(_faults(clause.node, ways))
        if isinstance(clause.node, ast.Literal_):
            found.append((_verdict(clause.node, ways), clause.node))
        return [_told(subject.at(clause.path), clause, *fault) for fault in found]
    problems = [problem for child in clause.children for problem in _of_clause(subject, child, ways)]
    if not problems and (what := _verdict(clause.node, ways)):
        problems = [_told(subject.at(clause.path), clause, what, None)]
    return problems


def _told(at: YamlNode, clause: Clause, what: str, part: Node | None) -> Problem:
    code = "W213" if what == NEVER else "W214"
    if part is None or not isinstance(at, Scalar) or " ".join(at.text.split()) != clause.text:
        return at.complain(code, what, _CURE)
    return at.problem(code, what, part.start, part.end, _CURE)


def _faults(node: Node, ways: Ways) -> Iterator[tuple[str, Node]]:
    inner = [fault for part in _conditions_in(node) for fault in _faults(part, ways)]
    if inner:
        yield from inner
    elif _is_bool(node) and (what := _verdict(node, ways)):
        yield what, node


def _conditions_in(node: Node) -> Iterable[Node]:
    """The conditions directly inside a node that were written where it was."""
    if isinstance(node, ast.MetricRef | ast.InSegment | ast.Expanded):
        return ()
    return node.children()


def _is_bool(node: Node) -> bool:
    return node.type is not None and node.type.kind == "bool" and not isinstance(node, _VALUES)


def _verdict(node: Node, ways: Ways) -> str:
    if not ways.of(node):
        return NEVER
    if node.type is not None and not node.type.nullable and not alternatives(node, False):
        return ALWAYS
    return ""


def _contradiction(subject: Subject, clauses: tuple[Clause, ...], ways: Ways) -> list[Problem]:
    """The first clause that cannot be true beside those before it."""
    each = [ways.of(clause.node) for clause in clauses]
    if len(each) < 2 or both(each):
        return []
    for index, clause in enumerate(clauses):
        if not both(each[: index + 1]):
            message = f"this is never true together with {_other(clauses, each, index)}"
            return [subject.said(clause.path, "W213", message, _CURE)]
    return []


def _other(clauses: tuple[Clause, ...], each: list[Alternatives], index: int) -> str:
    for before, way in zip(clauses, each[:index], strict=False):
        if not both([way, each[index]]):
            return f"{before.text!r}" if before.group == "test" else f"the group {before.text!r}"
    return "the conditions before it"
