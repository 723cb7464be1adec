"""Quiet hours: until when a message has to wait."""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo

from retain.language.time.zones import local_date, local_to_instant, local_to_last_instant
from retain.model import Instant


def until_open(start: time, end: time, now: Instant, zone: tzinfo) -> Instant | None:
    """When the quiet span [start, end) that holds `now` ends; None where `now` is outside it.

    The span goes over midnight where `start` is later than `end`; equal times are never quiet. A repeated hour is
    quiet both times, since quiet hours are a promise of silence.
    """
    opening = now
    while (end_of_span := _end_of_span(start, end, opening, zone)) is not None:
        opening = end_of_span
    return opening if opening > now else None


def _end_of_span(start: time, end: time, now: Instant, zone: tzinfo) -> Instant | None:
    today = local_date(now, zone)
    for day in (today, today - timedelta(days=1)):
        opens = local_to_instant(datetime.combine(day, start), zone)
        closes = local_to_last_instant(datetime.combine(day + timedelta(days=start > end), end), zone)
        if start != end and opens <= now < closes:
            return closes
    return None
