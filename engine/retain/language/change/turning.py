"""The instants at which a condition over history can turn, where they are simply so long after an event.

Most conditions that time turns are made of windows and of days since an event. To try such instants one by one with the
generated condition costs far less than to follow every part of it; `ahead` does that for all others.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from retain.instants import DAY
from retain.language.change.settled import settled_state
from retain.language.change.timeless import is_timeless
from retain.language.evaluation.scalars import compare
from retain.language.evaluation.values import type_of
from retain.language.scope import Scope
from retain.language.syntax import ast
from retain.language.syntax.ast import CompareOp, Node
from retain.model import Instant, Millis

NextTurn: TypeAlias = Callable[[Scope], Instant | None]

_OF_NEWEST = ("exists", "last", "last_at", "days_since")
_SWAPPED: dict[CompareOp, CompareOp] = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


_FAR: Instant = 2**62
_MANY_DAYS = 1_000_000


class Turn(NamedTuple):
    """An instant so long after an event; `newest` where only the newest event that has happened matters."""

    event: str
    delay: Millis
    newest: bool


def next_turn_of(node: Node) -> NextTurn | None:
    """A function that gives the next instant at which the condition can turn; None where that takes more to say."""
    found = list(_turns(node))
    if None in found:
        return None
    turns = sorted({turn for turn in found if turn is not None})
    plan = [
        (
            event,
            [turn.delay for turn in turns if turn.event == event and not turn.newest],
            [turn.delay for turn in turns if turn.event == event and turn.newest],
        )
        for event in sorted({turn.event for turn in turns})
    ]

    settled = settled_state(node) if isinstance(node, ast.Compare) else None

    def next_turn(scope: Scope) -> Instant | None:
        if settled is not None and settled(scope) is not None:
            return None
        now, found = scope.now, _FAR
        for event, delays, newest in plan:
            series = scope.history.series.get(event)
            if series is None:
                continue
            at = series.at
            for delay in delays:
                place = bisect_right(at, now - delay)
                if place < len(at) and at[place] + delay < found:
                    found = at[place] + delay
            last = bisect_left(at, now) - 1
            for delay in newest if last >= 0 else ():
                if now < at[last] + delay < found:
                    found = at[last] + delay
        return None if found is _FAR else found

    return next_turn


def _turns(node: Node) -> Iterator[Turn | None]:
    """What each part adds; None where a part can turn at other instants too."""
    if is_timeless(node):
        return
    if isinstance(node, ast.History):
        yield from _turns_of_history(node) if node.function != "days_since" else (None,)
    elif isinstance(node, ast.Call) and node.function not in ("default", "abs", "round", "least", "greatest"):
        yield None
    elif isinstance(node, ast.Compare) and (days := _days_compared(node)) is not None:
        yield from days
    else:
        for child in node.children():
            yield from _turns(child)


def _turns_of_history(node: ast.History) -> Iterator[Turn | None]:
    window = node.window
    is_plain = window is None or window.form in ("last", "between", "since", "start")
    if not is_plain or (node.where is not None and not is_timeless(node.where)):
        yield None
        return
    near = window.near if window is not None and window.form == "between" else 0
    newest = node.function in _OF_NEWEST and node.where is None and not near
    for event in filter(None, (node.event, node.event2)):
        yield Turn(event, near + 1, False)
        if window is not None and window.form in ("last", "between"):
            yield Turn(event, max(window.near, window.far) + 1, newest)


def _days_compared(node: ast.Compare) -> list[Turn | None] | None:
    """The turns of `days_since(event) >= number`; None where the comparison is another."""
    for side, other, op in ((node.left, node.right, node.op), (node.right, node.left, _SWAPPED[node.op])):
        history, days = _inside(side), _number(other)
        if isinstance(history, ast.History) and history.function == "days_since" and days is not None:
            newest = history.where is None and (history.window is None or history.window.form != "between")
            delays = (Turn(history.event, delay, newest) for delay in _delays(op, days))
            return [*_turns_of_history(history), *delays]
    return None


def _inside(node: Node) -> Node:
    """What a metric or a function stands for."""
    return _inside(node.body) if isinstance(node, ast.Expanded | ast.MetricRef) and node.body is not None else node


def _number(node: Node) -> float | None:
    """A plain number of days that a customer can live to see."""
    if not isinstance(node, ast.Literal_) or type_of(node).kind not in ("int", "number"):
        return None
    return float(node.value) if abs(float(node.value)) < _MANY_DAYS else None


def _delays(op: CompareOp, days: float) -> Iterator[Millis]:
    """After how many milliseconds a test of days since an event turns, as doubles have it."""
    near = int(days * DAY)
    for length in range(near - 2, near + 4):
        if compare(op, length / DAY, days) is not compare(op, (length - 1) / DAY, days):
            yield length
