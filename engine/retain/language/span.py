"""Which events decide an aggregate over history, and when they will be others."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import accumulate
from typing import TypeAlias

from retain.language import ast
from retain.language.ast import Node
from retain.language.motion import State, earliest
from retain.language.scope import Scope, Series
from retain.language.windows import bounds, enters, leaves
from retain.model import Fields, Instant, Millis

RowState: TypeAlias = Callable[[Node, Fields], State]


@dataclass(slots=True)
class Span:
    """The events that an aggregate counts now.

    Args:
        inside: their indexes in the series, oldest first.
        until: when a filter changes its mind about an event, or the next one enters.
    """

    series: Series
    inside: Sequence[int] = ()
    until: Instant | None = None

    @property
    def oldest(self) -> Instant | None:
        """The instant of the oldest."""
        return self.series.at[self.inside[0]] if self.inside else None

    @property
    def newest(self) -> Instant | None:
        """The instant of the newest."""
        return self.series.at[self.inside[-1]] if self.inside else None

    def held_until(self, node: ast.History, zone: tzinfo) -> Instant | None:
        """When the aggregate may be another: an event that matters to it leaves, or one enters."""
        last = node.function in ("exists", "last", "last_at", "days_since")
        deciding = self.newest if last else self.oldest
        return self.until if deciding is None else earliest(self.until, leaves(node.window, deciding, zone))


def span_of(node: ast.History, scope: Scope, state: RowState) -> Span:
    """The events that count now; `state` tells of a filter and a row how long the verdict lasts."""
    series = scope.history.series.get(node.event)
    if series is None:
        return Span(Series())
    low, high = bounds(node.window, scope)
    first, beyond = series.bounds(low, high)
    if node.where is None:
        coming = max(first, beyond)
        until = max(enters(node.window, series.at[coming]), scope.now + 1) if coming < len(series.at) else None
        return Span(series, range(first, beyond), until)
    inside: list[int] = []
    until = None
    for index in range(first, len(series.at)):
        holds = state(node.where, series.row(index))
        until = earliest(until, holds.until)
        if index >= beyond and (holds.now is True or holds.until is not None):
            until = earliest(until, max(enters(node.window, series.at[index]), scope.now + 1))
            break
        if index < beyond and holds.now is True:
            inside.append(index)
    return Span(series, inside, until)


class Dwindling:
    """A count or a sum whose events leave one by one, oldest first, with none to come."""

    def __init__(self, amounts: Sequence[int], gone: Sequence[Instant], now: Instant) -> None:
        self._gone, self._now = gone, now
        rest = list(accumulate(amounts, lambda left, amount: left - amount, initial=sum(amounts)))
        self._least, self._most = list(accumulate(rest, min)), list(accumulate(rest, max))

    def over(self, length: Millis) -> tuple[int, int]:
        """The least and the greatest that it is within the next `length` milliseconds: exactly, not only bounded."""
        left = bisect_right(self._gone, self._now + length)
        return self._least[left], self._most[left]
