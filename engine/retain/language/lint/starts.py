"""When a rule starts: limits that never limit (W217), and times that do not exist on one day of the year (W219)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice, pairwise

from retain.instants import DAY, HOUR, from_datetime
from retain.language.documents.nodes import MapNode, Node
from retain.language.lint.subject import Subject
from retain.language.rules import BecomesTrigger, ScheduleTrigger, Trigger
from retain.language.time.cron import Cron
from retain.language.time.zones import zone_or_none
from retain.model import Millis, Problem

_SEEN = datetime(2026, 1, 1)  # from here on zones are looked at; no clock is read, so the answer stays the same
_YEARS = 2
_TICKS = 60  # starts of a cron whose distances are looked at
_TYPICAL = ("Europe/Berlin", "Europe/London", "America/New_York")  # for a zone that only the customer knows


def start_problems(subject: Subject, zone: tzinfo) -> Iterator[Problem]:
    """Warnings about when the rule starts.

    Args:
        zone: the account's.
    """
    yield from _needless_limit(subject)
    for trigger in subject.rule.triggers:
        if isinstance(trigger, ScheduleTrigger):
            yield from _skipped_time(subject, trigger, zone)


def _needless_limit(subject: Subject) -> Iterator[Problem]:
    limit, triggers = subject.rule.runs.at_most, subject.rule.triggers
    if limit is None or len(triggers) != 1:
        return
    apart = _least_apart(triggers[0])
    if apart * limit.count >= limit.per:
        cure = "leave it out, or make the span longer"
        yield subject.said("runs.at_most", "W217", "the rule never starts often enough for this to matter", cure)


def _least_apart(trigger: Trigger) -> Millis:
    """How long there is between two starts for one customer, at least; 0 where nobody knows."""
    if isinstance(trigger, BecomesTrigger):
        return trigger.held
    if not isinstance(trigger, ScheduleTrigger) or trigger.if_missed == "run_all":
        return 0
    if trigger.cron is not None:
        return _between_ticks(trigger.cron)
    return 364 * DAY if trigger.field_schedule is not None and trigger.field_schedule.kind == "yearly" else 0


@lru_cache(maxsize=256)
def _between_ticks(cron: Cron) -> Millis:
    start = from_datetime(_SEEN.replace(tzinfo=UTC))
    ticks = islice(cron.between(start, start + 400 * DAY, UTC), _TICKS)
    least = min((after - before for before, after in pairwise(ticks)), default=0)
    return max(0, least - HOUR)  # where clocks are put forward, two starts come closer


def _skipped_time(subject: Subject, trigger: ScheduleTrigger, zone: tzinfo) -> Iterator[Problem]:
    zones = [zone_or_none(name) for name in _TYPICAL] if trigger.timezone_field else [zone_or_none(trigger.timezone)]
    for known in zones if trigger.timezone or trigger.timezone_field else [zone]:
        skipped = next((span for span in _gaps(known) if _falls_into(trigger, *span)), None) if known else None
        if skipped is None:
            continue
        first, last = skipped
        where = f"in zones such as {known}" if trigger.timezone_field else f"in {known}"
        what = f"on {first:%Y-%m-%d} the clock goes from {first:%H:%M} to {last:%H:%M} {where}: this time is skipped"
        cure = f"it then starts at {last:%H:%M}; choose a time before {first:%H:%M} or from {last:%H:%M} on"
        yield _time_of(subject, trigger).complain("W219", what, cure)
        return


def _time_of(subject: Subject, trigger: ScheduleTrigger) -> Node:
    """Where the time of a schedule is written."""
    node = subject.at(f"{trigger.path}.schedule")
    key = "cron" if trigger.cron is not None else "at"
    return node.entries.get(key, node) if isinstance(node, MapNode) else node


def _falls_into(trigger: ScheduleTrigger, first: datetime, last: datetime) -> bool:
    """Whether a start is planned for a local time in [first, last)."""
    if trigger.cron is not None:
        if trigger.cron.runs_by_real_time:
            return False
        start, end = (from_datetime(local.replace(tzinfo=UTC)) for local in (first, last))  # the wall taken as UTC
        return any(True for _ in trigger.cron.between(start - 1, end - 1, UTC))
    schedule = trigger.field_schedule
    return schedule is not None and schedule.offset % DAY == 0 and first.time() <= schedule.at < last.time()


@lru_cache(maxsize=64)
def _gaps(zone: tzinfo) -> tuple[tuple[datetime, datetime], ...]:
    """The spans of local time that a zone leaves out in the years looked at."""
    found = []
    step = timedelta(hours=1)
    for day in range(_YEARS * 366):
        midnight = _SEEN + timedelta(days=day)
        if _offset(midnight, zone) == _offset(midnight + timedelta(days=1), zone):
            continue
        skipped = [midnight + timedelta(minutes=minute) for minute in range(0, 1440, 30)]
        skipped = [local for local in skipped if _is_skipped(local, zone)]
        if skipped:
            found.append((skipped[0], skipped[-1] + step / 2))
    return tuple(found)


def _offset(local: datetime, zone: tzinfo) -> timedelta:
    return local.replace(tzinfo=zone).utcoffset() or timedelta()


def _is_skipped(local: datetime, zone: tzinfo) -> bool:
    return local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local
