"""Which events decide an aggregate over history, and when they will be others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from retain.language import ast
from retain.language.ast import Node
from retain.language.motion import State, earliest
from retain.language.scope import Scope, Series
from retain.language.windows import bounds, enters, leaves
from retain.model import Fields, Instant

RowState: TypeAlias = Callable[[Node, Fields], State]


@dataclass(frozen=True, slots=True)
class Span:
    """The events that an aggregate counts now.

    Args:
        until: when they may be others: one that matters leaves the window, or another enters.
        newest: the instant of the newest of them.
        count: the value, where it is their number and there was no need to look at any.
    """

    until: Instant | None = None
    newest: Instant | None = None
    count: int | None = None

    @classmethod
    def of(cls, node: ast.History, scope: Scope, state: RowState) -> Span:
        """The span of an aggregate; `state` tells of a filter and a row how long the verdict lasts."""
        series = scope.history.series.get(node.event)
        if series is None:
            return cls()
        low, high = bounds(node.window, scope)
        first, beyond = series.bounds(low, high)
        count = max(0, beyond - first) if node.where is None and node.function == "count" else None
        moved, oldest, newest = _scan(node, series, range(first, len(series.at)), beyond, scope.now, state)
        deciding = newest if node.function in ("exists", "last", "last_at", "days_since") else oldest
        gone = None if deciding is None else leaves(node.window, deciding, scope.zone)
        return cls(earliest(gone, *moved), newest, count)


def _scan(
    node: ast.History, series: Series, indexes: range, beyond: int, now: Instant, state: RowState
) -> tuple[list[Instant | None], Instant | None, Instant | None]:
    """When a filter or a coming event changes what counts; the oldest and the newest event that count now."""
    oldest = newest = None
    moved: list[Instant | None] = []
    if node.where is None:  # all count, so only the two ends and the next to come matter
        if indexes.start < beyond:
            oldest, newest = series.at[indexes.start], series.at[beyond - 1]
        indexes = range(max(indexes.start, beyond), indexes.stop)
    for index in indexes:
        holds = State(True, None) if node.where is None else state(node.where, series.row(index))
        moved.append(holds.until)
        if holds.now is not True and holds.until is None:
            continue
        if index >= beyond:
            moved.append(max(enters(node.window, series.at[index]), now + 1))
            break
        if holds.now is True:
            oldest = series.at[index] if oldest is None else oldest
            newest = series.at[index]
    return moved, oldest, newest
