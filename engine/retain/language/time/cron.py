"""Cron: five fields, read by croniter, with local times mapped to instants by us.

croniter's own zone arithmetic is never used: it repeats a fixed hour when clocks are put back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from heapq import heappop, heappush
from itertools import takewhile

from croniter import CroniterBadDateError, CroniterError, croniter

from retain.language.time.zones import fold_ahead, instants_of, local_time, local_to_instant
from retain.model import Instant

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: n for n, name in enumerate(_MONTHS, 1)}),
    ("day of week", 0, 7, {name: n for n, name in enumerate(_DAYS)}),
)
_ITEM = re.compile(r"(?:\*|(?P<first>[a-z0-9]+)(?:-(?P<last>[a-z0-9]+))?)(?:/(?P<step>[0-9]+))?")
_SPECIAL = {
    "day of month": re.compile(r"^l$"),
    "day of week": re.compile(r"^l(?=[0-7]$)|(?<=\w)#[1-5]$"),
}
_HINTS = {
    "day of month": ", L for the last day",
    "day of week": ", mon#2 for the second Monday, L5 for the last Friday",
}
_NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron text that `parse_cron` has checked."""

    text: str

    @property
    def runs_by_real_time(self) -> bool:
        """Whether the hour is `*` or a step: then each real hour counts, skipped ones not and repeated ones twice."""
        hour = self.text.split()[1]
        return "*" in hour or "/" in hour

    def next_after(self, after: Instant, zone: tzinfo) -> Instant:
        """The first planned instant later than `after`."""
        return next(self._instants(after, zone))

    def between(self, after: Instant, until: Instant, zone: tzinfo) -> Iterator[Instant]:
        """The planned instants later than `after` and not later than `until`, in order."""
        return takewhile(lambda at: at <= until, self._instants(after, zone))

    def _instants(self, after: Instant, zone: tzinfo) -> Iterator[Instant]:
        found = self._by_real_time(after, zone) if self.runs_by_real_time else self._by_wall(after, zone)
        for at in found:
            if at > after:  # also drops local times of a gap that share its end
                yield at
                after = at

    def _by_wall(self, after: Instant, zone: tzinfo) -> Iterator[Instant]:
        """Each matching local time once: the first of a repeated one, the end of the gap for a skipped one."""
        return (local_to_instant(local, zone) for local in self._local_times(local_time(after, zone)))

    def _by_real_time(self, after: Instant, zone: tzinfo) -> Iterator[Instant]:
        """Each instant at which the wall shows a matching time."""
        waiting: list[Instant] = []
        # Clocks that are about to be put back will show times again that have already passed on the wall.
        for local in self._local_times(local_time(after, zone) - fold_ahead(after, zone)):
            first = local_to_instant(local, zone)
            while waiting and waiting[0] < first:
                yield heappop(waiting)
            for at in instants_of(local, zone):
                heappush(waiting, at)

    def _local_times(self, after: datetime) -> Iterator[datetime]:
        # A whole minute: croniter counts in floats, which cannot hold 08:59:59.999 exactly.
        times = croniter(self.text, after.replace(second=0, microsecond=0), ret_type=datetime)
        while True:
            yield times.get_next(datetime)


def parse_cron(text: str) -> Cron:
    """Minute, hour, day of month, month, day of week, as in crontab(5), with names, `L` and `#`.

    Raises:
        ValueError: a field is wrong (the message names it and says what to write), or no date ever matches.
    """
    fields = text.lower().split()
    if len(fields) != 5:
        raise ValueError(_wrong_count(fields))
    for value, (name, low, high, names) in zip(fields, _FIELDS, strict=True):
        for item in value.split(","):
            _check_item(item, name, low, high, names)
    if fields[2] != "*" and ("#" in fields[4] or "l" in fields[4]):
        raise ValueError("cron gives a day of month and a numbered day of week; keep one and write * for the other")
    cron = Cron(" ".join(fields))
    try:
        croniter(cron.text, datetime(2024, 1, 1)).get_next(datetime)
    except CroniterBadDateError:
        raise ValueError(f"cron {text!r} never comes: no such date exists; correct its day or its month") from None
    except CroniterError as error:
        raise ValueError(f"cron {text!r} cannot be read ({error}); write five fields such as 0 9 * * 1-5") from None
    return cron


def _wrong_count(fields: list[str]) -> str:
    if len(fields) == 1 and fields[0] in _NICKNAMES:
        return f"cron takes five fields, no nicknames; write {_NICKNAMES[fields[0]]} for {fields[0]}"
    why = "seconds and years are not supported" if len(fields) > 5 else "some are missing"
    return f"cron takes five fields, not {len(fields)} ({why}); write minute hour day month weekday: 0 9 * * 1-5"


def _check_item(item: str, field: str, low: int, high: int, names: dict[str, int]) -> None:
    """Refuse an item unless crontab(5) knows its form: croniter takes more, and reads some of it wrongly."""
    found = _ITEM.fullmatch(_SPECIAL[field].sub("", item) or "*" if field in _SPECIAL else item)
    if not found:
        raise ValueError(f"cron: {item!r} is no {field}; write *, {low}, {low}-{low + 3}, */2{_hint(field, names)}")
    for part in (found["first"], found["last"]):
        number = names.get(part, int(part) if part.isdecimal() else -1) if part else low
        if not low <= number <= high:
            raise ValueError(f"cron: {part!r} is no {field}; write {low} to {high}{_hint(field, names)}")
    if found["step"] and not 1 <= int(found["step"]) <= high:
        raise ValueError(f"cron: /{found['step']} is no step of the {field}; write /1 to /{high}")


def _hint(field: str, names: dict[str, int]) -> str:
    known = f", {next(iter(names))} to {list(names)[-1]}" if names else ""
    return known + _HINTS.get(field, "")
