"""Quiet hours hold a message until they end on the customer's wall."""

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moments import BERLIN, HAVANA, KOLKATA, LORD_HOWE, NEW_YORK, at, moments, shown, zones
from retain.instants import DAY
from retain.language.time.quiet import until_open
from retain.language.time.wallclock import parse_span, parse_time
from retain.language.time.zones import local_time


@pytest.mark.parametrize(
    ("span", "zone", "now", "opens"),
    [
        ("21:00-08:00", BERLIN, "2026-05-04T20:59", "never"),
        ("21:00-08:00", BERLIN, "2026-05-04T21:00", "2026-05-05T08:00+02:00"),
        ("21:00-08:00", BERLIN, "2026-05-05T07:59", "2026-05-05T08:00+02:00"),
        ("21:00-08:00", BERLIN, "2026-05-05T08:00", "never"),
        ("12:00-14:00", BERLIN, "2026-05-05T13:00", "2026-05-05T14:00+02:00"),
        ("12:00-14:00", BERLIN, "2026-05-05T14:00", "never"),
        ("21:00-08:00", BERLIN, "2026-03-28T23:00", "2026-03-29T08:00+02:00"),
        ("21:00-08:00", BERLIN, "2026-10-24T23:00", "2026-10-25T08:00+01:00"),
        ("21:00-02:30", BERLIN, "2026-03-29T01:30", "2026-03-29T03:00+02:00"),
        ("21:00-02:30", BERLIN, "2026-10-25T01:00", "2026-10-25T02:30+01:00"),
        ("21:00-02:30", BERLIN, "2026-10-25T02:40+02:00", "2026-10-25T02:30+01:00"),
        ("02:15-02:45", BERLIN, "2026-03-29T03:00", "never"),
        ("00:00-08:00", HAVANA, "2026-03-08T01:00", "2026-03-08T08:00-04:00"),
        ("21:00-08:00", NEW_YORK, "2026-11-01T01:30-05:00", "2026-11-01T08:00-05:00"),
        ("21:00-02:15", LORD_HOWE, "2026-10-04T01:59", "2026-10-04T02:30+11:00"),
        ("21:00-08:00", KOLKATA, "2026-05-04T15:30Z", "2026-05-05T08:00+05:30"),
        ("08:00-08:00", BERLIN, "2026-05-04T08:00", "never"),
        ("00:00-24:00", BERLIN, "2026-05-04T08:00", "never"),
        ("20:00-24:00", BERLIN, "2026-05-04T20:00", "2026-05-05T00:00+02:00"),
    ],
)
def test_a_message_waits_until_the_quiet_span_ends(span, zone, now, opens):
    start, end = parse_span(span)
    assert shown(until_open(start, end, at(now, zone), zone), zone) == opens


times = st.builds(time, st.integers(0, 23), st.integers(0, 59))


def is_quiet(start, end, now, zone):
    wall = local_time(now, zone).time()
    return start <= wall < end if start <= end else wall >= start or wall < end


@given(times, times, moments, zones)
def test_no_message_is_let_through_while_the_wall_shows_a_quiet_time(start, end, now, zone):
    opening = until_open(start, end, now, zone)
    landed = now if opening is None else opening
    assert not is_quiet(start, end, landed, zone)
    assert until_open(start, end, landed, zone) is None


@given(times, times, moments, zones)
def test_a_message_waits_less_than_three_days_and_only_forwards(start, end, now, zone):
    opening = until_open(start, end, now, zone)
    assert opening is None or now < opening < now + 3 * DAY


@pytest.mark.parametrize("text", ["9", "24:00", "9:60", "09:00:00", "nine", ""])
def test_a_text_that_is_no_time_of_day_is_refused_with_the_cure(text):
    with pytest.raises(ValueError, match=r"is no time of day; write hours and minutes of 24 hours, such as 09:00"):
        parse_time(text)


def test_a_time_of_day_may_leave_out_the_leading_nought():
    assert parse_time("9:05") == time(9, 5)
