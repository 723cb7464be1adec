"""Every figure in docs/reference/time.md is what Retain computes."""

import re
from datetime import date, datetime
from pathlib import Path

import pytest
import yaml

from moments import at, lasting, shown
from retain.language.evaluation.windows import bounds
from retain.language.scope import History, Scope
from retain.language.syntax import ast
from retain.language.syntax.parser import parse
from retain.language.syntax.source import TextSource
from retain.language.time.calendars import Calendar, parse_hours
from retain.language.time.cron import parse_cron
from retain.language.time.quiet import until_open
from retain.language.time.schedules import FieldSchedule
from retain.language.time.until import parse_until
from retain.language.time.wallclock import parse_span
from retain.language.time.zones import local_to_instant, zone_or_none

PAGE = (Path(__file__).parents[1] / "docs/reference/time.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    """The text below a heading, up to the next one."""
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def rows(heading: str) -> list[list[str]]:
    """The rows of the last table below a heading, without backticks."""
    table = re.findall(r"(?:^\|.*\n?)+", section(heading), re.MULTILINE)[-1]
    found = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    assert len(found) > 5, heading
    return found


def zone_of(name: str):
    zone = zone_or_none(name)
    assert zone is not None, name
    return zone


@pytest.mark.parametrize(("name", "local", "instant", "_why"), rows("Skipped and repeated times"))
def test_local_times(name, local, instant, _why):
    zone = zone_of(name)
    assert shown(local_to_instant(datetime.fromisoformat(local), zone), zone) == instant


@pytest.mark.parametrize(("text", "name", "after", "instant"), rows("Cron"))
def test_cron(text, name, after, instant):
    zone = zone_of(name)
    assert shown(parse_cron(text).next_after(at(after, zone), zone), zone) == instant


@pytest.mark.parametrize(("written", "value", "name", "after", "instant"), rows("Dates of customers"))
def test_dates_of_customers(written, value, name, after, instant):
    zone = zone_of(name)
    kind, _, moved = written.partition(", ")
    sign, _, duration = moved.partition(" ")
    offset = lasting(duration) * (-1 if sign == "before" else 1) if moved else 0
    planned = FieldSchedule(kind=kind, field="day", offset=offset).next_after(value, at(after, zone), zone)
    assert shown(planned[0] if planned else None, zone) == instant


@pytest.mark.parametrize(("text", "name", "now", "instant"), rows("Until"))
def test_until(text, name, now, instant):
    zone = zone_of(name)
    assert shown(parse_until(text).next(at(now, zone), zone), zone) == instant


@pytest.mark.parametrize(("start", "duration", "instant"), rows("Business time"))
def test_business_time(start, duration, instant):
    hours = yaml.safe_load(section("Business time").split("```yaml\n")[1].split("```")[0])
    zone, holiday = re.findall(r"hours in (\S+), with a holiday on (\S+):", section("Business time"))[0]
    calendar = Calendar(zone=zone_of(zone), hours=parse_hours(hours), holidays=frozenset({date.fromisoformat(holiday)}))
    assert shown(calendar.add(at(start, calendar.zone), lasting(duration)), calendar.zone) == instant


@pytest.mark.parametrize(("span", "name", "now", "instant"), rows("Quiet hours"))
def test_quiet_hours(span, name, now, instant):
    zone = zone_of(name)
    opening = until_open(*parse_span(span), at(now, zone), zone)
    assert shown(opening, zone) == instant.replace("not at all", "never")


@pytest.mark.parametrize(("words", "name", "now", "instant"), rows("Calendar words"))
def test_calendar_words(words, name, now, instant):
    zone = zone_of(name)
    history = parse(TextSource(f"exists(order_completed {words})"))
    assert isinstance(history, ast.History)
    moment = Scope(now=at(now, zone), customer={}, history=History(), first_seen=0, zone=zone)
    begin, end = bounds(history.window, moment)
    assert (shown(begin, zone), end) == (instant, moment.now)
