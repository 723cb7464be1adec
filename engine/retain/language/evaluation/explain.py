"""Why a condition is true, false or unknown for one customer at one instant: clause by clause, with the values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from retain.language.condition import Clause, Condition
from retain.language.evaluation.interpreter import evaluate
from retain.language.evaluation.render import render, without_brackets
from retain.language.evaluation.values import common_type, convert, show, to_json, type_of
from retain.language.scope import Scope
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.model import Json, Place

Verdict: TypeAlias = Literal["true", "false", "unknown"]

_LEAVES = (ast.Field, ast.History, ast.MetricRef, ast.Expanded, ast.InSegment)
_LEAF_CALLS = ("age", "known_days", "days_since", "days_until")
_RELATIONS: Mapping[ast.CompareOp, tuple[str, ast.CompareOp]] = {
    "==": ("", "!="),
    "!=": ("not ", "=="),
    "<": ("less than ", ">="),
    "<=": ("at most ", ">"),
    ">": ("more than ", "<="),
    ">=": ("at least ", "<"),
}


@dataclass(frozen=True, slots=True)
class ClauseReport:
    """What one clause came to, and why.

    Args:
        values: of each fact that it reads, as JSON; `shown` holds the same for people (`49.90`, `missing`).
        decisive: whether it keeps the whole from being true.
        why: what is so, where it is decisive.
        would_be_true_if: what would have to be so instead.
    """

    path: str
    text: str
    place: Place
    verdict: Verdict
    values: Mapping[str, Json]
    shown: Mapping[str, str]
    decisive: bool
    why: str = ""
    would_be_true_if: str = ""
    children: tuple[ClauseReport, ...] = ()


def explain(condition: Condition, scope: Scope) -> list[ClauseReport]:
    """A report for each clause, in written order."""
    return [_report(clause, scope, wanted=True, decisive=True) for clause in condition.clauses]


def would_be_true_if(condition: Condition, scope: Scope) -> str:
    """What would have to be so for the whole to be true; empty where it is."""
    found = [report.would_be_true_if for report in explain(condition, scope) if report.would_be_true_if]
    return found[0] if len(found) == 1 else " and ".join(f"({one})" if " or " in one else one for one in found)


def _report(clause: Clause, scope: Scope, *, wanted: bool, decisive: bool) -> ClauseReport:
    value = evaluate(clause.node, scope)
    blamed = decisive and value is not wanted
    inner = not wanted if clause.group == "none" else wanted
    facts = {} if clause.children else dict(_facts(clause.node, scope))
    return ClauseReport(
        clause.path,
        clause.text,
        clause.place,
        "unknown" if value is None else "true" if value else "false",
        {text: to_json(found, type_of(leaf), scope.zone) for text, (leaf, found) in facts.items()},
        {text: show(found, type_of(leaf), scope.zone) for text, (leaf, found) in facts.items()},
        blamed,
        _Story(scope).why(clause.node, wanted) if blamed else "",
        _Story(scope).cure(clause.node, wanted) if blamed else "",
        tuple(_report(child, scope, wanted=inner, decisive=blamed) for child in clause.children),
    )


def _facts(node: Node, scope: Scope) -> Iterator[tuple[str, tuple[Node, Json]]]:
    """The facts that a test reads, in written order; what a filter or a metric reads belongs to that."""
    if isinstance(node, _LEAVES) or (isinstance(node, ast.Call) and node.function in _LEAF_CALLS):
        yield render(node), (node, evaluate(node, scope))
    elif not isinstance(node, ast.Changed):
        for child in node.children():
            yield from _facts(child, scope)


@dataclass(frozen=True, slots=True)
class _Story:
    """The words for one customer at one instant; `wanted` is the verdict that would have let the whole be true."""

    scope: Scope

    def why(self, node: Node, wanted: bool) -> str:
        """What is so, for a test that did not come to what was wanted."""
        if isinstance(node, ast.Not):
            return self.why(node.part, not wanted)
        if isinstance(node, ast.And | ast.Or):
            return "; ".join(self.why(part, wanted) for part in self._blamed(node, wanted))
        if evaluate(node, self.scope) is None:
            missing = [f"{text} is missing" for text, (_, value) in _facts(node, self.scope) if value is None]
            return " and ".join(missing) or f"{without_brackets(render(node))} has no value"
        return _WHY.get(type(node), _Story._why_plain)(self, node)

    def cure(self, node: Node, wanted: bool) -> str:
        """What would have to be so instead."""
        if isinstance(node, ast.Not):
            return self.cure(node.part, not wanted)
        if isinstance(node, ast.And | ast.Or):
            word = " and " if isinstance(node, ast.And) == wanted else " or "
            return word.join(self.cure(part, wanted) for part in self._blamed(node, wanted))
        return _CURES.get(type(node), _Story._cure_plain)(self, node, wanted)

    def _blamed(self, node: ast.And | ast.Or, wanted: bool) -> list[Node]:
        return [part for part in node.parts if evaluate(part, self.scope) is not wanted]

    def _shown(self, node: Node) -> str:
        if isinstance(node, ast.Literal_):
            return render(node)
        return show(evaluate(node, self.scope), type_of(node), self.scope.zone)

    def _why_plain(self, node: Node) -> str:
        return f"{without_brackets(render(node))} is {self._shown(node)}"

    def _why_compare(self, node: ast.Compare) -> str:
        type_ = common_type(type_of(node.left), type_of(node.right))
        zone = self.scope.zone
        left = convert(evaluate(node.left, self.scope), type_of(node.left), type_, zone)
        right = convert(evaluate(node.right, self.scope), type_of(node.right), type_, zone)
        if left == right and node.op in ("<", ">"):
            word = "less" if node.op == "<" else "more"
            return f"{self._shown(node.left)} is not {word} than {self._shown(node.right)}"
        if left == right:
            return f"{self._shown(node.left)} is {self._shown(node.right)}"
        if type_.kind in ("text", "bool"):
            return f"{self._shown(node.left)} is not {self._shown(node.right)}"
        return f"{self._shown(node.left)} is {'less' if left < right else 'more'} than {self._shown(node.right)}"

    def _why_between(self, node: ast.Between) -> str:
        inside = "" if evaluate(node, self.scope) else "not "
        return f"{self._shown(node.value)} is {inside}between {self._shown(node.low)} and {self._shown(node.high)}"

    def _why_in(self, node: ast.In) -> str:
        items = ", ".join(self._shown(item) for item in node.items)
        return f"{self._shown(node.value)} is {'' if evaluate(node, self.scope) else 'not '}one of {items}"

    def _why_contains(self, node: ast.Contains) -> str:
        word = "contains" if evaluate(node, self.scope) else "does not contain"
        mode = "" if node.mode == "one" else f"{node.mode} of "
        return f"{self._shown(node.value)} {word} {mode}{', '.join(self._shown(item) for item in node.items)}"

    def _why_text(self, node: ast.TextTest) -> str:
        word = f"{node.op} with" if evaluate(node, self.scope) else f"does not {node.op[:-1]} with"
        return f"{self._shown(node.value)} {word} {self._shown(node.part)}"

    def _why_missing(self, node: ast.Missing) -> str:
        if evaluate(node, self.scope):
            return f"{without_brackets(render(node.value))} is missing"
        return f"{without_brackets(render(node.value))} is {self._shown(node.value)}"

    def _why_segment(self, node: ast.InSegment) -> str:
        return f"the customer is {'' if evaluate(node, self.scope) else 'not '}in segment {node.name}"

    def _why_changed(self, node: ast.Changed) -> str:
        return f"{render(node.value)} {'changed' if evaluate(node, self.scope) else 'did not change'}"

    def _cure_plain(self, node: Node, wanted: bool) -> str:
        return f"{without_brackets(render(node))} were {'true' if wanted else 'false'}"

    def _cure_compare(self, node: ast.Compare, wanted: bool) -> str:
        op = node.op if wanted else _RELATIONS[node.op][1]
        return f"{render(node.left)} were {_RELATIONS[op][0]}{render(node.right)}"

    def _cure_missing(self, node: ast.Missing, wanted: bool) -> str:
        return f"{without_brackets(render(node.value))} were {'missing' if wanted else 'present'}"

    def _cure_in(self, node: ast.In, wanted: bool) -> str:
        items = ", ".join(self._shown(item) for item in node.items)
        return f"{render(node.value)} were {'one' if wanted else 'none'} of {items}"

    def _cure_between(self, node: ast.Between, wanted: bool) -> str:
        ends = f"between {render(node.low)} and {render(node.high)}"
        return f"{render(node.value)} were {'' if wanted else 'not '}{ends}"

    def _cure_contains(self, node: ast.Contains, wanted: bool) -> str:
        word = "contained" if wanted else "did not contain"
        mode = "" if node.mode == "one" else f"{node.mode} of "
        return f"{render(node.value)} {word} {mode}{', '.join(self._shown(item) for item in node.items)}"

    def _cure_text(self, node: ast.TextTest, wanted: bool) -> str:
        word = f"{node.op[:-1]}ed with" if wanted else f"did not {node.op[:-1]} with"
        return f"{render(node.value)} {word} {self._shown(node.part)}"

    def _cure_changed(self, node: ast.Changed, wanted: bool) -> str:
        return f"{render(node.value)} had {'' if wanted else 'not '}changed"

    def _cure_segment(self, node: ast.InSegment, wanted: bool) -> str:
        return f"the customer were {'' if wanted else 'not '}in segment {node.name}"


_WHY: Mapping[type[Node], Callable[[_Story, Json], str]] = {
    ast.Compare: _Story._why_compare,
    ast.Between: _Story._why_between,
    ast.In: _Story._why_in,
    ast.Contains: _Story._why_contains,
    ast.TextTest: _Story._why_text,
    ast.Missing: _Story._why_missing,
    ast.InSegment: _Story._why_segment,
    ast.Changed: _Story._why_changed,
}
_CURES: Mapping[type[Node], Callable[[_Story, Json, bool], str]] = {
    ast.Compare: _Story._cure_compare,
    ast.Between: _Story._cure_between,
    ast.In: _Story._cure_in,
    ast.Contains: _Story._cure_contains,
    ast.TextTest: _Story._cure_text,
    ast.Changed: _Story._cure_changed,
    ast.Missing: _Story._cure_missing,
    ast.InSegment: _Story._cure_segment,
}
