"""Schedules: planned instants by cron, or by a date field of each customer."""

from __future__ import annotations

from calendar import isleap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Literal

from retain.instants import DAY, to_datetime
from retain.language.time.calendars import Calendar, parse_hours
from retain.language.time.cron import Cron, parse_cron
from retain.language.time.quiet import until_open
from retain.language.time.until import Until, parse_until
from retain.language.time.zones import local_date, local_time, local_to_instant, zone_of, zone_or_none
from retain.model import Instant, Json, Millis

__all__ = [
    "Calendar",
    "Cron",
    "FieldSchedule",
    "Until",
    "date_of",
    "parse_cron",
    "parse_hours",
    "parse_until",
    "until_open",
    "zone_of",
    "zone_or_none",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSchedule:
    """A planned instant that follows a date field of a customer.

    Args:
        kind: `date` is that very day; `yearly` is each later year's day, 29 February falling on the 28th.
        field: dotted path of the customer field.
        offset: negative for before, positive for after, in milliseconds; whole days move the date, other durations
            move real time.
        at: local time of day.
        declared: the field's type; of a `date` the day counts as written, whatever time and offset follow it.
    """

    kind: Literal["yearly", "date"]
    field: str
    offset: Millis = 0
    at: time = time(9)
    declared: Literal["date", "instant"] = "instant"

    def next_after(self, value: Json, after: Instant, zone: tzinfo) -> tuple[Instant, str] | None:
        """The first planned instant later than `after`, with the local time such as `2026-05-01T09:00` that names it.

        None where there is none, or where `value` is no date. The name stays the same when the zone changes, so one
        day never plans two starts.
        """
        if self.declared == "date" and isinstance(value, str):
            value = value[:10]
        day = date_of(value, zone)
        if day is None:
            return None
        try:
            planned = (self._planned(occurrence, zone) for occurrence in self._days(day, after, zone))
            return next((entry for entry in planned if entry[0] > after), None)
        except (OverflowError, ValueError):  # a date such as 9999-12-31 that cannot be moved
            return None

    def _days(self, day: date, after: Instant, zone: tzinfo) -> Iterator[date]:
        if self.kind == "date":
            yield day
            return
        near = (local_time(after, zone) - timedelta(milliseconds=self.offset)).year
        for year in range(max(near - 1, day.year + 1), max(near, day.year) + 3):
            yield _in_year(day, year)

    def _planned(self, day: date, zone: tzinfo) -> tuple[Instant, str]:
        offset = timedelta(milliseconds=self.offset)
        local = datetime.combine(day, self.at)
        moved = local + offset
        whole_days = self.offset % DAY == 0
        instant = local_to_instant(moved, zone) if whole_days else local_to_instant(local, zone) + self.offset
        to_datetime(instant)  # on the first and last day of the calendar a zone can leave it
        return instant, moved.isoformat(timespec="auto" if moved.second or moved.microsecond else "minutes")


def date_of(value: Json, zone: tzinfo) -> date | None:
    """The local date of a field's value: an ISO 8601 date, a date-time, or an instant in milliseconds.

    A date-time with an offset is taken in `zone`, one without as it is written. None where the value is none of these.
    """
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return local_date(value, zone)
        if not isinstance(value, str):
            return None
        when = datetime.fromisoformat(value)
        return (when if when.tzinfo is None else when.astimezone(zone)).date()
    except (ValueError, OverflowError):
        return None


def _in_year(day: date, year: int) -> date:
    if (day.month, day.day) == (2, 29) and not isleap(year):
        return date(year, 2, 28)
    return day.replace(year=year)
