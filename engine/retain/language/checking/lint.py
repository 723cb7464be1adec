"""Warnings: texts that mean something, though perhaps not what their author had in mind."""

from __future__ import annotations

from collections.abc import Iterator

from retain.instants import DAY
from retain.language.checking.guards import Guards, guards_of, key, reach
from retain.language.environment import Environment
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.language.syntax.source import Source
from retain.model import Problem

_ROLLING = ("last", "between", "calendar_days")


def lint(node: Node, source: Source, env: Environment) -> list[Problem]:
    """The warnings about one checked tree, in the order of the text."""
    linter = _Linter(source, env, guards_of(node) | env.guards)
    if node.type is not None and node.type.kind == "bool":
        linter.condition(node, True)
    for part in _written(node):
        linter.part(part)
    return sorted(
        linter.problems.values(), key=lambda problem: (problem.place.line, problem.place.column, problem.code)
    )


def _written(node: Node) -> Iterator[Node]:
    """The parts of this very text: what stands behind a name is warned about where it is written."""
    yield node
    if not isinstance(node, ast.MetricRef | ast.InSegment | ast.Expanded):
        for child in node.children():
            yield from _written(child)


class _Linter:
    def __init__(self, source: Source, env: Environment, guards: Guards) -> None:
        self.source = source
        self.env = env
        self.guards = guards
        self.problems: dict[tuple[str, int, int], Problem] = {}

    def text(self, node: Node) -> str:
        """A node as written."""
        return self.source.text[node.start : node.end]

    def warn(self, code: str, message: str, node: Node, cure: str) -> None:
        """Keep one problem of each code and place."""
        self.problems.setdefault(
            (code, node.start, node.end), self.source.problem(code, message, node.start, node.end, cure)
        )

    def part(self, node: Node) -> None:
        """Warnings about a part wherever it stands."""
        if isinstance(node, ast.Compare) and node.op in ("==", "!="):
            self._inexact(node, node.left, node.right)
        elif isinstance(node, ast.In):
            self._inexact(node, node.value, *node.items)
        elif isinstance(node, ast.History):
            self._currency(node)
            if node.where is not None:
                self.condition(node.where, True)
        elif isinstance(node, ast.Case):
            for test, _ in node.whens:
                self._negations(test, True)

    def condition(self, node: Node, wanted: bool) -> None:
        """Warnings about a condition that must be true, or under `not` false."""
        self._negations(node, wanted)
        self._newcomers(node, wanted)

    def _negations(self, node: Node, wanted: bool) -> None:
        if isinstance(node, ast.And | ast.Or):
            for part in node.parts:
                self._negations(part, wanted)
        elif isinstance(node, ast.Not):
            self._negations(node.part, not wanted)
        elif isinstance(node, ast.InSegment):
            if not wanted and node.body is not None and node.body.type is not None and node.body.type.nullable:
                self._segment(node)
        elif isinstance(node, ast.Compare):
            if (node.op == "!=") == wanted:
                self._missing(node.left, node.right)
        elif not wanted and isinstance(node, ast.In | ast.Between | ast.TextTest | ast.Contains):
            self._missing(*node.children())
        elif not wanted:
            self._missing(node)

    def _segment(self, node: ast.InSegment) -> None:
        cure = "test the missing field in the segment, or beside this, to say which is meant"
        what = f"whether a customer is in {node.name} can be unknown; such a customer counts as not in it"
        self.warn("W201", what, node, cure)

    def _missing(self, *nodes: Node) -> None:
        for node in nodes:
            for leaf in _leaves(node):
                if key(leaf) not in self.guards.present:
                    self._may_be_missing(leaf)

    def _may_be_missing(self, leaf: Node) -> None:
        written = self.text(leaf)
        who = "an event" if isinstance(leaf, ast.RowField) else "a customer"
        if isinstance(leaf, ast.Field) and leaf.root != "customer":
            who = "one"
        kind = leaf.type.kind if leaf.type else ""
        cure = f"write '{written} is present and ...' to say so, or '({written} is missing or ...)' to include them"
        if kind == "bool":
            cure = f"write default({written}, false), or '{written} is present' to leave out those without"
        self.warn("W201", f"{written} can be missing; {who} without it does not match this", leaf, cure)

    def _newcomers(self, node: Node, wanted: bool) -> None:
        if isinstance(node, ast.And | ast.Or):
            for part in node.parts:
                self._newcomers(part, wanted)
        elif isinstance(node, ast.Not):
            self._newcomers(node.part, not wanted)
        elif isinstance(node, ast.History) and node.function == "exists" and not wanted:
            self._new_customer(node)
        elif isinstance(node, ast.Compare):
            self._few(node, node.left, node.right, wanted, False)
            self._few(node, node.right, node.left, wanted, True)

    def _few(self, node: ast.Compare, look: Node, other: Node, wanted: bool, mirrored: bool) -> None:
        if not isinstance(look, ast.History) or look.function != "count" or not isinstance(other, ast.Literal_):
            return
        if _holds_for_none(node.op, other, mirrored) == wanted:
            self._new_customer(look)

    def _new_customer(self, look: ast.History) -> None:
        if look.window is None or look.window.form not in _ROLLING:
            return
        far = reach(look)
        days = far / DAY
        if self.guards.known_days >= days or any(e == look.event and r > far for e, r in self.guards.looks):
            return
        cure = f"write 'known_days() >= {days:g} and ...' to leave them out"
        self.warn("W202", "this also matches customers first seen yesterday, who had no time to", look, cure)

    def _inexact(self, node: Node, *sides: Node) -> None:
        if all(side.type is not None for side in sides) and any(
            side.type and side.type.kind == "number" for side in sides
        ):
            number = next(side for side in sides if side.type and side.type.kind == "number")
            cure = "write 'between ... and ...' or '>=', or declare the field with multipleOf if it is an amount"
            self.warn(
                "W207", f"{self.text(number)} is not a whole number, and may differ in its last digit", node, cure
            )

    def _currency(self, node: ast.History) -> None:
        fields = self.env.schema.events.get(node.event, {})
        currency = fields.get("currency")
        if node.function not in ("sum", "avg") or node.field_type is None or node.field_type.kind != "money":
            return
        if currency is None or len(currency.enum) == 1:
            return
        tested = node.where is not None and any(
            isinstance(part, ast.RowField) and part.path == "currency" for part in node.where.walk()
        )
        if not tested:
            cure = f"write {node.function}({node.event}.{node.path} where currency == 'EUR' ...)"
            self.warn("W208", "this adds amounts of different currencies", node, cure)


def _leaves(node: Node) -> Iterator[Node]:
    """The values in an operand that can make it missing."""
    if node.type is None or not node.type.nullable:
        return
    if isinstance(node, ast.Call) and node.function == "default":
        return
    if isinstance(node, ast.Field | ast.RowField | ast.History | ast.MetricRef | ast.Expanded):
        yield node
        return
    for child in node.children():
        yield from _leaves(child)


def _holds_for_none(op: ast.CompareOp, literal: ast.Literal_, mirrored: bool) -> bool:
    """Whether a count of zero passes `count op literal`."""
    if not isinstance(literal.value, int | float):
        return False
    left, right = (literal.value, 0) if mirrored else (0, literal.value)
    return {
        "==": left == right, "!=": left != right, "<": left < right, "<=": left <= right, ">": left > right,
        ">=": left >= right,
    }[op]  # fmt: skip
