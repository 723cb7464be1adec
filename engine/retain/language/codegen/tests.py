"""Code of each kind of test, in its two polarities: true only where the test is true, or only where it is false."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC

from retain.language.codegen.body import Body, Operand, TestWriter, constant_text
from retain.language.codegen.fields import money_test, raw_field, typed_field
from retain.language.evaluation.values import common_type, convert, type_of
from retain.language.syntax import ast
from retain.language.syntax.ast import Node

_INVERSE: Mapping[ast.CompareOp, ast.CompareOp] = {
    "==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">",
}  # fmt: skip
_MIRROR: Mapping[ast.CompareOp, ast.CompareOp] = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def cost(node: Node) -> int:
    """A rough price: what reads history comes after what reads fields."""
    own = 20 if isinstance(node, ast.History) else 5 if isinstance(node, ast.MetricRef | ast.InSegment) else 1
    return own + sum(cost(child) for child in node.children())


def _junction(body: Body, node: ast.And | ast.Or, want: bool) -> str:
    word = " and " if isinstance(node, ast.And) == want else " or "
    return "(" + word.join(body.test(part, want) for part in sorted(node.parts, key=cost)) + ")"


def _literal(body: Body, node: ast.Literal_, want: bool) -> str:
    return repr(node.value is want)


def _field(body: Body, node: ast.Field | ast.RowField, want: bool) -> str:
    if isinstance(node, ast.Field) and node.root == "trigger":
        return body.test_operand(typed_field(body, node), want)
    raw = raw_field(body, node)
    return "(" + " and ".join([*raw.guards, f"{raw.text} is {want}"]) + ")"


def _missing(body: Body, node: ast.Missing, want: bool) -> str:
    present = " and ".join(body.operand(node.value).guards) or "True"
    return f"(not ({present}))" if want else f"({present})"


def _segment(body: Body, node: ast.InSegment, want: bool) -> str:
    assert node.body is not None
    inner = node.body
    name = body.module.shared("segment", inner, lambda: _emit_segment(body, inner))
    return f"{name}(s)" if want else f"(not {name}(s))"


def _emit_segment(body: Body, inner: Node) -> str:
    own = Body(body.module)
    code, name = own.test(inner, True), body.module.new_name()
    body.module.add_function(name, "s", [*own.new_bindings(), f"return {code}"])
    return name


def _changed(body: Body, node: ast.Changed, want: bool) -> str:
    return f"({'' if want else 'not '}has_changed(s, {node.value.path!r}))"


def _compare(body: Body, node: ast.Compare, want: bool) -> str:
    left, right, op = node.left, node.right, node.op
    if isinstance(left, ast.Literal_):
        left, right, op = right, left, _MIRROR[op]
    if isinstance(left, ast.Field | ast.RowField) and isinstance(right, ast.Literal_) and not _is_trigger(left):
        quick = _compare_field(body, left, op, right, want)
        if quick:
            return quick
    return body.test_operand(comparison(body, node, want), True)


def _compare_field(
    body: Body, field: ast.Field | ast.RowField, op: ast.CompareOp, constant: ast.Literal_, want: bool
) -> str | None:
    kind, own = type_of(field).kind, type_of(constant)
    if kind == "text" and own.kind == "text" and (op == "==") == want and op in ("==", "!="):
        raw = raw_field(body, field)  # nothing but a text equals a text, so no guard is needed
        return "(" + " and ".join([*raw.guards, f"{raw.text} == {constant.value!r}"]) + ")"
    if kind == "money" and own.kind in ("money", "int") and not isinstance(constant.value, str):
        parts = convert(constant.value, own, type_of(field), UTC)
        return money_test(body, field, op, parts, want) if _fits(own.scale, field) else None
    return None


def _fits(scale: int, field: Node) -> bool:
    return scale == 0 or type_of(field).scale % scale == 0


def _is_trigger(node: ast.Field | ast.RowField) -> bool:
    return isinstance(node, ast.Field) and node.root == "trigger"


def comparison(body: Body, node: ast.Compare, want: bool = True) -> Operand:
    """A comparison as a value: true or false where both sides are there."""
    type_ = common_type(type_of(node.left), type_of(node.right))
    left, right = body.converted(node.left, type_), body.converted(node.right, type_)
    op = node.op if want else _INVERSE[node.op]
    return Operand((*left.guards, *right.guards), f"({left.text} {op} {right.text})")


def _between(body: Body, node: ast.Between, want: bool) -> str:
    value, low, high = between_operands(body, node)
    value = body.hold(value)
    if want:
        return "(" + " and ".join([*value.guards, *_below(low, value), *_above(high, value)]) + ")"
    outside = [
        " and ".join([*low.guards, f"{value.text} < {low.text}"]),
        " and ".join([*high.guards, f"{value.text} > {high.text}"]),
    ]
    return "(" + " and ".join([*value.guards, f"({' or '.join(outside)})"]) + ")"


def _below(low: Operand, value: Operand) -> list[str]:
    return [*low.guards, f"{low.text} <= {value.text}"]


def _above(high: Operand, value: Operand) -> list[str]:
    return [*high.guards, f"{value.text} <= {high.text}"]


def between_operands(body: Body, node: ast.Between) -> tuple[Operand, Operand, Operand]:
    """The value and its two ends, all in one type."""
    type_ = common_type(common_type(type_of(node.value), type_of(node.low)), type_of(node.high))
    return body.converted(node.value, type_), body.converted(node.low, type_), body.converted(node.high, type_)


def _contains(body: Body, node: ast.Contains, want: bool) -> str:
    constants = [item.value for item in node.items if isinstance(item, ast.Literal_)]
    if len(constants) != len(node.items):
        return body.test_operand(membership(body, node), want)
    if node.mode == "one" and isinstance(node.value, ast.Field | ast.RowField) and "." not in node.value.path:
        quick = type_of(node.value).kind == "text_set" and not _is_trigger(node.value)
        if quick:
            name, raw = body.temporary(), raw_field(body, node.value).text
            found = f"type({name} := {raw}) is list and {constant_text(constants[0])} in {name}"
            return f"({found})" if want else f"(not ({found}))"
    members = body.operand(node.value)
    wanted = body.module.constant(frozenset(constants))
    code = f"{wanted}.isdisjoint({members.text})" if node.mode == "any" else f"{wanted} <= {members.text}"
    negative = (node.mode == "any") == want
    return "(" + " and ".join([*members.guards, f"not {code}" if negative else code]) + ")"


def membership(body: Body, node: ast.Contains) -> Operand:
    """`contains` as a value, where an item may be missing."""
    members = body.hold(body.operand(node.value))
    tests = []
    for item in node.items:
        name = body.temporary()
        tests.append(f"({name} in {members.text} if ({name} := {body.value(item)}) is not None else None)")
    logic = "any_of" if node.mode == "any" else "all_of"
    found = body.present(f"{logic}(({', '.join(tests)},))")
    return Operand((*members.guards, *found.guards), found.text)


TESTS: Mapping[type[Node], TestWriter] = {
    ast.And: _junction,
    ast.Or: _junction,
    ast.Not: lambda body, node, want: body.test(node.part, not want),
    ast.Literal_: _literal,
    ast.Field: _field,
    ast.RowField: _field,
    ast.Expanded: lambda body, node, want: body.test(node.body, want),
    ast.InSegment: _segment,
    ast.Missing: _missing,
    ast.Changed: _changed,
    ast.Compare: _compare,
    ast.Between: _between,
    ast.Contains: _contains,
}
