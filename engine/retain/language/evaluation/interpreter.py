"""The meaning of a condition, written as plainly as possible: the reference that generated code is compared with.

Every value may be None, which is missing; a test on a missing value is unknown, also None. `and`, `or` and `not` follow
Kleene's logic, as in SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import fsum
from typing import TypeAlias

from retain.instants import DAY
from retain.language.evaluation.scalars import argument_type, calculate, call, compare, finite, operand_types
from retain.language.evaluation.values import common_type, convert, literal, read, type_of, typed
from retain.language.evaluation.windows import bounds
from retain.language.scope import Scope
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.language.types import SETS, Type
from retain.model import Fields, Instant, Json

Row: TypeAlias = Fields | None
Found: TypeAlias = Sequence[tuple[Instant, Fields]]


def evaluate(node: Node, scope: Scope, row: Row = None) -> Json:
    """The value of a checked expression, None where missing or unknown; `row` is the event that `where` looks at."""
    try:
        return _EVALUATORS[type(node)](node, scope, row)
    except OverflowError:
        return None


def matching(node: ast.History, scope: Scope) -> Found:
    """The events that an aggregate counts now, oldest first, each with its instant."""
    found = _in_window(node.event, node, scope)
    if node.where is None:
        return found
    return [(at, row) for at, row in found if evaluate(node.where, scope, row) is True]


def kleene_and(values: Iterable[Json]) -> bool | None:
    """False if any is false, else unknown if any is unknown."""
    known = list(values)
    return False if False in known else None if None in known else True


def kleene_or(values: Iterable[Json]) -> bool | None:
    """True if any is true, else unknown if any is unknown."""
    known = list(values)
    return True if True in known else None if None in known else False


def root_fields(root: ast.Root, scope: Scope) -> Fields:
    """The fields that `customer.`, `event.`, `steps.` or `trigger.` stands for."""
    return {"customer": scope.customer, "event": scope.event, "steps": scope.steps, "trigger": scope.trigger}[root]


def _as(node: Node, wanted: Type, scope: Scope, row: Row) -> Json:
    value = evaluate(node, scope, row)
    return None if value is None else convert(value, type_of(node), wanted, scope.zone)


def _literal(node: ast.Literal_, scope: Scope, row: Row) -> Json:
    return literal(node, scope.zone)


def _field(node: ast.Field, scope: Scope, row: Row) -> Json:
    raw = read(root_fields(node.root, scope), node.path)
    if node.root == "trigger" and type(raw) is int:
        return raw  # made by the engine, which holds instants as integers
    return typed(raw, type_of(node), scope.zone)


def _row_field(node: ast.RowField, scope: Scope, row: Row) -> Json:
    assert row is not None, "a bare name stands only inside where"
    return typed(read(row, node.path), type_of(node), scope.zone)


def _metric(node: ast.MetricRef, scope: Scope, row: Row) -> Json:
    assert node.body is not None
    # The memo keeps the tree too: a run pinned to an older revision may mean another metric of the same name.
    memo = scope.metrics.get(node.name)
    if memo is None or memo[0] is not node.body:
        memo = scope.metrics[node.name] = (node.body, evaluate(node.body, scope))
    return memo[1]


def _segment(node: ast.InSegment, scope: Scope, row: Row) -> bool:
    assert node.body is not None
    return evaluate(node.body, scope) is True


def _not(node: ast.Not, scope: Scope, row: Row) -> Json:
    value = evaluate(node.part, scope, row)
    return None if value is None else not value


def _compare(node: ast.Compare, scope: Scope, row: Row) -> bool | None:
    type_ = common_type(type_of(node.left), type_of(node.right))
    left, right = _as(node.left, type_, scope, row), _as(node.right, type_, scope, row)
    return None if left is None or right is None else compare(node.op, left, right)


def _in(node: ast.In, scope: Scope, row: Row) -> bool | None:
    return kleene_or(_equals(node.value, item, scope, row) for item in node.items)


def _equals(value: Node, item: Node, scope: Scope, row: Row) -> bool | None:
    return _compare(ast.Compare(start=0, end=0, op="==", left=value, right=item), scope, row)


def _between(node: ast.Between, scope: Scope, row: Row) -> bool | None:
    low = ast.Compare(start=0, end=0, op=">=", left=node.value, right=node.low)
    high = ast.Compare(start=0, end=0, op="<=", left=node.value, right=node.high)
    return kleene_and([_compare(low, scope, row), _compare(high, scope, row)])


def _contains(node: ast.Contains, scope: Scope, row: Row) -> bool | None:
    members = evaluate(node.value, scope, row)
    if members is None:
        return None
    items = [evaluate(item, scope, row) for item in node.items]
    tests = [None if item is None else item in members for item in items]
    return kleene_or(tests) if node.mode == "any" else kleene_and(tests)


def _text_test(node: ast.TextTest, scope: Scope, row: Row) -> bool | None:
    value, part = evaluate(node.value, scope, row), evaluate(node.part, scope, row)
    if value is None or part is None:
        return None
    return bool(value.startswith(part) if node.op == "starts" else value.endswith(part))


def _missing(node: ast.Missing, scope: Scope, row: Row) -> bool:
    return evaluate(node.value, scope, row) is None


def is_changed(node: ast.Changed, scope: Scope) -> bool:
    """Whether the event being decided changed the field or a part of it."""
    path = node.value.path
    return any(name == path or name.startswith(path + ".") for name in scope.changed)


def _arithmetic(node: ast.Arithmetic, scope: Scope, row: Row) -> Json:
    left_type, right_type = operand_types(node)
    left, right = _as(node.left, left_type, scope, row), _as(node.right, right_type, scope, row)
    return None if left is None or right is None else calculate(node.op, left, right)


def _negate(node: ast.Negate, scope: Scope, row: Row) -> Json:
    value = evaluate(node.value, scope, row)
    return None if value is None else -value


def _case(node: ast.Case, scope: Scope, row: Row) -> Json:
    for condition, value in node.whens:
        if evaluate(condition, scope, row) is True:
            return _as(value, type_of(node), scope, row)
    if node.otherwise is None:
        return frozenset() if type_of(node).kind in SETS else None
    return _as(node.otherwise, type_of(node), scope, row)


def _call(node: ast.Call, scope: Scope, row: Row) -> Json:
    if node.function == "known_days":
        return (scope.now - scope.first_seen) / DAY
    values = [_as(arg, argument_type(node, arg), scope, row) for arg in node.args]
    if node.function == "default":
        return next((value for value in values if value is not None), None)
    return None if None in values else call(node, values, scope)


def _history(node: ast.History, scope: Scope, row: Row) -> Json:
    found = matching(node, scope)
    match node.function:
        case "count":
            return len(found)
        case "exists":
            return len(found) > 0
        case "last_at":
            return found[-1][0] if found else None
        case "first_at":
            return found[0][0] if found else None
        case "days_since":
            return (scope.now - found[-1][0]) / DAY if found else None
        case "ratio":
            others = len(_in_window(node.event2, node, scope))
            return len(found) / others if others else None
        case _:
            return _aggregate(node, found, scope)


def _in_window(event: str, node: ast.History, scope: Scope) -> Found:
    series = scope.history.series.get(event)
    if series is None:
        return []
    low, high = bounds(node.window, scope)
    return [(at, series.row(i)) for i, at in enumerate(series.at) if (low is None or low <= at) and at < high]


def _aggregate(node: ast.History, found: Found, scope: Scope) -> Json:
    type_ = field_type(node)
    values = [typed(read(row, node.path), type_, scope.zone) for _, row in found]
    if node.function in ("last", "first"):
        if not values:
            return frozenset() if type_.kind in SETS else None
        return values[-1 if node.function == "last" else 0]
    present = [value for value in values if value is not None]
    if node.function == "distinct":
        return len(frozenset().union(*present) if type_.kind in SETS else set(present))
    if node.function == "sum":
        return finite(add_up(present, type_))
    if not present:
        return None
    if node.function == "avg":
        return finite(add_up(present, type_) / (len(present) * (type_.scale if type_.kind == "money" else 1)))
    return min(present) if node.function == "min" else max(present)


def add_up(values: Sequence[Json], type_: Type) -> Json:
    """A sum that does not depend on the order of its parts: exact for integers and money, rounded once for numbers."""
    return fsum(values) if type_.kind == "number" else sum(values)


def field_type(node: ast.History) -> Type:
    """The type of the field that is aggregated."""
    assert node.field_type is not None
    return node.field_type


_EVALUATORS: Mapping[type[Node], Callable[[Json, Scope, Row], Json]] = {
    ast.Literal_: _literal,
    ast.Field: _field,
    ast.RowField: _row_field,
    ast.MetricRef: _metric,
    ast.InSegment: _segment,
    ast.Expanded: lambda node, scope, row: evaluate(node.body, scope, row),
    ast.And: lambda node, scope, row: kleene_and(evaluate(part, scope, row) for part in node.parts),
    ast.Or: lambda node, scope, row: kleene_or(evaluate(part, scope, row) for part in node.parts),
    ast.Not: _not,
    ast.Compare: _compare,
    ast.In: _in,
    ast.Between: _between,
    ast.Contains: _contains,
    ast.TextTest: _text_test,
    ast.Missing: _missing,
    ast.Changed: lambda node, scope, row: is_changed(node, scope),
    ast.Arithmetic: _arithmetic,
    ast.Negate: _negate,
    ast.Case: _case,
    ast.Call: _call,
    ast.History: _history,
}
