"""The next instant at which a condition can change because time passes and nothing else.

Each test says how long it keeps its value; `and` and `or` combine that. Every such instant is then tried, and passed
over where the condition is as before, so that a look is nearly always a change. It may be early, never late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from retain.instants import DAY
from retain.language import ast
from retain.language.ast import Node
from retain.language.interpreter import evaluate
from retain.language.motion import (
    NEVER,
    Motion,
    applied,
    combined,
    crossing,
    earliest,
    latest,
    linear,
    missing,
    negated,
    still,
)
from retain.language.scalars import argument_type, call, compare, operand_types
from retain.language.scope import Scope, Series
from retain.language.types import SETS, Type
from retain.language.values import common_type, convert, type_of
from retain.language.windows import bounds, enters, leaves, local_day, midnight, next_birthday
from retain.model import Fields, Instant, Json

MAX_TRIED = 200


def next_change(node: Node, scope: Scope) -> Instant | None:
    """The earliest instant after `scope.now` at which a condition can change with no new fact; None is never."""
    moment = Moment(scope)
    now, at = moment.state(node)
    for _ in range(MAX_TRIED):
        if at is None or at >= NEVER:
            return None
        then, following = Moment(replace(scope, now=at, metrics={})).state(node)
        if then is not now:
            return at
        at = following
    return at


class State(NamedTuple):
    """The verdict of a condition now, and the first instant at which it may be another; None is never."""

    now: bool | None
    until: Instant | None


@dataclass(frozen=True, slots=True)
class Moment:
    """One evaluation that asks of each part not only its value but how long it lasts; `row` is that of a `where`."""

    scope: Scope
    row: Fields | None = None

    def state(self, node: Node) -> State:
        """A condition's verdict, and how long it lasts."""
        return _STATES.get(type(node), _state_of_value)(self, node)

    def motion(self, node: Node) -> Motion:
        """A value, and how it moves."""
        return _MOTIONS.get(type(node), _motion_of_condition)(self, node)

    def converted(self, node: Node, wanted: Type) -> Motion:
        """A value in another type; only plain numbers move, and they need no conversion."""
        found = self.motion(node)
        if found.value is None or found.moves:
            return found
        return still(convert(found.value, type_of(node), wanted, self.scope.zone), found.until)


def _state_of_value(moment: Moment, node: Node) -> State:
    found = moment.motion(node)
    return State(found.value, found.until)


def _motion_of_condition(moment: Moment, node: Node) -> Motion:
    found = moment.state(node)
    return Motion(found.now, found.until)


def _junction(moment: Moment, parts: Iterable[Node], deciding: bool) -> State:
    """`and`, which one false part decides for as long as it stays false; `or`, which one true part does."""
    return joined((moment.state(part) for part in parts), deciding)


def joined(states: Iterable[State], deciding: bool) -> State:
    """The state of `and` (decided by false) or `or` (decided by true)."""
    found: list[State] = []
    for state in states:
        if state.now is deciding and state.until is None:
            return state
        found.append(state)
    decided = [state for state in found if state.now is deciding]
    if decided:
        return State(deciding, latest(*(state.until for state in decided)))
    unknown = any(state.now is None for state in found)
    return State(None if unknown else not deciding, earliest(*(state.until for state in found)))


def _not(moment: Moment, node: ast.Not) -> State:
    part = moment.state(node.part)
    return State(None if part.now is None else not part.now, part.until)


def _compare(moment: Moment, node: ast.Compare) -> State:
    type_ = common_type(type_of(node.left), type_of(node.right))
    left, right = moment.converted(node.left, type_), moment.converted(node.right, type_)
    return _compared(node.op, left, right, moment.scope.now)


def _compared(op: ast.CompareOp, left: Motion, right: Motion, now: Instant) -> State:
    if left.value is None or right.value is None:
        return State(None, missing(left, right).until)
    until = earliest(left.until, right.until, crossing(op, left, right, now))
    return State(compare(op, left.value, right.value), until)


def _between(moment: Moment, node: ast.Between) -> State:
    low = ast.Compare(start=0, end=0, op=">=", left=node.value, right=node.low)
    high = ast.Compare(start=0, end=0, op="<=", left=node.value, right=node.high)
    return _junction(moment, (low, high), False)


def _in(moment: Moment, node: ast.In) -> State:
    tests = [ast.Compare(start=0, end=0, op="==", left=node.value, right=item) for item in node.items]
    return _junction(moment, tests, True)


def _plain_test(moment: Moment, node: ast.Contains | ast.TextTest) -> State:
    """A test of sets and texts, which jump and never glide."""
    value = evaluate(node, moment.scope, moment.row)
    return State(value, earliest(*(moment.motion(part).until for part in node.children())))


def _missing(moment: Moment, node: ast.Missing) -> State:
    found = moment.motion(node.value)
    return State(found.value is None, found.until)


def _segment(moment: Moment, node: ast.InSegment) -> State:
    assert node.body is not None
    found = Moment(moment.scope).state(node.body)
    return State(found.now is True, found.until)


def _fixed(moment: Moment, node: Node) -> Motion:
    """A field or literal: only new facts change it."""
    return still(evaluate(node, moment.scope, moment.row))


