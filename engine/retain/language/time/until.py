"""`until`: a local time to wait for, such as `tomorrow 09:00`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from retain.instants import from_datetime, to_datetime
from retain.language.time.wallclock import parse_time, weekday_or_none
from retain.language.time.zones import local_date, local_to_instant
from retain.model import Instant

_FORMS = "write 09:00, tomorrow 09:00, monday 09:00, 2026-12-24 09:00 or 2026-12-24T09:00+01:00"
_WORD_AND_TIME = re.compile(r"([A-Za-z]+)\s+(\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """A text that `parse_until` has read: a time of day with or without a day word, or one moment."""

    at: time = time()
    weekday: int | None = None  # 0 is Monday
    tomorrow: bool = False
    moment: datetime | None = None  # naive where the text has no offset

    def next(self, now: Instant, zone: tzinfo) -> Instant:
        """The first such instant after `now`; a date that is given stands, past or not.

        Raises:
            ValueError: the year is out of reach.
        """
        if self.moment is not None:
            return _instant_of(self.moment, zone)
        today = local_date(now, zone)
        ahead = 1 if self.tomorrow else 0
        while True:
            day = today + timedelta(days=ahead)
            if self.weekday in (None, day.weekday()):
                instant = local_to_instant(datetime.combine(day, self.at), zone)
                if instant > now:
                    return instant
            ahead += 1


def parse_until(text: str | Instant) -> Until:
    """A time of day, `tomorrow` or a weekday with a time, a date, an ISO 8601 date-time, or an instant in milliseconds.

    Raises:
        ValueError: the text is none of these.
    """
    try:
        if isinstance(text, int):
            return Until(moment=datetime.fromisoformat("1970-01-01T00:00+00:00") + timedelta(milliseconds=text))
        return _parse(text.strip())
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time to wait for; {_FORMS}") from None


def _parse(text: str) -> Until:
    worded = _WORD_AND_TIME.fullmatch(text)
    if worded:
        word, at = worded[1].lower(), parse_time(worded[2])
        weekday = weekday_or_none(word)
        if word != "tomorrow" and weekday is None:
            raise ValueError(word)
        return Until(at=at, weekday=weekday, tomorrow=word == "tomorrow")
    if "-" in text:
        return Until(moment=datetime.fromisoformat(text))
    return Until(at=parse_time(text))


def _instant_of(moment: datetime, zone: tzinfo) -> Instant:
    try:
        instant = local_to_instant(moment, zone) if moment.tzinfo is None else from_datetime(moment)
        to_datetime(instant)  # on the first and last day of the calendar a zone can leave it
        return instant
    except OverflowError:
        raise ValueError(f"{moment.isoformat()} is out of reach; {_FORMS}") from None
