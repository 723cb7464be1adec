"""A schedule on a date field plans the local date of the field, however the zone or the clock changes."""

from datetime import date, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moments import BERLIN, HAVANA, KOLKATA, NEW_YORK, at, lasting, moments, shown, zones
from retain.instants import DAY
from retain.language.time.schedules import FieldSchedule, date_of
from retain.language.time.zones import local_date

TOKYO, LOS_ANGELES = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/Los_Angeles")
BIRTHDAY = FieldSchedule(kind="yearly", field="birth_date")
RENEWAL = FieldSchedule(kind="date", field="renews_at", offset=-14 * DAY)


def planned(schedule, value, after, zone=BERLIN):
    found = schedule.next_after(value, at(after, zone), zone)
    return None if found is None else (shown(found[0], zone), found[1])


def test_a_birthday_comes_each_year_at_nine_local_time():
    assert planned(BIRTHDAY, "1990-05-01", "2026-04-30") == ("2026-05-01T09:00+02:00", "2026-05-01T09:00")
    assert planned(BIRTHDAY, "1990-05-01", "2026-05-01T09:00") == ("2027-05-01T09:00+02:00", "2027-05-01T09:00")
    assert planned(BIRTHDAY, "1990-05-01", "2026-04-30", KOLKATA) == ("2026-05-01T09:00+05:30", "2026-05-01T09:00")


def test_a_birthday_on_29_february_falls_on_the_28th_in_other_years():
    assert planned(BIRTHDAY, "1992-02-29", "2026-01-01") == ("2026-02-28T09:00+01:00", "2026-02-28T09:00")
    assert planned(BIRTHDAY, "1992-02-29", "2028-01-01") == ("2028-02-29T09:00+01:00", "2028-02-29T09:00")


def test_the_day_itself_is_not_its_first_anniversary():
    assert planned(BIRTHDAY, "2026-05-01", "2026-01-01") == ("2027-05-01T09:00+02:00", "2027-05-01T09:00")


def test_one_birthday_has_one_name_in_every_zone():
    in_tokyo = BIRTHDAY.next_after("1990-05-01", at("2026-04-30T12:00Z"), TOKYO)
    in_los_angeles = BIRTHDAY.next_after("1990-05-01", at("2026-05-01T01:00Z"), LOS_ANGELES)
    assert in_tokyo is not None
    assert in_los_angeles is not None
    assert in_tokyo[0] < in_los_angeles[0]
    assert in_tokyo[1] == in_los_angeles[1] == "2026-05-01T09:00"


def test_whole_days_before_move_the_date_across_a_clock_change():
    assert planned(RENEWAL, "2026-04-05", "2026-03-01") == ("2026-03-22T09:00+01:00", "2026-03-22T09:00")


def test_days_before_new_year_belong_to_the_year_before():
    week_before = FieldSchedule(kind="yearly", field="birth_date", offset=-7 * DAY)
    assert planned(week_before, "1990-01-03", "2026-12-01") == ("2026-12-27T09:00+01:00", "2026-12-27T09:00")


def test_more_than_a_year_after_still_finds_every_year():
    late = FieldSchedule(kind="yearly", field="birth_date", offset=400 * DAY)
    assert planned(late, "1990-05-01", "2026-06-01") == ("2026-06-05T09:00+02:00", "2026-06-05T09:00")


def test_a_duration_that_is_not_whole_days_moves_real_time():
    half_a_day = FieldSchedule(kind="date", field="renews_at", offset=-lasting("12h"))
    assert planned(half_a_day, "2026-03-29", "2026-03-01") == ("2026-03-28T20:00+01:00", "2026-03-28T21:00")


def test_a_date_that_is_past_plans_nothing():
    assert planned(RENEWAL, "2026-04-05", "2026-03-22T09:00") is None
    assert planned(RENEWAL, "2026-04-05", "2026-03-22T08:59") is not None


def test_a_time_that_the_clock_skips_is_the_first_valid_minute():
    early = FieldSchedule(kind="date", field="renews_at", at=time(2, 30))
    assert planned(early, "2026-03-29", "2026-03-01") == ("2026-03-29T03:00+02:00", "2026-03-29T02:30")
    midnight = FieldSchedule(kind="date", field="renews_at", at=time(0))
    assert planned(midnight, "2026-03-08", "2026-03-01", HAVANA) == ("2026-03-08T01:00-04:00", "2026-03-08T00:00")


@pytest.mark.parametrize(
    ("value", "zone", "day"),
    [
        ("1990-05-01", NEW_YORK, "1990-05-01"),
        ("1990-05-01T00:00:00Z", NEW_YORK, "1990-04-30"),
        ("1990-05-01T23:30:00Z", BERLIN, "1990-05-02"),
        ("1990-05-01T00:00:00", NEW_YORK, "1990-05-01"),
        (at("2026-05-01T23:30Z"), KOLKATA, "2026-05-02"),
    ],
)
def test_the_date_of_a_value_is_local(value, zone, day):
    found = date_of(value, zone)
    assert found is not None
    assert found.isoformat() == day


@pytest.mark.parametrize(
    "value", ["", "soon", "1990-02-30", "05-01", None, True, 1.5, [], {}, 10**18, -(10**18), "1990-05-01T25:00"]
)
@pytest.mark.parametrize("schedule", [BIRTHDAY, RENEWAL])
def test_a_value_that_is_no_date_plans_nothing(schedule, value):
    assert planned(schedule, value, "2026-01-01") is None


def test_a_field_declared_as_a_date_counts_as_it_is_written():
    birthday = FieldSchedule(kind="yearly", field="birth_date", declared="date")
    assert planned(birthday, "1990-05-01T00:00:00.000Z", "2026-04-01", NEW_YORK) == (
        "2026-05-01T09:00-04:00",
        "2026-05-01T09:00",
    )
    assert planned(BIRTHDAY, "1990-05-01T00:00:00.000Z", "2026-04-01", NEW_YORK) == (
        "2026-04-30T09:00-04:00",
        "2026-04-30T09:00",
    )


@pytest.mark.parametrize("value", ["9999-12-31", "0001-01-01", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
@pytest.mark.parametrize("schedule", [BIRTHDAY, RENEWAL, FieldSchedule(kind="date", field="d", offset=30 * DAY)])
def test_dates_that_stand_for_never_do_no_harm(schedule, value):
    found = planned(schedule, value, "2026-01-01")
    assert found is None or found[1] >= "2026-01-01"


def test_a_date_whose_instant_lies_beyond_the_calendar_plans_nothing():
    late = FieldSchedule(kind="date", field="d", at=time(23))
    assert late.next_after("9999-12-31", at("2026-01-01"), NEW_YORK) is None


dates = st.dates(max_value=date(2022, 12, 31)).map(date.isoformat)
days_moved = st.integers(-500, 500)


@given(dates, days_moved, moments, zones)
def test_a_yearly_plan_is_later_and_the_next_one_follows_a_year_on(value, days, after, zone):
    schedule = FieldSchedule(kind="yearly", field="d", offset=days * DAY)
    first = schedule.next_after(value, after, zone)
    assert first is not None
    assert after < first[0] < after + 367 * DAY
    second = schedule.next_after(value, first[0], zone)
    assert second is not None
    assert 364 * DAY < second[0] - first[0] < 367 * DAY
    assert local_date(first[0], zone).isoformat() == first[1][:10]