def _metric(moment: Moment, node: ast.MetricRef) -> Motion:
    assert node.body is not None
    return Moment(moment.scope).motion(node.body)


def _arithmetic(moment: Moment, node: ast.Arithmetic) -> Motion:
    left_type, right_type = operand_types(node)
    left, right = moment.converted(node.left, left_type), moment.converted(node.right, right_type)
    return combined(node.op, left, right, moment.scope.now)


def _case(moment: Moment, node: ast.Case) -> Motion:
    held: list[Instant | None] = []
    for condition, value in node.whens:
        state = moment.state(condition)
        held.append(state.until)
        if state.now is True:
            return _held(moment.converted(value, type_of(node)), held)
    if node.otherwise is None:
        return still(frozenset() if type_of(node).kind in SETS else None, earliest(*held))
    return _held(moment.converted(node.otherwise, type_of(node)), held)


def _held(found: Motion, held: Iterable[Instant | None]) -> Motion:
    return replace(found, until=earliest(found.until, *held))


def _call(moment: Moment, node: ast.Call) -> Motion:
    scope = moment.scope
    if node.function == "known_days":
        return _days(scope, scope.first_seen, None)
    args = [moment.converted(arg, argument_type(node, arg)) for arg in node.args]
    if node.function == "default":
        return _first_present(args)
    if args[0].value is None:
        return args[0]
    if node.function in ("days_since", "days_until"):
        found = _days(scope, args[0].value, args[0].until)
        return found if node.function == "days_since" else negated(found)
    if node.function == "age":
        return _age(scope, node, args[0])
    return applied(lambda values: call(node, values, scope), args, bends=node.function == "abs")


def _first_present(args: list[Motion]) -> Motion:
    held: list[Instant | None] = []
    for arg in args:
        held.append(arg.until)
        if arg.value is not None:
            return _held(arg, held)
    return Motion(None, earliest(*held))


def _days(scope: Scope, at: Instant, until: Instant | None) -> Motion:
    since = scope.now - at
    return linear(since / DAY, until, 1 / DAY, lambda length: (since / DAY, (since + length) / DAY))


def _age(scope: Scope, node: ast.Call, born: Motion) -> Motion:
    today = local_day(scope.now, scope.zone)
    day = born.value if type_of(node.args[0]).kind == "date" else local_day(born.value, scope.zone)
    birthday = midnight(next_birthday(day, today), scope.zone)
    return still(call(node, [born.value], scope), earliest(born.until, birthday))


def _history(moment: Moment, node: ast.History) -> Motion:
    scope = moment.scope
    series = scope.history.series.get(node.event)
    until = None if series is None else _aggregate_until(node, series, scope)
    if node.event2:
        others = scope.history.series.get(node.event2)
        both = replace(node, event=node.event2, event2="", where=None, function="count")
        until = earliest(until, None if others is None else _aggregate_until(both, others, scope))
    value = evaluate(node, scope)
    if node.function == "days_since" and value is not None:
        newest = evaluate(replace(node, function="last_at"), scope)
        return _days(scope, newest, until)
    return still(value, until)


def _aggregate_until(node: ast.History, series: Series, scope: Scope) -> Instant | None:
    """When the events that decide an aggregate are others: one of them leaves the window, or another enters."""
    low, high = bounds(node.window, scope)
    first, beyond = series.bounds(low, high)
    moved: list[Instant | None] = []
    inside: list[int] = []
    for index in range(first, len(series.at)):
        holds = _row_state(node, series, index, scope)
        moved.append(holds.until)
        if holds.now is not True and holds.until is None:
            continue
        if index >= beyond:
            moved.append(max(enters(node.window, series.at[index]), scope.now + 1))
            break
        if holds.now is True:
            inside.append(index)
    if inside:
        deciding = inside[-1] if node.function in ("exists", "last", "last_at", "days_since") else inside[0]
        moved.append(leaves(node.window, series.at[deciding], scope.zone))
    return earliest(*moved)


def _row_state(node: ast.History, series: Series, index: int, scope: Scope) -> State:
    if node.where is None:
        return State(True, None)
    return Moment(scope, series.row(index)).state(node.where)


_STATES: Mapping[type[Node], Callable[[Moment, Json], State]] = {
    ast.And: lambda moment, node: _junction(moment, node.parts, False),
    ast.Or: lambda moment, node: _junction(moment, node.parts, True),
    ast.Not: _not,
    ast.Expanded: lambda moment, node: moment.state(node.body),
    ast.InSegment: _segment,
    ast.Compare: _compare,
    ast.Between: _between,
    ast.In: _in,
    ast.Contains: _plain_test,
    ast.TextTest: _plain_test,
    ast.Missing: _missing,
    ast.Changed: lambda moment, node: State(evaluate(node, moment.scope), None),
}
_MOTIONS: Mapping[type[Node], Callable[[Moment, Json], Motion]] = {
    ast.Literal_: _fixed,
    ast.Field: _fixed,
    ast.RowField: _fixed,
    ast.MetricRef: _metric,
    ast.Expanded: lambda moment, node: moment.motion(node.body),
    ast.Arithmetic: _arithmetic,
    ast.Negate: lambda moment, node: negated(moment.motion(node.value)),
    ast.Case: _case,
    ast.Call: _call,
    ast.History: _history,
}
