"""Instants and durations: integers of milliseconds inside, ISO 8601 and `15m` at the doors."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from retain.model import Instant, Millis

SECOND: Millis = 1_000
MINUTE: Millis = 60 * SECOND
HOUR: Millis = 60 * MINUTE
DAY: Millis = 24 * HOUR
WEEK: Millis = 7 * DAY

UNITS: dict[str, Millis] = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_PART = re.compile(r"(\d+)(ms|[smhdw])")
_DURATION = re.compile(r"(?:\d+(?:ms|[smhdw])\s*)+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_duration(text: str) -> Millis | None:
    """`30s`, `15m`, `4h`, `7d`, `2w` or a sum such as `1h 30m`, in milliseconds; None where it is none of these."""
    if not _DURATION.fullmatch(text.strip()):
        return None
    return sum(int(number) * UNITS[unit] for number, unit in _PART.findall(text))


def format_duration(millis: Millis) -> str:
    """The shortest exact text of a duration: `90m` is `1h 30m`."""
    if millis < 0:
        return "-" + format_duration(-millis)
    parts = []
    for unit, size in (("w", WEEK), ("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", 1)):
        if unit == "w" and millis % WEEK:
            continue
        count, millis = divmod(millis, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"


def parse_instant(text: str, zone: tzinfo = UTC) -> Instant | None:
    """An ISO 8601 date or date-time; a text without an offset is read in `zone`. None where it is no instant."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=zone)
    return from_datetime(when)


def from_datetime(when: datetime) -> Instant:
    """An aware datetime as an instant; what is finer than a millisecond is cut off."""
    return (when - _EPOCH) // timedelta(milliseconds=1)


def to_datetime(at: Instant, zone: tzinfo = UTC) -> datetime:
    """An instant as an aware datetime in `zone`."""
    return (_EPOCH + timedelta(milliseconds=at)).astimezone(zone)


def format_instant(at: Instant, zone: tzinfo = UTC) -> str:
    """ISO 8601 with offset (`Z` for UTC), with milliseconds only where there are any."""
    text = to_datetime(at, zone).isoformat(timespec="milliseconds" if at % SECOND else "seconds")
    return text.replace("+00:00", "Z") if str(zone) == "UTC" else text
