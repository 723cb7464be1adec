"""Texts of the language read in one go: parsed, checked and warned about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from retain.errors import ConditionError
from retain.language.checking.checker import Expected, check
from retain.language.checking.guards import Guards, guards_of
from retain.language.checking.lint import lint
from retain.language.environment import Environment
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.language.syntax.parser import parse
from retain.language.syntax.source import Source
from retain.model import Problem


def read_condition(source: Source, env: Environment) -> tuple[Node | None, list[Problem]]:
    """A condition ready for the evaluators, None where it has an error; with all its errors or else its warnings."""
    return _read(source, env, "condition")


def read_value(source: Source, env: Environment) -> tuple[Node | None, list[Problem]]:
    """A value of any type ready for the evaluators, None where it has an error."""
    return _read(source, env, "value")


def read_conditions(sources: Sequence[Source], env: Environment) -> tuple[list[Node | None], list[Problem]]:
    """Conditions joined by `and`: what one tests for missing, no warning about another asks for again."""
    env = replace(env, guards=env.guards | guards(sources))
    read = [read_condition(source, env) for source in sources]
    return [node for node, _ in read], [problem for _, problems in read for problem in problems]


def guards(sources: Iterable[Source]) -> Guards:
    """What conditions joined by `and` test for missing, for `Environment.guards`; texts with errors say nothing."""
    found = Guards()
    for source in sources:
        try:
            found |= guards_of(parse(source))
        except ConditionError:
            continue  # it is reported where it is read
    return found


def references(node: Node) -> tuple[frozenset[str], frozenset[str]]:
    """The segments and the metrics that a tree, checked or not, names itself."""
    segments = {part.name for part in node.walk() if isinstance(part, ast.InSegment)}
    metrics = {part.name for part in node.walk() if isinstance(part, ast.MetricRef)}
    return frozenset(segments), frozenset(metrics)


def _read(source: Source, env: Environment, expect: Expected) -> tuple[Node | None, list[Problem]]:
    known = env.remembered(expect, source.text)
    if known is not None:
        return known, []
    try:
        node = parse(source)
    except ConditionError as error:
        return None, [error.problem]
    checked, problems = check(node, source, env, expect=expect)
    if problems or any(part.type is None for part in checked.walk()):  # an undeclared event is the trigger's problem
        return None, sorted(problems, key=lambda problem: (problem.place.line, problem.place.column))
    warnings = lint(checked, source, env)
    if not warnings:
        env.remember(expect, source.text, checked)
    return checked, warnings
