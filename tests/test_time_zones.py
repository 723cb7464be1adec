"""Local times become instants in one way everywhere; calendar words follow the wall."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moments import BERLIN, HAVANA, KOLKATA, LORD_HOWE, NEW_YORK, at, moments, shown, zones
from retain.language.time.zones import (
    add_calendar_days,
    fold_ahead,
    instants_of,
    local_date,
    local_time,
    local_to_instant,
    local_to_last_instant,
    start_of_day,
    start_of_month,
    start_of_quarter,
    start_of_week,
    start_of_year,
    zone_of,
    zone_or_none,
)


@pytest.mark.parametrize(
    ("zone", "local", "instant"),
    [
        (BERLIN, "2026-03-29T01:59", "2026-03-29T01:59+01:00"),
        (BERLIN, "2026-03-29T02:00", "2026-03-29T03:00+02:00"),
        (BERLIN, "2026-03-29T02:30", "2026-03-29T03:00+02:00"),
        (BERLIN, "2026-03-29T03:00", "2026-03-29T03:00+02:00"),
        (NEW_YORK, "2026-03-08T02:01", "2026-03-08T03:00-04:00"),
        (LORD_HOWE, "2026-10-04T02:15", "2026-10-04T02:30+11:00"),
        (HAVANA, "2026-03-08T00:30", "2026-03-08T01:00-04:00"),
        (KOLKATA, "2026-03-29T02:30", "2026-03-29T02:30+05:30"),
    ],
)
def test_a_skipped_local_time_is_the_first_valid_minute_after_it(zone, local, instant):
    assert shown(local_to_instant(datetime.fromisoformat(local), zone), zone) == instant


@pytest.mark.parametrize(
    ("zone", "local", "first", "last"),
    [
        (BERLIN, "2026-10-25T02:30", "2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00"),
        (NEW_YORK, "2026-11-01T01:00", "2026-11-01T01:00-04:00", "2026-11-01T01:00-05:00"),
        (LORD_HOWE, "2026-04-05T01:45", "2026-04-05T01:45+11:00", "2026-04-05T01:45+10:30"),
        (LORD_HOWE, "2026-04-05T01:15", "2026-04-05T01:15+11:00", "2026-04-05T01:15+11:00"),
        (HAVANA, "2026-11-01T00:00", "2026-11-01T00:00-04:00", "2026-11-01T00:00-05:00"),
    ],
)
def test_a_repeated_local_time_is_its_first_occurrence_unless_the_last_is_asked_for(zone, local, first, last):
    when = datetime.fromisoformat(local)
    assert shown(local_to_instant(when, zone), zone) == first
    assert shown(local_to_last_instant(when, zone), zone) == last


@given(moments, zones)
def test_every_instant_is_one_of_the_instants_of_its_local_time(instant, zone):
    assert instant in instants_of(local_time(instant, zone), zone)


@given(moments, moments, zones)
def test_local_times_in_order_are_instants_in_order(one, other, zone):
    earlier, later = sorted(local_time(instant, zone) for instant in (one, other))
    assert local_to_instant(earlier, zone) <= local_to_instant(later, zone)


@pytest.mark.parametrize("name", ["", "Europe", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "a\0b", "localtime"])
def test_an_invalid_zone_name_is_none(name):
    assert zone_or_none(name) is None


def test_a_zone_name_that_reads_leap_seconds_or_the_machine_is_refused():
    assert zone_or_none("right/Europe/Berlin") is None
    assert zone_or_none("posixrules") is None


def test_a_customer_without_a_valid_zone_has_the_default_one():
    assert zone_of({"timezone": "Asia/Kolkata"}, BERLIN) == KOLKATA
    assert zone_of({}, BERLIN) is BERLIN
    assert zone_of({"timezone": "Berlin"}, BERLIN) is BERLIN
    assert zone_of({"timezone": 1}, UTC) is UTC


@pytest.mark.parametrize(
    ("start_of", "begins"),
    [
        (start_of_day, "2026-05-20T00:00+02:00"),
        (start_of_week, "2026-05-18T00:00+02:00"),
        (start_of_month, "2026-05-01T00:00+02:00"),
        (start_of_quarter, "2026-04-01T00:00+02:00"),
        (start_of_year, "2026-01-01T00:00+01:00"),
    ],
)
def test_calendar_words_begin_at_local_midnight(start_of, begins):
    assert shown(start_of(at("2026-05-20T15:00"), BERLIN)) == begins


def test_a_week_begins_on_monday():
    assert shown(start_of_week(at("2026-05-18T00:00"), BERLIN)) == "2026-05-18T00:00+02:00"
    assert shown(start_of_week(at("2026-05-17T23:59"), BERLIN)) == "2026-05-11T00:00+02:00"


def test_a_day_whose_midnight_is_skipped_begins_at_its_first_minute():
    assert shown(start_of_day(at("2026-03-08T12:00", HAVANA), HAVANA), HAVANA) == "2026-03-08T01:00-04:00"


def test_a_day_of_a_clock_change_has_23_or_25_hours():
    hours = 3_600_000
    assert at("2026-03-30", BERLIN) - start_of_day(at("2026-03-29T12:00"), BERLIN) == 23 * hours
    assert at("2026-10-26", BERLIN) - start_of_day(at("2026-10-25T12:00"), BERLIN) == 25 * hours


@given(moments, zones)
def test_starts_are_nested_and_not_later_than_the_instant(instant, zone):
    day, week, month = (start(instant, zone) for start in (start_of_day, start_of_week, start_of_month))
    quarter, year = start_of_quarter(instant, zone), start_of_year(instant, zone)
    assert year <= quarter <= month <= day <= instant
    assert week <= day
    assert local_date(day, zone) == local_date(instant, zone)


def test_a_calendar_day_later_is_the_same_time_on_the_wall():
    assert shown(add_calendar_days(at("2026-03-28T09:00"), 1, BERLIN)) == "2026-03-29T09:00+02:00"
    assert shown(add_calendar_days(at("2026-03-28T02:30"), 1, BERLIN)) == "2026-03-29T03:00+02:00"
    assert shown(add_calendar_days(at("2026-10-26T09:00"), -1, BERLIN)) == "2026-10-25T09:00+01:00"


@given(moments, zones)
def test_no_calendar_days_later_is_the_instant_itself(instant, zone):
    assert add_calendar_days(instant, 0, zone) == instant


@given(moments, zones, st.integers(-800, 800))
def test_calendar_days_move_the_date_by_their_number(instant, zone, days):
    moved = add_calendar_days(instant, days, zone)
    assert local_date(moved, zone) - local_date(instant, zone) == timedelta(days=days)


def test_clocks_put_back_are_seen_a_day_ahead():
    assert fold_ahead(at("2026-10-24T12:00"), BERLIN) == timedelta(hours=1)
    assert fold_ahead(at("2026-10-25T12:00"), BERLIN) == timedelta()
    assert fold_ahead(at("2026-03-28T12:00"), BERLIN) == timedelta()


def test_a_date_that_a_zone_left_out_becomes_the_first_instant_of_the_next():
    apia = ZoneInfo("Pacific/Apia")  # had no 30 December 2011
    assert shown(local_to_instant(datetime(2011, 12, 30, 9), apia), apia) == "2011-12-31T00:00+14:00"
