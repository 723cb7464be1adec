"""Business hours: adding and measuring time that counts only while a business is open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo

from retain.errors import DecisionError
from retain.language.time.wallclock import parse_span, parse_weekdays
from retain.language.time.zones import local_date, local_to_instant
from retain.model import Instant, Millis

Hours = Mapping[int, Sequence[tuple[time, time]]]
_PATIENCE = 2 * 366  # days without an opening after which a calendar counts as closed for ever


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Opening hours in a zone. An hour of business time is a real hour while open, also when clocks change.

    Args:
        hours: spans of local time by weekday, 0 for Monday; a span whose end is not later than its start goes over
            midnight, and belongs to the day on which it starts.
        holidays: dates on which nothing opens.
    """

    name: str = ""
    zone: tzinfo
    hours: Hours
    holidays: frozenset[date] = field(default_factory=frozenset)

    def is_open(self, at: Instant) -> bool:
        """Whether business is open at an instant; it is closed at the instant of closing."""
        return any(self._spans(at, at + 1))

    def add(self, start: Instant, duration: Millis) -> Instant:
        """The instant by which `duration` of business time has passed since `start`.

        A duration of 0 is `start` itself while open, else the next opening. A duration that is used up exactly at
        closing time ends there, not at the next opening.

        Raises:
            DecisionError: the calendar does not open within two years, or not often enough until the year 9999.
        """
        left = duration
        where = f"calendar {self.name}" if self.name else "calendar"
        try:
            for opens, closes in self._spans(start, None):
                if closes - opens >= left:
                    return opens + left
                left -= closes - opens
        except OverflowError as error:
            what = "so much business time has not passed by the year 9999"
            raise DecisionError(what, where=where, cure="write a shorter duration") from error
        cure = "give it hours on at least one weekday, and fewer holidays"
        raise DecisionError("the calendar does not open within two years", where=where, cure=cure)

    def between(self, start: Instant, end: Instant) -> Millis:
        """The business time from `start` to `end`; 0 where `end` is not later."""
        return sum(min(closes, end) - opens for opens, closes in self._spans(start, end))

    def _spans(self, start: Instant, end: Instant | None) -> Iterator[tuple[Instant, Instant]]:
        """What is open from `start` on, as spans in order and without overlap that begin before `end`."""
        day = local_date(start, self.zone) - timedelta(days=1)  # its span may go over midnight
        reach, idle = start, 0
        while idle < _PATIENCE:
            idle += 1
            for opens, closes in self._spans_of(day):
                begin = max(opens, reach)
                if end is not None and begin >= end:
                    return
                if closes > begin:
                    yield begin, closes
                    reach, idle = closes, 0
            if end is not None and local_date(end, self.zone) < day:
                return
            day += timedelta(days=1)

    def _spans_of(self, day: date) -> list[tuple[Instant, Instant]]:
        if day in self.holidays:
            return []
        return sorted(
            (
                local_to_instant(datetime.combine(day, opens), self.zone),
                local_to_instant(datetime.combine(day + timedelta(days=closes <= opens), closes), self.zone),
            )
            for opens, closes in self.hours.get(day.weekday(), ())
        )


def parse_hours(hours: Mapping[str, str | Sequence[str]]) -> Hours:
    """`{"mon-fri": ["09:00-12:30", "13:30-17:00"], "sat": "10:00-14:00"}` by weekday, 0 for Monday.

    Raises:
        ValueError: a weekday or a span cannot be read, or no day opens at all.
    """
    spans: dict[int, list[tuple[time, time]]] = {}
    for days, written in hours.items():
        texts = [written] if isinstance(written, str) else written
        for weekday in parse_weekdays(days):
            spans.setdefault(weekday, []).extend(parse_span(text) for text in texts)
    if not any(spans.values()):
        raise ValueError("a calendar must open on at least one weekday; write hours such as mon-fri: 09:00-17:00")
    return spans
