"""The next instant at which a condition can change because time passes and nothing else.

Each test says how long it keeps its value; `and` and `or` combine that. Every such instant is then tried, and passed
over where the condition is as before, so that a look is nearly always a change. It may be early, never late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from retain.language.change.ahead import Ahead, Moment, StateOf
from retain.language.change.ahead_values import MOTIONS
from retain.language.change.motion import NEVER, State, compared, crossing, earliest, joined, still
from retain.language.change.settled import settled_state
from retain.language.change.timeless import is_timeless
from retain.language.evaluation.interpreter import evaluate
from retain.language.evaluation.values import common_type, type_of
from retain.language.scope import Scope
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.model import Instant, Json

NextChange: TypeAlias = Callable[[Scope], Instant | None]

MAX_TRIED = 200


def compile_next_change(node: Node, verdict: Callable[[Scope], Json]) -> NextChange:
    """A function that gives the earliest instant after `scope.now` at which a condition can change with no new fact.

    Args:
        verdict: what must change: the condition's value, or only whether it is true.
    """
    state = Ahead(_STATES, MOTIONS).state(node)

    def next_change(scope: Scope) -> Instant | None:
        now, at = None, state(Moment(scope)).until
        for tried in range(MAX_TRIED):
            if at is None or at >= NEVER:
                return None
            if not tried:
                now = verdict(scope)
            then = scope.at(at)
            if verdict(then) is not now:
                return at
            at = state(Moment(then)).until
        return at

    return next_change


def _junction(ahead: Ahead, parts: Iterable[Node], deciding: bool) -> StateOf:
    """`and`, which one false part decides for as long as it stays false; `or`, which one true part does."""
    states = [ahead.state(part) for part in sorted(parts, key=is_timeless, reverse=True)]
    return lambda moment: joined((state(moment) for state in states), deciding)


def _not(ahead: Ahead, node: ast.Not) -> StateOf:
    part = ahead.state(node.part)

    def state(moment: Moment) -> State:
        found = part(moment)
        return State(None if found.now is None else not found.now, found.until)

    return state


def _compare(ahead: Ahead, node: ast.Compare) -> StateOf:
    type_, op = common_type(type_of(node.left), type_of(node.right)), node.op
    left, right = ahead.converted(node.left, type_), ahead.converted(node.right, type_)

    def state(moment: Moment) -> State:
        return compared(op, left(moment), right(moment), moment.now)

    settled = None if ahead.in_where else settled_state(node)
    return state if settled is None else lambda moment: settled(moment.scope) or state(moment)


def _between(ahead: Ahead, node: ast.Between) -> StateOf:
    low = ast.Compare(start=0, end=0, op=">=", left=node.value, right=node.low)
    high = ast.Compare(start=0, end=0, op="<=", left=node.value, right=node.high)
    return _junction(ahead, (low, high), False)


def _in(ahead: Ahead, node: ast.In) -> StateOf:
    tests = [ast.Compare(start=0, end=0, op="==", left=node.value, right=item) for item in node.items]
    return _junction(ahead, tests, True)


def _text_test(ahead: Ahead, node: ast.TextTest) -> StateOf:
    value, part = ahead.motion(node.value), ahead.motion(node.part)

    def state(moment: Moment) -> State:
        found = evaluate(node, moment.scope, moment.row)
        return State(found, earliest(value(moment).until, part(moment).until))

    return state


def _contains(ahead: Ahead, node: ast.Contains) -> StateOf:
    """A set jumps and never glides; a number that glides is in it where it meets a member."""
    set_of, item_of = ahead.motion(node.value), [ahead.motion(item) for item in node.items]

    def state(moment: Moment) -> State:
        members, items = set_of(moment), [item(moment) for item in item_of]
        known = [still(member) for member in members.value or ()]
        moving = [item for item in items if item.moves and item.value is not None]
        meetings = (crossing("==", item, member, moment.now) for item in moving for member in known)
        value = evaluate(node, moment.scope, moment.row)
        return State(value, earliest(members.until, *(item.until for item in items), *meetings))

    return state


def _missing(ahead: Ahead, node: ast.Missing) -> StateOf:
    value = ahead.motion(node.value)

    def state(moment: Moment) -> State:
        found = value(moment)
        return State(found.value is None, found.until)

    return state


def _segment(ahead: Ahead, node: ast.InSegment) -> StateOf:
    assert node.body is not None
    body = ahead.state(node.body)

    def state(moment: Moment) -> State:
        found = body(moment)
        return State(found.now is True, found.until)

    return state


_STATES: Mapping[type[Node], Callable[[Ahead, Json], StateOf]] = {
    ast.And: lambda ahead, node: _junction(ahead, node.parts, False),
    ast.Or: lambda ahead, node: _junction(ahead, node.parts, True),
    ast.Not: _not,
    ast.Expanded: lambda ahead, node: ahead.state(node.body),
    ast.InSegment: _segment,
    ast.Compare: _compare,
    ast.Between: _between,
    ast.In: _in,
    ast.Contains: _contains,
    ast.TextTest: _text_test,
    ast.Missing: _missing,
}
