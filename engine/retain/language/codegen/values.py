"""Code of each kind of value, with the guards under which it is there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC

from retain.instants import DAY
from retain.language.codegen.body import Body, Operand, OperandWriter, constant_text
from retain.language.codegen.fields import typed_field
from retain.language.codegen.tests import between_operands, comparison, cost, membership
from retain.language.evaluation.scalars import argument_type, operand_types
from retain.language.evaluation.values import common_type, convert, depends_on_zone, literal, type_of
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.language.types import SETS, Type


def _literal(body: Body, node: ast.Literal_) -> Operand:
    if depends_on_zone(node):
        return body.present(f"to_instant({node.value!r}, {body.local('z')})")
    return Operand((), constant_text(literal(node, UTC)))


def _metric(body: Body, node: ast.MetricRef) -> Operand:
    assert node.body is not None
    inner = node.body
    name = body.module.shared(f"metric {node.name}", inner, lambda: _emit_metric(body, node.name, inner))
    return body.present(f"{name}(s)")


def _emit_metric(body: Body, metric: str, inner: Node) -> str:
    own = Body(body.module)
    code, name, tree = own.value(inner), body.module.new_name(), body.module.constant(inner)
    lines = [
        f"memo = s.metrics.get({metric!r})",
        f"if memo is not None and memo[0] is {tree}:",
        "    return memo[1]",
        *own.new_bindings(),
        f"value = {code}",
        f"s.metrics[{metric!r}] = ({tree}, value)",
        "return value",
    ]
    body.module.add_function(name, "s", lines)
    return name


def _total(body: Body, node: Node) -> Operand:
    """A test that is never unknown, as a value."""
    return Operand((), body.test(node, True))


def _junction(body: Body, node: ast.And | ast.Or) -> Operand:
    logic = "all_of" if isinstance(node, ast.And) else "any_of"
    parts = ", ".join(body.value(part) for part in sorted(node.parts, key=cost))
    return body.present(f"{logic}(({parts},))")


def _in(body: Body, node: ast.In) -> Operand:
    own = type_of(node.value)
    if not all(_compares_as_is(own, item) for item in node.items):
        value = body.hold(body.operand(node.value))
        tests = [_equal(body, value, own, item) for item in node.items]
        found = body.present(f"any_of(({', '.join(tests)},))")
        return Operand((*value.guards, *found.guards), found.text)
    items = frozenset(convert(literal(item, UTC), type_of(item), own, UTC) for item in node.items)
    value = body.operand(node.value)
    return Operand(value.guards, f"({value.text} in {body.module.constant(items)})")


def _compares_as_is(own: Type, item: ast.Literal_) -> bool:
    """Whether an item is one constant in the type of the value that is looked for."""
    other = type_of(item)
    if own.kind == "money":
        return other.kind == "int" or (other.kind == "money" and own.scale % other.scale == 0)
    return (own.kind == other.kind or other.kind in ("int", "number")) and not depends_on_zone(item)


def _equal(body: Body, value: Operand, own: Type, item: ast.Literal_) -> str:
    type_ = common_type(own, type_of(item))
    other = body.hold(body.converted(item, type_))
    test = f"{body.conversion(value.text, own, type_)} == {other.text}"
    return f"({test} if {' and '.join(other.guards)} else None)" if other.guards else f"({test})"


def _between(body: Body, node: ast.Between) -> Operand:
    value, low, high = between_operands(body, node)
    return body.present(f"between({value.optional()}, {low.optional()}, {high.optional()})")


def _text_test(body: Body, node: ast.TextTest) -> Operand:
    value, part = body.operand(node.value), body.operand(node.part)
    return Operand((*value.guards, *part.guards), f"{value.text}.{node.op}with({part.text})")


def _arithmetic(body: Body, node: ast.Arithmetic) -> Operand:
    left_type, right_type = operand_types(node)
    left, right = body.converted(node.left, left_type), body.converted(node.right, right_type)
    guards = [*left.guards, *right.guards]
    if node.op == "/":
        divisor = body.temporary()
        guards.append(f"({divisor} := {right.text}) != 0")
        right = Operand((), divisor)
    text = f"({left.text} {node.op} {right.text})"
    if type_of(node).kind in ("int", "money"):
        return Operand(tuple(guards), text)
    result = body.temporary()
    return Operand((*guards, f"-INF < ({result} := {text}) < INF"), result)


def _negate(body: Body, node: ast.Negate) -> Operand:
    value = body.operand(node.value)
    return Operand(value.guards, f"(-{value.text})")


def _case(body: Body, node: ast.Case) -> Operand:
    type_ = type_of(node)
    nothing = "frozenset()" if type_.kind in SETS else "None"
    code = nothing if node.otherwise is None else body.value(node.otherwise, type_)
    branches = [f"{body.value(value, type_)} if {body.test(when, True)} else " for when, value in node.whens]
    return body.present("(" + "".join(branches) + code + ")")


def _call(body: Body, node: ast.Call) -> Operand:
    if node.function == "default":
        return _default(body, node)
    args = [body.converted(arg, argument_type(node, arg)) for arg in node.args]
    guards = tuple(guard for arg in args for guard in arg.guards)
    texts = [arg.text for arg in args]
    now = body.local("now")
    match node.function:
        case "known_days":
            return Operand((), f"(({now} - s.first_seen) / {DAY})")
        case "days_since":
            return Operand(guards, f"(({now} - {texts[0]}) / {DAY})")
        case "days_until":
            return Operand(guards, f"(({texts[0]} - {now}) / {DAY})")
        case "abs":
            return Operand(guards, f"abs({texts[0]})")
        case "least" | "greatest":
            return Operand(guards, f"{'min' if node.function == 'least' else 'max'}(({', '.join(texts)},))")
        case "age":
            zone = body.local("z")
            born = texts[0] if type_of(node.args[0]).kind == "date" else f"local_day({texts[0]}, {zone})"
            return Operand(guards, f"whole_years({born}, local_day({now}, {zone}))")
        case _:
            found = body.present(f"rounded({body.module.constant(node)}, ({', '.join(texts)},))")
            return Operand((*guards, *found.guards), found.text)


def _default(body: Body, node: ast.Call) -> Operand:
    type_ = type_of(node)
    *first, last = (body.converted(arg, type_) for arg in node.args)
    code = last.optional()
    for choice in reversed(first):
        code = f"({choice.text} if {' and '.join(choice.guards)} else {code})" if choice.guards else choice.text
    sure = not last.guards or any(not choice.guards for choice in first)
    return Operand((), code) if sure else body.present(code)


OPERANDS: Mapping[type[Node], OperandWriter] = {
    ast.Literal_: _literal,
    ast.Field: typed_field,
    ast.RowField: typed_field,
    ast.MetricRef: _metric,
    ast.InSegment: _total,
    ast.Missing: _total,
    ast.Changed: _total,
    ast.Expanded: lambda body, node: body.operand(node.body),
    ast.And: _junction,
    ast.Or: _junction,
    ast.Not: lambda body, node: body.present(f"negated({body.value(node.part)})"),
    ast.Compare: comparison,
    ast.In: _in,
    ast.Between: _between,
    ast.Contains: membership,
    ast.TextTest: _text_test,
    ast.Arithmetic: _arithmetic,
    ast.Negate: _negate,
    ast.Case: _case,
    ast.Call: _call,
}
