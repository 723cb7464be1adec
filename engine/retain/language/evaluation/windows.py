"""Bounds of a window of history at an instant, and calendar words in a zone."""

from __future__ import annotations

from datetime import date, tzinfo
from functools import lru_cache

from retain.instants import DAY, parse_instant, to_datetime
from retain.language.scope import Scope
from retain.language.syntax.ast import Window
from retain.language.time.zones import start_of_date
from retain.model import Instant, Millis

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAYS = {"day": 2, "week": 9, "month": 33, "quarter": 94, "year": 368}  # the longest of each, with room
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LAST_DAY = date.max.toordinal() - _EPOCH_DAY


def local_day(at: Instant, zone: tzinfo) -> int:
    """The calendar day of an instant in a zone, in days since 1970-01-01."""
    return to_datetime(at, zone).toordinal() - _EPOCH_DAY


@lru_cache(maxsize=4096)
def midnight(day: int, zone: tzinfo) -> Instant:
    """The first instant of a local day; where a change of the clocks skips midnight, the first one that exists."""
    return start_of_date(date.fromordinal(min(max(day, 1 - _EPOCH_DAY), _LAST_DAY) + _EPOCH_DAY), zone)


@lru_cache(maxsize=1024)
def since_date(text: str, zone: tzinfo) -> Instant:
    """The instant that `since DATE` starts at."""
    at = parse_instant(text, zone)
    assert at is not None, f"the checker let through the date {text!r}"
    return at


def bounds(window: Window | None, scope: Scope) -> tuple[Instant | None, Instant]:
    """The half-open part [low, high) of history that counts now; low None is the beginning of time."""
    now = scope.now
    if window is None:
        return None, now
    if window.form == "last":
        return now - window.near, now
    if window.form == "between":
        return now - window.far, now - window.near
    if window.form == "since":
        return since_date(window.at, scope.zone), now
    if window.form == "start":
        return (now if scope.started_at is None else scope.started_at), now
    return calendar_start(window, now, scope.zone), now


def calendar_start(window: Window, now: Instant, zone: tzinfo) -> Instant:
    """Where `in last N calendar days` and `this week` begin."""
    today = local_day(now, zone)
    if window.form == "calendar_days":
        return midnight(today - window.count + 1, zone)
    return midnight(period_start(today, window.unit), zone)


def period_start(day: int, unit: str) -> int:
    """The first day of the day, week (Monday), month, quarter or year that holds a day."""
    if unit == "day":
        return day
    if unit == "week":
        return day - (day + 3) % 7  # 1970-01-01 was a Thursday
    when = date.fromordinal(day + _EPOCH_DAY)
    months = _MONTHS[unit]
    return when.replace(month=(when.month - 1) // months * months + 1, day=1).toordinal() - _EPOCH_DAY


def next_period(day: int, unit: str) -> int:
    """The first day of the period after the one that holds a day."""
    if unit == "day":
        return day + 1
    if unit == "week":
        return period_start(day, unit) + 7
    when = date.fromordinal(period_start(day, unit) + _EPOCH_DAY)
    months = when.month - 1 + _MONTHS[unit]
    return date(when.year + months // 12, months % 12 + 1, 1).toordinal() - _EPOCH_DAY


def enters(window: Window | None, at: Instant) -> Instant:
    """The first instant at which an event that happened at `at` counts."""
    delay = window.near if window is not None and window.form == "between" else 0
    return at + delay + 1


def leaves(window: Window | None, at: Instant, zone: tzinfo) -> Instant | None:
    """The first instant at which an event that has counted no longer does; None is never."""
    if window is None or window.form in ("since", "start"):
        return None
    if window.form in ("last", "between"):
        return at + max(window.near, window.far) + 1
    day = local_day(at, zone)
    if window.form == "calendar_days":
        return midnight(day + window.count, zone)
    return midnight(next_period(day, window.unit), zone)


def reach(window: Window | None) -> Millis | None:
    """How far back a window can look, generously; None is all of history."""
    if window is None or window.form in ("since", "start"):
        return None
    if window.form == "calendar_days":
        return (window.count + 2) * DAY
    if window.form == "this":
        return _DAYS[window.unit] * DAY
    return max(window.near, window.far)


def whole_years(born: int, today: int) -> int:
    """Age in completed years; a birthday on 29 February falls on the 28th in other years."""
    first, last = date.fromordinal(born + _EPOCH_DAY), date.fromordinal(today + _EPOCH_DAY)
    return last.year - first.year - (last < _birthday(first, last.year))


def _birthday(born: date, year: int) -> date:
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 2, 28)
