"""The next instant at which a condition can change because time passes and nothing else.

Each test says how long it keeps its value; `and` and `or` combine that. Every such instant is then tried, and passed
over where the condition is as before, so that a look is nearly always a change. It may be early, never late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from retain.instants import DAY
from retain.language import ast
from retain.language.ast import Node
from retain.language.interpreter import evaluate
from retain.language.motion import (
    NEVER,
    Motion,
    State,
    applied,
    combined,
    compared,
    crossing,
    curved,
    earliest,
    joined,
    linear,
    negated,
    still,
)
from retain.language.scalars import argument_type, call, operand_types
from retain.language.scope import Scope
from retain.language.span import Dwindling, Span, span_of
from retain.language.types import SETS, Type
from retain.language.values import common_type, convert, read, type_of, typed
from retain.language.windows import leaves, local_day, whole_years
from retain.model import Fields, Instant, Json, Millis

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

    def state_of_row(self, where: Node, row: Fields) -> State:
        """The state of a filter for one event of the past."""
        return Moment(self.scope, row).state(where)

    def converted(self, node: Node, wanted: Type) -> Motion:
        """A value in another type; only plain numbers move, and they need no conversion."""
        found = self.motion(node)
        if found.value is None:
            return found
        own, zone = type_of(node), self.scope.zone
        if found.moves:
            same = own.kind == wanted.kind and own.scale == wanted.scale
            return found if same else applied(lambda values: convert(values[0], own, wanted, zone), [found])
        return still(convert(found.value, own, wanted, zone), found.until)


def _state_of_value(moment: Moment, node: Node) -> State:
    found = moment.motion(node)
    return State(found.value, found.until)


def _motion_of_condition(moment: Moment, node: Node) -> Motion:
    found = moment.state(node)
    return Motion(found.now, found.until)


def _junction(moment: Moment, parts: Iterable[Node], deciding: bool) -> State:
    """`and`, which one false part decides for as long as it stays false; `or`, which one true part does."""
    return joined((moment.state(part) for part in parts), deciding)


def _not(moment: Moment, node: ast.Not) -> State:
    part = moment.state(node.part)
    return State(None if part.now is None else not part.now, part.until)


def _compare(moment: Moment, node: ast.Compare) -> State:
    type_ = common_type(type_of(node.left), type_of(node.right))
    left, right = moment.converted(node.left, type_), moment.converted(node.right, type_)
    return compared(node.op, left, right, moment.scope.now)


def _between(moment: Moment, node: ast.Between) -> State:
    low = ast.Compare(start=0, end=0, op=">=", left=node.value, right=node.low)
    high = ast.Compare(start=0, end=0, op="<=", left=node.value, right=node.high)
    return _junction(moment, (low, high), False)


def _in(moment: Moment, node: ast.In) -> State:
    tests = [ast.Compare(start=0, end=0, op="==", left=node.value, right=item) for item in node.items]
    return _junction(moment, tests, True)


def _text_test(moment: Moment, node: ast.TextTest) -> State:
    value = evaluate(node, moment.scope, moment.row)
    return State(value, earliest(moment.motion(node.value).until, moment.motion(node.part).until))


def _contains(moment: Moment, node: ast.Contains) -> State:
    """A set jumps and never glides; a number that glides is in it where it meets a member."""
    members, items = moment.motion(node.value), [moment.motion(item) for item in node.items]
    known = [still(member) for member in members.value or ()]
    moving = [item for item in items if item.moves and item.value is not None]
    meetings = (crossing("==", item, member, moment.scope.now) for item in moving for member in known)
    value = evaluate(node, moment.scope, moment.row)
    return State(value, earliest(members.until, *(item.until for item in items), *meetings))


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
    """Years go up by steps; their bounds are exact, so that a test of a far age skips the birthdays before."""
    day = born.value if type_of(node.args[0]).kind == "date" else local_day(born.value, scope.zone)

    def years(length: Millis) -> int:
        return whole_years(day, local_day(scope.now + length, scope.zone))

    return curved(years(0), born.until, lambda length: (years(0), years(length)))


def _history(moment: Moment, node: ast.History) -> Motion:
    scope = moment.scope
    span = span_of(node, scope, moment.state_of_row)
    until = span.held_until(node, scope.zone)
    if node.event2:
        others = replace(node, event=node.event2, event2="", where=None, function="count")
        until = earliest(until, span_of(others, scope, moment.state_of_row).held_until(others, scope.zone))
    match node.function:
        case "count":
            return _dwindling([1] * len(span.inside), span, until, node, scope)
        case "sum" if type_of(node).kind in ("int", "money"):
            return _dwindling(_amounts(span, node, scope), span, until, node, scope)
        case "exists":
            return still(len(span.inside) > 0, until)
        case "last_at":
            return still(span.newest, until)
        case "first_at":
            return still(span.oldest, until)
        case "days_since" if span.newest is not None:
            return _days(scope, span.newest, until)
        case _:
            return still(evaluate(node, scope), until)


def _amounts(span: Span, node: ast.History, scope: Scope) -> list[int]:
    rows = (span.series.row(index) for index in span.inside)
    return [typed(read(row, node.path), type_of(node), scope.zone) or 0 for row in rows]


def _dwindling(amounts: list[int], span: Span, until: Instant | None, node: ast.History, scope: Scope) -> Motion:
    """A total of which parts leave one by one; where nothing else can happen, no single one needs a look."""
    total = sum(amounts)
    if until is None or span.until is not None:
        return still(total, until)
    gone = [leaves(node.window, span.series.at[index], scope.zone) or NEVER for index in span.inside]
    return curved(total, None, Dwindling(amounts, gone, scope.now).over)


_STATES: Mapping[type[Node], Callable[[Moment, Json], State]] = {
    ast.And: lambda moment, node: _junction(moment, node.parts, False),
    ast.Or: lambda moment, node: _junction(moment, node.parts, True),
    ast.Not: _not,
    ast.Expanded: lambda moment, node: moment.state(node.body),
    ast.InSegment: _segment,
    ast.Compare: _compare,
    ast.Between: _between,
    ast.In: _in,
    ast.Contains: _contains,
    ast.TextTest: _text_test,
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
