"""Clock times and weekdays as people write them: `09:00`, `21:00-08:00`, `monday`, `mon-fri`."""

from __future__ import annotations

import re
from datetime import time

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def parse_time(text: str) -> time:
    """`09:00` or `9:00`, 24 hours, without seconds.

    Raises:
        ValueError: the text is no time of day.
    """
    found = _TIME.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is no time of day; write hours and minutes of 24 hours, such as 09:00 or 17:30")
    return time(int(found[1]), int(found[2]))


def parse_span(text: str) -> tuple[time, time]:
    """`21:00-08:00`: from a time up to a time, over midnight where the second is not later; `24:00` ends a day.

    Raises:
        ValueError: the text is no span of two times.
    """
    start, dash, end = text.replace("–", "-").partition("-")
    if not dash:
        raise ValueError(f"{text!r} is no span of time; write two times with a dash, such as 09:00-17:00")
    return parse_time(start), time(0) if end.strip() == "24:00" else parse_time(end)


def weekday_or_none(text: str) -> int | None:
    """0 for `monday` or `mon` to 6 for `sunday` or `sun`, in any case; None for another word."""
    word = text.strip().lower()
    return next((n for n, name in enumerate(WEEKDAYS) if word in (name, name[:3])), None)


def parse_weekdays(text: str) -> tuple[int, ...]:
    """`monday`, `mon-fri` or `sat, sun` as numbers from 0 for Monday; a range may pass Sunday.

    Raises:
        ValueError: a word is no weekday.
    """
    days: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        start, end = weekday_or_none(first), weekday_or_none(last or first)
        if start is None or end is None:
            raise ValueError(f"{part.strip()!r} is no weekday; write monday, or a range such as mon-fri")
        days += [(start + n) % 7 for n in range((end - start) % 7 + 1)]
    return tuple(dict.fromkeys(days))
