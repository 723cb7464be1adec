"""The checker: every node gets its type, every name its meaning, and every problem of the text is reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from retain.language.checking.calls import Calls
from retain.language.checking.context import BOOL
from retain.language.environment import Environment
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.language.syntax.parser import parse
from retain.language.syntax.source import Source
from retain.model import Problem

MAX_EXPANDED = 4_096
MAX_EXPANDED_DEPTH = 96

Expected = Literal["condition", "value"]


def check(node: Node, source: Source, env: Environment, *, expect: Expected) -> tuple[Node, list[Problem]]:
    """The tree of `source` typed and rewritten, and all its problems; with a problem, some nodes have no type."""
    checker = Checker(source, env)
    checked = checker.need_bool(node) if expect == "condition" else checker.check(node)
    if not checker.problems:
        checker.bound(checked)
    return checked, checker.problems


class Checker(Calls):
    """One check of one text."""

    def check(self, node: Node) -> Node:
        """The node typed and rewritten; its type is None where it has a problem."""
        return _CHECKS[type(node)](self, node)

    def expanded(self, source: Source) -> tuple[Node, list[str]]:
        """The checked tree of a plugin function's text, and what is wrong with it."""
        inner = Checker(source, self.env, self.depth + 1)
        body = inner.check(parse(source))
        return body, [problem.message for problem in inner.problems]

    def changed(self, node: ast.Changed) -> Node:
        """`customer.plan changed`."""
        if node.value.root != "customer":
            self.report("E119", "only a field of the customer can have changed", node, "write customer.plan changed")
        elif not self.has_event:
            cure = "use it in a rule that starts on an event, e.g. customer_updated"
            self.report("E119", "there is no event here that could have changed it", node, cure)
        value = self.field(node.value) if node.value.root == "customer" else node.value
        assert isinstance(value, ast.Field)
        return ast.Changed(start=node.start, end=node.end, value=value, type=BOOL)

    def bound(self, node: Node) -> None:
        """Refuse a text that is small as written and huge with its metrics, segments and functions put in."""
        level: list[Node] = [node]
        count = 0
        for _ in range(MAX_EXPANDED_DEPTH):
            count += len(level)
            if count > MAX_EXPANDED:
                what = f"with its metrics, segments and functions put in, this has more than {MAX_EXPANDED:,} parts"
                self.report("E126", what, node, "ask for less at once")
                return
            level = [child for parent in level for child in parent.children()]
            if not level:
                return
        what = f"with its metrics, segments and functions put in, this is more than {MAX_EXPANDED_DEPTH} deep"
        self.report("E126", what, node, "let fewer metrics and segments name each other")


_CHECKS: Mapping[type[Node], Callable[[Checker, Any], Node]] = {
    ast.Literal_: lambda checker, node: node,
    ast.Field: Checker.field,
    ast.RowField: Checker.row_field,
    ast.Name: Checker.name,
    ast.MetricRef: Checker.metric,
    ast.InSegment: Checker.segment,
    ast.PluginCall: Checker.plugin_call,
    ast.And: Checker.logic,
    ast.Or: Checker.logic,
    ast.Not: Checker.negation,
    ast.Compare: Checker.compare,
    ast.In: Checker.membership,
    ast.Between: Checker.between,
    ast.Contains: Checker.contains,
    ast.TextTest: Checker.text_test,
    ast.Missing: Checker.missing,
    ast.Changed: Checker.changed,
    ast.Arithmetic: Checker.arithmetic,
    ast.Negate: Checker.negate,
    ast.Case: Checker.case,
    ast.Call: Checker.call,
    ast.History: Checker.history,
}
