"""Business time counts real time while a business is open, and nothing else."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moments import BERLIN, LORD_HOWE, NEW_YORK, at, lasting, moments, shown, zones
from retain.errors import DecisionError
from retain.instants import DAY, HOUR
from retain.language.time.calendars import Calendar, parse_hours

HOURS = parse_hours({"mon-thu": ["09:00-12:30", "13:30-17:00"], "fri": "09:00-15:00"})
OFFICE = Calendar(name="office", zone=BERLIN, hours=HOURS, holidays=frozenset({date(2026, 5, 14)}))
NIGHT = Calendar(name="night", zone=BERLIN, hours=parse_hours({"mon-sun": "22:00-06:00"}))
ALWAYS = Calendar(name="always", zone=BERLIN, hours=parse_hours({"mon-sun": "00:00-24:00"}))


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        ("2026-05-04T09:00", "4h", "2026-05-04T14:00+02:00"),  # a Monday, over the lunch break
        ("2026-05-04T09:00", "7h", "2026-05-04T17:00+02:00"),  # used up at closing time
        ("2026-05-04T09:00", "7h 1m", "2026-05-05T09:01+02:00"),
        ("2026-05-04T20:00", "1h", "2026-05-05T10:00+02:00"),
        ("2026-05-08T14:30", "1h", "2026-05-11T09:30+02:00"),  # over the weekend
        ("2026-05-13T16:30", "1h", "2026-05-15T09:30+02:00"),  # over a holiday
        ("2026-05-04T10:00", "0s", "2026-05-04T10:00+02:00"),
        ("2026-05-04T17:00", "0s", "2026-05-05T09:00+02:00"),
        ("2026-05-09T11:00", "0s", "2026-05-11T09:00+02:00"),
    ],
)
def test_business_time_is_added_over_breaks_weekends_and_holidays(start, duration, end):
    assert shown(OFFICE.add(at(start), lasting(duration))) == end


def test_business_is_closed_at_the_instant_of_closing():
    assert OFFICE.is_open(at("2026-05-04T09:00"))
    assert OFFICE.is_open(at("2026-05-04T12:29"))
    assert not OFFICE.is_open(at("2026-05-04T12:30"))
    assert not OFFICE.is_open(at("2026-05-14T10:00"))


def test_a_span_over_midnight_belongs_to_the_day_on_which_it_starts():
    assert NIGHT.is_open(at("2026-05-05T05:59"))
    assert not NIGHT.is_open(at("2026-05-05T06:00"))
    assert shown(NIGHT.add(at("2026-05-04T23:00"), 8 * HOUR)) == "2026-05-05T23:00+02:00"
    holiday = Calendar(zone=BERLIN, hours=NIGHT.hours, holidays=frozenset({date(2026, 5, 5)}))
    assert holiday.is_open(at("2026-05-05T05:00"))
    assert not holiday.is_open(at("2026-05-05T23:00"))


def test_an_hour_worked_is_a_real_hour_when_clocks_change():
    spring, autumn = at("2026-03-28T22:00"), at("2026-10-24T22:00")
    assert NIGHT.between(spring, spring + DAY // 2) == 7 * HOUR
    assert NIGHT.between(autumn, autumn + DAY // 2) == 9 * HOUR
    assert shown(NIGHT.add(spring, 5 * HOUR)) == "2026-03-29T04:00+02:00"
    assert shown(NIGHT.add(autumn, 5 * HOUR)) == "2026-10-25T02:00+01:00"


def test_overlapping_spans_count_once():
    doubled = Calendar(
        zone=BERLIN, hours=parse_hours({"mon": ["09:00-12:00", "10:00-13:00"], "mon-sun": "11:00-12:00"})
    )
    assert doubled.between(at("2026-05-04"), at("2026-05-05")) == 4 * HOUR


def test_a_calendar_without_closing_counts_real_time():
    assert ALWAYS.between(at("2026-03-28"), at("2026-03-30")) == 47 * HOUR


def test_a_calendar_that_never_opens_says_so_instead_of_searching_for_ever():
    closed = Calendar(name="closed", zone=BERLIN, hours={})
    with pytest.raises(DecisionError, match="calendar closed: the calendar does not open within two years"):
        closed.add(at("2026-05-04"), HOUR)
    assert closed.between(at("2026-05-04"), at("2030-05-04")) == 0
    assert not closed.is_open(at("2026-05-04T10:00"))


def test_a_long_duration_may_take_more_than_two_years():
    weekly = Calendar(zone=BERLIN, hours=parse_hours({"mon": "09:00-10:00"}))
    assert shown(weekly.add(at("2026-01-01"), 200 * HOUR)) == "2029-10-29T10:00+01:00"


def test_business_time_beyond_the_year_9999_is_an_error_of_ours():
    weekly = Calendar(zone=BERLIN, hours=parse_hours({"mon": "09:00-10:00"}))
    with pytest.raises(DecisionError, match="by the year 9999"):
        weekly.add(at("9999-01-01"), 1_000 * HOUR)


def test_the_business_time_to_an_earlier_instant_is_nothing():
    assert OFFICE.between(at("2026-05-05T10:00"), at("2026-05-04T10:00")) == 0


hours = st.dictionaries(
    st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
    st.lists(st.sampled_from(["00:00-24:00", "09:00-17:00", "12:30-13:00", "22:00-06:00", "01:30-02:30"]), min_size=1),
    min_size=1,
).map(parse_hours)
durations = st.integers(0, 30 * HOUR)


@given(hours, moments, durations, zones)
def test_adding_and_measuring_business_time_are_inverse(hours, start, duration, zone):
    calendar = Calendar(zone=zone, hours=hours)
    assert calendar.between(start, calendar.add(start, duration)) == duration


@given(hours, moments, durations, durations, zones)
def test_business_time_adds_up(hours, start, one, other, zone):
    calendar = Calendar(zone=zone, hours=hours)
    middle, end = start + one, start + one + other
    assert calendar.between(start, middle) + calendar.between(middle, end) == calendar.between(start, end)


@given(hours, moments, zones)
def test_adding_nothing_ends_while_open(hours, start, zone):
    calendar = Calendar(zone=zone, hours=hours)
    opening = calendar.add(start, 0)
    assert opening >= start
    assert calendar.is_open(opening)


@given(hours, moments, zones)
def test_business_time_never_exceeds_real_time(hours, start, zone):
    assert 0 <= Calendar(zone=zone, hours=hours).between(start, start + 3 * DAY) <= 3 * DAY


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, LORD_HOWE])
def test_hours_follow_the_wall_of_the_calendar(zone):
    calendar = Calendar(zone=zone, hours=HOURS)
    assert calendar.add(at("2026-03-30T00:00", zone), 0) == at("2026-03-30T09:00", zone)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"noday": "09:00-17:00"}, "'noday' is no weekday; write monday, or a range such as mon-fri"),
        ({"mon": "9"}, "'9' is no span of time; write two times with a dash"),
        ({"mon": "09:00-25:00"}, "'25:00' is no time of day"),
        ({}, "must open on at least one weekday"),
        ({"mon": []}, "must open on at least one weekday"),
    ],
)
def test_hours_that_cannot_be_read_are_refused_with_the_cure(written, message):
    with pytest.raises(ValueError) as refused:
        parse_hours(written)
    assert message in str(refused.value)


def test_a_range_of_weekdays_may_pass_sunday():
    assert sorted(parse_hours({"sat-mon, wed": "10:00-11:00"})) == [0, 2, 5, 6]
