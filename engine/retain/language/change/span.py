"""Which events decide an aggregate over history, and when they will be others."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TypeAlias

from retain.language.change.motion import Motion, State, curved, earliest, still
from retain.language.evaluation.windows import bounds, enters, leaves
from retain.language.scope import Scope, Series
from retain.language.syntax.ast import Window
from retain.model import Fields, Instant, Millis

RowTest: TypeAlias = Callable[[Fields], bool]
RowState: TypeAlias = Callable[[Fields], State]


@dataclass(slots=True)
class Span:
    """The events that an aggregate counts now, and those that it will count with no new fact.

    Args:
        inside: their indexes in the series, oldest first.
        coming: indexes of events that have happened too late to count yet.
        until: when a filter may change its mind about an event, or the first event enters that it may let in.
    """

    series: Series
    inside: Sequence[int] = ()
    coming: Sequence[int] = ()
    until: Instant | None = None

    def held_until(self, window: Window | None, zone: tzinfo, deciding: int) -> Instant | None:
        """When the aggregate may be another: the event at place `deciding` inside leaves, or one enters."""
        until = self.until
        if self.coming:
            until = earliest(until, enters(window, self.series.at[self.coming[0]]))
        if self.inside:
            until = earliest(until, leaves(window, self.series.at[self.inside[deciding]], zone))
        return until


def span_of_all(event: str, window: Window | None, scope: Scope) -> Span:
    """The span of an aggregate without a filter."""
    series = scope.history.series.get(event)
    if series is None:
        return Span(Series())
    low, high = bounds(window, scope)
    first, beyond = series.bounds(low, high)
    return Span(series, range(first, beyond), range(max(first, beyond), len(series.at)))


def span_of_some(event: str, window: Window | None, scope: Scope, keep: RowTest) -> Span:
    """The span of an aggregate with a filter that time does not change."""
    span = span_of_all(event, window, scope)
    row = span.series.row
    inside = [index for index in span.inside if keep(row(index))]
    coming = [index for index in span.coming if keep(row(index))]
    return Span(span.series, inside, coming)


def span_of_moving(event: str, window: Window | None, scope: Scope, state: RowState) -> Span:
    """The span of an aggregate with a filter that time itself can change."""
    span = span_of_all(event, window, scope)
    inside: list[int] = []
    until = None
    for index in span.inside:
        holds = state(span.series.row(index))
        until = earliest(until, holds.until)
        if holds.now is True:
            inside.append(index)
    for index in span.coming:
        holds = state(span.series.row(index))
        until = earliest(until, holds.until)
        if holds.now is True or holds.until is not None:
            until = earliest(until, enters(window, span.series.at[index]))
            break
    return Span(span.series, inside, (), until)


def count_of(span: Span, window: Window | None, scope: Scope) -> Motion:
    """How many events count, exactly, for all time to come."""
    at, inside, total = span.series.at, span.inside, len(span.inside)
    if span.coming or not isinstance(inside, range) or window is None or window.form != "last":
        return total_of(span, [1] * total, [1] * len(span.coming), window, scope)
    if not total:
        return still(0)
    first, beyond, stay = inside.start, inside.stop, window.near + 1
    latest_kept = scope.now - stay

    def over(length: Millis) -> tuple[int, int]:
        return beyond - bisect_right(at, latest_kept + length, first, beyond), total

    return curved(total, None, over, lambda: [happened + stay for happened in at[first:beyond]])


def total_of(span: Span, amounts: Sequence[int], further: Sequence[int], window: Window | None, scope: Scope) -> Motion:
    """A sum of which parts leave and enter one by one, exactly, for all time to come."""
    at, zone = span.series.at, scope.zone
    steps = [(leaves(window, at[index], zone), -amount) for index, amount in zip(span.inside, amounts, strict=True)]
    for index, amount in zip(span.coming, further, strict=True):
        steps.append((max(enters(window, at[index]), scope.now + 1), amount))
        steps.append((leaves(window, at[index], zone), -amount))
    return stairs(sum(amounts), [(turn, step) for turn, step in steps if turn is not None], scope.now)


def stairs(total: int, steps: Iterable[tuple[Instant, int]], now: Instant) -> Motion:
    """A total that changes by steps at known instants and nowhere else."""
    turns: list[Instant] = []
    least, most = [total], [total]
    reached = total
    for turn, step in sorted(steps):
        reached += step
        turns.append(turn)
        least.append(min(least[-1], reached))
        most.append(max(most[-1], reached))
    if not turns:
        return still(total)

    def over(length: Millis) -> tuple[int, int]:
        passed = bisect_right(turns, now + length)
        return least[passed], most[passed]

    return curved(total, None, over, lambda: turns)
