"""How each kind of value moves with time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from retain.instants import DAY
from retain.language.change.ahead import Ahead, Moment, MotionOf
from retain.language.change.motion import Motion, applied, combined, curved, earliest, linear, negated, still
from retain.language.change.span import Span, count_of, span_of_all, span_of_moving, span_of_some, total_of
from retain.language.change.timeless import is_timeless
from retain.language.codegen.conditions import compile_row_test, compile_row_value, compile_value
from retain.language.evaluation.scalars import argument_type, call, operand_types
from retain.language.evaluation.values import type_of
from retain.language.evaluation.windows import local_day, whole_years
from retain.language.scope import Scope
from retain.language.syntax import ast
from retain.language.syntax.ast import Node, Window
from retain.language.types import SETS
from retain.model import Instant, Json, Millis

SpanOf = Callable[[Moment], Span]


def _metric(ahead: Ahead, node: ast.MetricRef) -> MotionOf:
    assert node.body is not None
    return ahead.once(node, ahead.motion(node.body))


def _arithmetic(ahead: Ahead, node: ast.Arithmetic) -> MotionOf:
    left_type, right_type = operand_types(node)
    left, right, op = ahead.converted(node.left, left_type), ahead.converted(node.right, right_type), node.op
    return lambda moment: combined(op, left(moment), right(moment), moment.now)


def _negate(ahead: Ahead, node: ast.Negate) -> MotionOf:
    value = ahead.motion(node.value)
    return lambda moment: negated(value(moment))


def _case(ahead: Ahead, node: ast.Case) -> MotionOf:
    type_ = type_of(node)
    whens = [(ahead.state(condition), ahead.converted(value, type_)) for condition, value in node.whens]
    otherwise = None if node.otherwise is None else ahead.converted(node.otherwise, type_)
    nothing: Json = frozenset() if type_.kind in SETS else None

    def motion(moment: Moment) -> Motion:
        held: Instant | None = None
        for condition, value in whens:
            state = condition(moment)
            held = earliest(held, state.until)
            if state.now is True:
                return _held(value(moment), held)
        return still(nothing, held) if otherwise is None else _held(otherwise(moment), held)

    return motion


def _held(found: Motion, held: Instant | None) -> Motion:
    return found if held is None else found._replace(until=earliest(found.until, held))


def _call(ahead: Ahead, node: ast.Call) -> MotionOf:
    if node.function == "known_days":
        return lambda moment: _days(moment.scope, moment.scope.first_seen, None)
    args = [ahead.converted(arg, argument_type(node, arg)) for arg in node.args]
    if node.function == "default":
        return lambda moment: _first_present(arg(moment) for arg in args)
    of_one = _OF_ONE.get(node.function)
    if of_one is None:
        return _applied(node, args)
    first = args[0]

    def motion(moment: Moment) -> Motion:
        found = first(moment)
        return found if found.value is None else of_one(moment.scope, node, found)

    return motion


def _applied(node: ast.Call, args: Sequence[MotionOf]) -> MotionOf:
    bends = node.function == "abs"

    def motion(moment: Moment) -> Motion:
        scope = moment.scope
        found = [arg(moment) for arg in args]
        if found[0].value is None:
            return found[0]
        return applied(lambda values: call(node, values, scope), found, bends=bends)

    return motion


def _first_present(args: Iterable[Motion]) -> Motion:
    held: Instant | None = None
    for arg in args:
        held = earliest(held, arg.until)
        if arg.value is not None:
            return _held(arg, held)
    return Motion(None, held)


def _days(scope: Scope, at: Instant, until: Instant | None) -> Motion:
    since = scope.now - at
    return linear(since / DAY, until, 1 / DAY, lambda length: (since / DAY, (since + length) / DAY))


def _age(scope: Scope, node: ast.Call, born: Motion) -> Motion:
    """Years go up by steps; their bounds are exact, so that a test of a far age skips the birthdays before."""
    day = born.value if type_of(node.args[0]).kind == "date" else local_day(born.value, scope.zone)

    def years(length: Millis) -> int:
        return whole_years(day, local_day(scope.now + length, scope.zone))

    return curved(years(0), born.until, lambda length: (years(0), years(length)))


_OF_ONE: Mapping[str, Callable[[Scope, ast.Call, Motion], Motion]] = {
    "days_since": lambda scope, node, at: _days(scope, at.value, at.until),
    "days_until": lambda scope, node, at: negated(_days(scope, at.value, at.until)),
    "age": _age,
}


def _history(ahead: Ahead, node: ast.History) -> MotionOf:
    span_of = _span(ahead, node)
    if node.function in ("count", "sum") and (node.where is None or is_timeless(node.where)):
        if node.function == "count":
            return ahead.once(node, _counted(node.window, span_of))
        if type_of(node).kind in ("int", "money"):
            return ahead.once(node, _summed(node, span_of))
    if node.function in _OF_NEWEST:
        return ahead.once(node, _of_newest(node, span_of))
    return ahead.once(node, _aggregate(node, span_of))


def _span(ahead: Ahead, node: ast.History) -> SpanOf:
    event, window, where = node.event, node.window, node.where
    if where is None:
        return lambda moment: span_of_all(event, window, moment.scope)
    if is_timeless(where):
        keep = compile_row_test(where)
        return lambda moment: span_of_some(event, window, moment.scope, lambda row: keep(moment.scope, row))
    state = ahead.inside_where().state(where)
    return lambda moment: span_of_moving(event, window, moment.scope, lambda row: state(moment.at_row(row)))


def _counted(window: Window | None, span_of: SpanOf) -> MotionOf:
    return lambda moment: count_of(span_of(moment), window, moment.scope)


def _summed(node: ast.History, span_of: SpanOf) -> MotionOf:
    assert node.field_type is not None
    field = ast.RowField(start=node.start, end=node.end, path=node.path, type=node.field_type)
    amount, window = compile_row_value(field), node.window

    def motion(moment: Moment) -> Motion:
        scope, span = moment.scope, span_of(moment)
        row = span.series.row
        inside = [amount(scope, row(index)) or 0 for index in span.inside]
        coming = [amount(scope, row(index)) or 0 for index in span.coming]
        return total_of(span, inside, coming, window, scope)

    return motion


def _exists(span: Span, until: Instant | None, scope: Scope) -> Motion:
    return still(len(span.inside) > 0, until)


def _last_at(span: Span, until: Instant | None, scope: Scope) -> Motion:
    return still(span.series.at[span.inside[-1]] if span.inside else None, until)


def _days_since(span: Span, until: Instant | None, scope: Scope) -> Motion:
    return _days(scope, span.series.at[span.inside[-1]], until) if span.inside else Motion(None, until)


_OF_NEWEST: Mapping[str, Callable[[Span, Instant | None, Scope], Motion]] = {
    "exists": _exists,
    "last_at": _last_at,
    "days_since": _days_since,
}


def _of_newest(node: ast.History, span_of: SpanOf) -> MotionOf:
    window, write = node.window, _OF_NEWEST[node.function]

    def motion(moment: Moment) -> Motion:
        span = span_of(moment)
        return write(span, span.held_until(window, moment.scope.zone, -1), moment.scope)

    return motion


def _aggregate(node: ast.History, span_of: SpanOf) -> MotionOf:
    """What is computed anew whenever an event leaves or enters that can matter to it."""
    window, value = node.window, compile_value(node)
    deciding = -1 if node.function == "last" else 0
    others = node.event2

    def motion(moment: Moment) -> Motion:
        scope = moment.scope
        until = span_of(moment).held_until(window, scope.zone, deciding)
        if others:
            until = earliest(until, span_of_all(others, window, scope).held_until(window, scope.zone, 0))
        return still(value(scope), until)

    return motion


MOTIONS: Mapping[type[Node], Callable[[Ahead, Json], MotionOf]] = {
    ast.MetricRef: _metric,
    ast.Expanded: lambda ahead, node: ahead.motion(node.body),
    ast.Arithmetic: _arithmetic,
    ast.Negate: _negate,
    ast.Case: _case,
    ast.Call: _call,
    ast.History: _history,
}
