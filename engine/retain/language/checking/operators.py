"""The operators: logic, comparisons, tests of sets and texts, arithmetic, `case`."""

from __future__ import annotations

from dataclasses import replace

from retain.language.checking.context import BOOL, INT, NUMBER, describe, may_be_missing
from retain.language.checking.values import TIMES, Values, quotes
from retain.language.syntax import ast
from retain.language.syntax.ast import Literal_, Node
from retain.language.types import NUMERIC, ORDERED, SETS, Type


class Operators(Values):
    """Types the operators of the language."""

    def need_bool(self, node: Node) -> Node:
        """A node checked and used as a condition."""
        checked = self.check(node)
        if checked.type is not None and checked.type.kind != "bool":
            cure = f"compare it, e.g. {self.text(node)} > 0"
            if checked.type.kind not in NUMERIC:
                cure = f"compare it with a value, or write '{self.text(node)} is present'"
            self.report("E101", f"{self.text(node)} is {describe(checked.type)}, not a condition", node, cure)
        return checked

    def logic(self, node: ast.And | ast.Or) -> Node:
        """`a and b`, `a or b`."""
        parts = tuple(self.need_bool(part) for part in node.parts)
        return replace(node, parts=parts, type=BOOL.as_nullable(may_be_missing(*parts)))

    def negation(self, node: ast.Not) -> Node:
        """`not a`."""
        part = self.need_bool(node.part)
        return replace(node, part=part, type=BOOL.as_nullable(may_be_missing(part)))

    def compare(self, node: ast.Compare) -> Node:
        """`a == b`, `a < b`."""
        left, right = self.pair(self.check(node.left), self.check(node.right))
        if node.op not in ("==", "!="):
            self.need_order(node, left, right)
        return replace(node, left=left, right=right, type=BOOL.as_nullable(may_be_missing(left, right)))

    def between(self, node: ast.Between) -> Node:
        """`a between b and c`."""
        value, low = self.pair(self.check(node.value), self.check(node.low))
        value, high = self.pair(value, self.check(node.high))
        self.need_order(node, value, low)
        return replace(node, value=value, low=low, high=high, type=BOOL.as_nullable(may_be_missing(value, low, high)))

    def membership(self, node: ast.In) -> Node:
        """`a in [b, c]`."""
        value = self.check(node.value)
        items: list[Literal_] = []
        for item in node.items:
            value, checked = self.pair(value, item)
            assert isinstance(checked, Literal_), "a literal stays one"
            items.append(checked)
        return replace(node, value=value, items=tuple(items), type=BOOL.as_nullable(may_be_missing(value)))

    def contains(self, node: ast.Contains) -> Node:
        """`set contains x`."""
        value, items = self.check(node.value), tuple(self.check(item) for item in node.items)
        type_ = value.type
        if type_ is not None and type_.kind not in SETS:
            cure = "write 'starts with' or 'ends with'" if type_.kind == "text" else "compare it with '=='"
            self.report(
                "E110", f"'contains' looks into sets; {self.text(node.value)} is {describe(type_)}", node.value, cure
            )
        elif type_ is not None:
            member = Type("text", enum=type_.enum) if type_.kind == "text_set" else NUMBER
            for item in items:
                self._member(value, member, item)
        return replace(node, value=value, items=items, type=BOOL.as_nullable(may_be_missing(*items)))

    def _member(self, set_: Node, member: Type, item: Node) -> None:
        if item.type is None:
            return
        fits = item.type.kind == "text" if member.kind == "text" else item.type.kind in ("int", "number")
        if not fits:
            cure = (
                "for several values write 'contains any of [...]'" if item.type.kind in SETS else quotes(item, member)
            )
            what = (
                f"{self.text(set_)} holds {'texts' if member.kind == 'text' else 'numbers'}, and {self.text(item)} is "
            )
            self.report("E107", what + describe(item.type), item, cure)
        else:
            self.need_enum(self.text(set_), member, item)

    def text_test(self, node: ast.TextTest) -> Node:
        """`a starts with b`."""
        value, part = self.check(node.value), self.check(node.part)
        for side in (value, part):
            if side.type is not None and side.type.kind != "text":
                what = f"'{node.op} with' compares texts; {self.text(side)} is {describe(side.type)}"
                self.report("E110", what, side, quotes(side, Type("text")) or "compare it with '=='")
        return replace(node, value=value, part=part, type=BOOL.as_nullable(may_be_missing(value, part)))

    def missing(self, node: ast.Missing) -> Node:
        """`a is missing`."""
        value = self.check(node.value)
        if value.type is not None and value.type.kind in SETS:
            cure = "write '... contains any of [...]'"
            self.report("E110", f"{self.text(node.value)} is a set, which is never missing, only empty", node, cure)
        return replace(node, value=value, type=BOOL)

    def need_order(self, node: Node, left: Node, right: Node) -> None:
        """Refuse an order where there is none, as of texts."""
        if left.type is None or right.type is None or left.type.kind != right.type.kind or left.type.kind in SETS:
            return
        if left.type.kind not in ORDERED and left.type.kind != "opaque":
            cure = "texts are compared with '==', '!=', 'in', 'starts with' and 'ends with'"
            if left.type.kind == "bool":
                cure = "write it without a comparison, or with 'not' before it"
            self.report("E108", f"{describe(left.type)} has no order", node, cure)

    def arithmetic(self, node: ast.Arithmetic) -> Node:
        """`a + b`, `a * b`."""
        left, right = self.check(node.left), self.check(node.right)
        if node.op in ("+", "-") and left.type is not None and right.type is not None:
            left_type, right_type = left.type, right.type
            left, right = self.scaled(left, right_type), self.scaled(right, left_type)
        if left.type is None or right.type is None:
            return replace(node, left=left, right=right)
        type_ = _result(node.op, left.type, right.type)
        if type_ is None:
            self._no_arithmetic(node, left, right)
            return replace(node, left=left, right=right)
        by_zero = node.op == "/" and not (isinstance(right, Literal_) and right.value)
        return replace(node, left=left, right=right, type=type_.as_nullable(by_zero or may_be_missing(left, right)))

    def _no_arithmetic(self, node: ast.Arithmetic, left: Node, right: Node) -> None:
        assert left.type is not None
        assert right.type is not None
        place = right if left.type.kind in NUMERIC else left
        assert place.type is not None
        cure = quotes(place, NUMBER)
        if place.type.kind == "bool":
            cure = "write 'case when ... then 1 else 0 end'"
        elif place.type.kind in (*TIMES, "duration"):
            cure = "days_since(...) and days_until(...) are numbers of days"
        self.report("E109", f"'{node.op}' needs numbers; {self.text(place)} is {describe(place.type)}", place, cure)

    def negate(self, node: ast.Negate) -> Node:
        """`-a`."""
        value = self.check(node.value)
        if value.type is not None and value.type.kind not in NUMERIC and value.type.kind != "duration":
            self.report("E109", f"'-' needs a number; {self.text(value)} is {describe(value.type)}", value)
            return replace(node, value=value)
        return replace(node, value=value, type=value.type)

    def case(self, node: ast.Case) -> Node:
        """`case when c then v else w end`."""
        tests = [self.need_bool(test) for test, _ in node.whens]
        values = [self.check(value) for _, value in node.whens]
        if node.otherwise is not None:
            values.append(self.check(node.otherwise))
        checked, type_ = self.common(values)
        otherwise = checked[-1] if node.otherwise is not None else None
        if type_ is not None and type_.kind not in SETS:
            type_ = type_.as_nullable(otherwise is None or may_be_missing(*checked))
        whens = tuple(zip(tests, checked, strict=False))
        return replace(node, whens=whens, otherwise=otherwise, type=type_)


def _result(op: ast.ArithmeticOp, left: Type, right: Type) -> Type | None:
    kinds = (left.kind, right.kind)
    if set(kinds) <= NUMERIC:
        return _numeric_result(op, left, right)
    if op == "-" and set(kinds) <= set(TIMES):
        return Type("duration")
    if op in ("+", "-") and right.kind == "duration":
        return Type("duration") if left.kind == "duration" else Type("instant") if left.kind in TIMES else None
    return None


def _numeric_result(op: ast.ArithmeticOp, left: Type, right: Type) -> Type:
    kinds = {left.kind, right.kind}
    if op == "/" or "number" in kinds or (op == "*" and kinds == {"money"}):
        return NUMBER
    if "money" in kinds:
        return Type("money", scale=max(left.scale, right.scale))
    return INT
