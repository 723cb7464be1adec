"""Times as people write them on a command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from retain.errors import RetainError
from retain.instants import from_datetime, parse_duration, parse_instant, to_datetime
from retain.model import Instant, Millis

_DAYS = {"today": 0, "yesterday": -1, "tomorrow": 1}
_AGO = re.compile(r"(?:-\s*(.+)|(.+?)\s+ago)")
_CLOCK = re.compile(r"(today|yesterday|tomorrow)(?:\s+(\d{1,2}):(\d{2}))?")


def read_time(text: str, now: Instant, zone: tzinfo = UTC) -> Instant:
    """The instant that a person means: ISO, `2026-11-21 10:00`, `yesterday 09:00`, `-2h`, `now`.

    Args:
        zone: of a text that names none.

    Raises:
        RetainError: it is no time.
    """
    word = text.strip().casefold()
    if word == "now":
        return now
    ago = _AGO.fullmatch(word)
    if ago is not None:
        back = parse_duration(ago[1] or ago[2])
        if back is not None:
            return now - back
    day = _CLOCK.fullmatch(word)
    if day is not None:
        hour, minute = int(day[2] or 0), int(day[3] or 0)
        if hour < 24 and minute < 60:
            local = to_datetime(now, zone) + timedelta(days=_DAYS[day[1]])
            return from_datetime(local.replace(hour=hour, minute=minute, second=0, microsecond=0))
    instant = parse_instant(text.strip(), zone)
    if instant is None:
        raise RetainError(
            f"{text!r} is no time", cure="write 2026-11-21, 2026-11-21 10:00, 2026-11-21T10:00Z, yesterday or -2h"
        )
    return instant


def read_span(text: str) -> Millis:
    """The length of time that a person means: `90d`, `12h`.

    Raises:
        RetainError: it is none.
    """
    span = parse_duration(text.strip())
    if span is None:
        raise RetainError(f"{text!r} is no length of time", cure="write 90d, 12h or 2w")
    return span


def show_time(at: Instant | None, zone: tzinfo = UTC, *, seconds: bool = False) -> str:
    """`2026-11-21 10:00` in a zone; empty for none."""
    if at is None:
        return ""
    return f"{to_datetime(at, zone):{'%Y-%m-%d %H:%M:%S' if seconds else '%Y-%m-%d %H:%M'}}"


def zone_name(zone: tzinfo) -> str:
    """How a zone is called."""
    return zone.key if isinstance(zone, ZoneInfo) else str(datetime.now(zone).tzname() or zone)
