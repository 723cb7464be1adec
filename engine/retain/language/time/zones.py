"""Local time and instants: time zones, skipped and repeated hours, and the calendar words day, week, month, year."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from retain.instants import DAY, from_datetime, to_datetime
from retain.model import Fields, Instant

# Names that a system may hold beside the IANA ones: they mean another zone on every machine, or count leap seconds.
_NOT_IANA = ("localtime", "posixrules", "posix/", "right/")


@lru_cache(maxsize=2048)
def zone_or_none(name: str) -> ZoneInfo | None:
    """The IANA zone of a name such as `Europe/Berlin`; None where there is no such zone."""
    if name.startswith(_NOT_IANA):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, not a path, or a folder of zones such as "Europe"
        return None


def zone_of(customer: Fields, default: tzinfo) -> tzinfo:
    """The zone that the customer's `timezone` names; a missing or invalid one is `default`."""
    name = customer.get("timezone")
    return (zone_or_none(name) if isinstance(name, str) else None) or default


def local_time(at: Instant, zone: tzinfo) -> datetime:
    """What the clock on the wall shows at an instant, as a naive datetime."""
    return to_datetime(at, zone).replace(tzinfo=None, fold=0)


def local_date(at: Instant, zone: tzinfo) -> date:
    """The date on the wall at an instant."""
    return to_datetime(at, zone).date()


def instants_of(local: datetime, zone: tzinfo) -> tuple[Instant, ...]:
    """Every instant at which the wall shows `local`: none where it is skipped, two where it is repeated."""
    first, last = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    before, after = _offset(first), _offset(last)  # the same except in a gap, where it grows, and where time repeats
    if before == after:
        return (from_datetime(first),)
    return (from_datetime(first), from_datetime(last)) if before > after else ()


def local_to_instant(local: datetime, zone: tzinfo) -> Instant:
    """The instant of a local time: the first of a repeated one; of a skipped one, the end of the skipped span."""
    return (instants_of(local, zone) or (_end_of_gap(local, zone),))[0]


def local_to_last_instant(local: datetime, zone: tzinfo) -> Instant:
    """As `local_to_instant`, but the last of a repeated one."""
    return (instants_of(local, zone) or (_end_of_gap(local, zone),))[-1]


def _end_of_gap(local: datetime, zone: tzinfo) -> Instant:
    """The first instant with the offset that holds after the span in which `local` is skipped."""
    before, after = (from_datetime(local.replace(tzinfo=zone, fold=fold)) for fold in (1, 0))
    offset = _offset(to_datetime(after, zone))
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(to_datetime(middle, zone)) == offset:
            after = middle
        else:
            before = middle
    return after


def fold_ahead(at: Instant, zone: tzinfo) -> timedelta:
    """By how much clocks are put back within the day after an instant; nothing on other days."""
    here, later = (_offset(to_datetime(moment, zone)) for moment in (at, at + DAY))
    return max(here - later, timedelta())


def _offset(when: datetime) -> timedelta:
    return when.utcoffset() or timedelta()


def start_of_date(day: date, zone: tzinfo) -> Instant:
    """The first instant of a date; later than 00:00 on the wall where midnight is skipped."""
    return local_to_instant(datetime.combine(day, time()), zone)


def start_of_day(at: Instant, zone: tzinfo) -> Instant:
    """The first instant of the local day that holds `at`."""
    return start_of_date(local_date(at, zone), zone)


def start_of_week(at: Instant, zone: tzinfo) -> Instant:
    """The first instant of the local Monday on or before `at`."""
    day = local_date(at, zone)
    return start_of_date(day - timedelta(days=day.weekday()), zone)


def start_of_month(at: Instant, zone: tzinfo) -> Instant:
    """The first instant of the local month that holds `at`."""
    return start_of_date(local_date(at, zone).replace(day=1), zone)


def start_of_quarter(at: Instant, zone: tzinfo) -> Instant:
    """The first instant of the quarter that holds `at`; quarters begin in January, April, July and October."""
    day = local_date(at, zone)
    return start_of_date(day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1), zone)


def start_of_year(at: Instant, zone: tzinfo) -> Instant:
    """The first instant of the local year that holds `at`."""
    return start_of_date(local_date(at, zone).replace(month=1, day=1), zone)


def add_calendar_days(at: Instant, days: int, zone: tzinfo) -> Instant:
    """The same time on the wall some dates later, or earlier where `days` is negative."""
    return local_to_instant(local_time(at, zone) + timedelta(days=days), zone) if days else at
