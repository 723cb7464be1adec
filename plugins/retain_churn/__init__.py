"""Churn: a health score from recency, frequency and trend, as an expression that can be read and explained.

`health(event, cycle)` is 0 to 100, the sum of three parts; `event` is what a living customer does (an order), `cycle`
the time in which one expects it again:

- recency, up to 40: the last event lies within one cycle 40, two 25, three 10, longer ago 0
- frequency, up to 30: 7.5 for every event after the first within 365 days, 30 from the fifth on
- trend, up to 30, from the second event on: more events in the last three cycles than in the three before 30, as many
  20, fewer 10, none 0

Below 40 a customer is leaving, from 60 on one is safe. Somebody who bought once has 40 at the very most: one purchase
proves nothing about a second, so a one-time buyer is never called safe. The score is made of steps rather than curves:
each step is a date that can be named in advance, so a look at a customer is due on that date and on no other.

`trend(event, cycle)` is the number of events in the last three cycles less that in the three before; negative is
falling.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from retain.hookspecs import hookimpl
from retain.instants import parse_duration
from retain.model import Json, Millis
from retain.registry import Function

_PARAMETERS = {"event": "name", "cycle": "duration"}


def health(arguments: Mapping[str, Json], _named: Mapping[str, Json]) -> str:
    """The health score as an expression."""
    event, cycle = arguments["event"], _millis(arguments["cycle"])
    recency = (
        f"case when exists({event} in last {cycle}ms) then 40 when exists({event} in last {2 * cycle}ms) then 25 "
        f"when exists({event} in last {3 * cycle}ms) then 10 else 0 end"
    )
    frequency = (
        f"case when count({event} in last 365d) >= 5 then 30 when count({event} in last 365d) >= 4 then 22.5 "
        f"when count({event} in last 365d) >= 3 then 15 when count({event} in last 365d) >= 2 then 7.5 else 0 end"
    )
    recent, before = _recent_and_before(event, cycle)
    trend = (
        f"case when count({event}) < 2 or not exists({event} in last {3 * cycle}ms) then 0 "
        f"when {recent} > {before} then 30 when {recent} == {before} then 20 else 10 end"
    )
    return f"({recency}) + ({frequency}) + ({trend})"


def trend(arguments: Mapping[str, Json], _named: Mapping[str, Json]) -> str:
    """Events in the last three cycles less those in the three before, as an expression."""
    recent, before = _recent_and_before(arguments["event"], _millis(arguments["cycle"]))
    return f"{recent} - {before}"


@hookimpl
def register_functions() -> Iterable[Function]:
    """health(event, cycle) and trend(event, cycle)."""
    return (
        Function(
            name="health",
            summary="Health score from 0 to 100: recency up to 40, frequency up to 30, trend up to 30.",
            parameters=_PARAMETERS,
            body=health,
        ),
        Function(
            name="trend",
            summary="Events in the last three cycles less those in the three before; negative is falling.",
            parameters=_PARAMETERS,
            body=trend,
        ),
    )


def _recent_and_before(event: str, cycle: Millis) -> tuple[str, str]:
    return f"count({event} in last {3 * cycle}ms)", f"count({event} between {3 * cycle}ms and {6 * cycle}ms ago)"


def _millis(cycle: Millis | str) -> Millis:
    """A duration as it comes: in milliseconds, or as written."""
    if isinstance(cycle, int):
        return cycle
    millis = parse_duration(cycle)
    assert millis is not None, f"{cycle!r} passed the checker as a duration"
    return millis
