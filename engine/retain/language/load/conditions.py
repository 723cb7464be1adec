"""Lists of conditions, with `any`, `all` and `none` nested in them, into a `Condition`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Literal, TypeAlias

from retain.language.checking.expressions import read_condition
from retain.language.checking.guards import Guards, guards_of
from retain.language.checking.presence import present_in
from retain.language.condition import Clause, Condition
from retain.language.documents.faults import QUOTE_CURE
from retain.language.documents.nodes import ListNode, MapNode, Node, Scalar
from retain.language.environment import Environment
from retain.language.syntax.source import Source
from retain.model import Place, Problem

Keep: TypeAlias = Callable[[Iterable[Problem], str], None]
Group: TypeAlias = Literal["any", "all", "none"]

_GROUPS: tuple[Group, ...] = ("any", "all", "none")


def read_conditions(node: Node, env: Environment, path: str, keep: Keep) -> Condition | None:
    """The condition that a list of texts and groups is; None where any of it has an error.

    Args:
        path: of the list in its rule, e.g. "if"; clauses are "if[0]", "if[1].any[0]".
        keep: takes the problems of one text, and that text.
    """
    found: list[tuple[list[Problem], str]] = []

    def take(problems: Iterable[Problem], text: str) -> None:
        found.append((list(problems), text))

    clauses = _read_list(node, env, path, take)
    if any(problem.severity == "warning" for problems, _ in found for problem in problems) and clauses:
        found.clear()  # one condition may say what another is warned about: read again, knowing all of them
        known = reduce(or_, (guards_of(clause.node) for clause in clauses), env.guards)
        clauses = _read_list(node, replace(env, guards=known), path, take)
    for problems, text in found:
        keep(problems, text)
    return Condition(clauses) if clauses else None


def guarded(env: Environment, *conditions: Condition | None) -> Environment:
    """The environment in which these conditions are known to be true."""
    nodes = [node for condition in conditions if condition for node in condition.nodes]
    known = [guards_of(node) | Guards(present_in(node)) for node in nodes]
    return replace(env, guards=reduce(or_, known, env.guards)) if known else env


def read_clause(source: Source, env: Environment, path: str, place: Place, keep: Keep) -> Clause | None:
    """One condition text as a clause; None where it has an error."""
    checked, found = read_condition(source, env)
    if found and isinstance(source, Scalar):
        found = [_with_hint(source, problem) for problem in found]
    keep(found, source.text)
    return None if checked is None else Clause(path, " ".join(source.text.split()), place, checked)


def _read_list(node: Node, env: Environment, path: str, keep: Keep) -> tuple[Clause, ...] | None:
    if not isinstance(node, ListNode) or not node.items:
        what = "conditions must be a list with at least one item"
        keep([node.complain("E210", what, "write each condition on its own line, after '- '")], "")
        return None
    clauses: list[Clause] = []
    for index, item in enumerate(node.items):
        clause = _read_item(item, env, f"{path}[{index}]", keep)
        if clause is not None:
            clauses.append(clause)
    return tuple(clauses) if len(clauses) == len(node.items) else None


def _read_item(node: Node, env: Environment, path: str, keep: Keep) -> Clause | None:
    if isinstance(node, Scalar):
        return read_clause(node, env, path, node.place, keep)
    group = next((name for name in _GROUPS if isinstance(node, MapNode) and list(node.entries) == [name]), None)
    if group is None or not isinstance(node, MapNode):
        keep([_no_condition(node)], "")
        return None
    children = _read_list(node.entries[group], env, f"{path}.{group}", keep)
    return None if children is None else Clause.of_group(group, path, node.place, children)


def _no_condition(node: Node) -> Problem:
    if isinstance(node, MapNode) and len(node.keys) == 1:
        key = next(iter(node.keys.values()))
        if " " in key.text or "(" in key.text:
            return node.complain("E210", "YAML reads this as a key and its value, because of ': '", QUOTE_CURE)
        if key.text not in _GROUPS:
            return key.complain("E211", f"a condition has no key {key.text!r}", "groups are any, all and none")
    return node.complain("E210", "a condition must be a text, or a map with one of any, all, none")


def _with_hint(node: Scalar, problem: Problem) -> Problem:
    """Say so where YAML took a part of the text away, and what is left ends in the problem."""
    end = node.file.place(node.end, node.end)
    if (problem.place.line, problem.place.column + problem.place.width) < (end.line, end.column):
        return problem
    if node.style or problem.severity == "warning":
        return problem
    line = node.file.text[node.end : node.file.text.find("\n", node.end) % (len(node.file.text) + 1)]
    if line.lstrip(" \t").startswith("#") and line[:1] in (" ", "\t"):
        hint = f"YAML takes what follows ' #' as a comment; {QUOTE_CURE}"
        joint = "" if not problem.help else " " if problem.help.endswith("?") else "; "
        return replace(problem, help=f"{problem.help}{joint}{hint}")
    return problem
