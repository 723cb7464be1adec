"""`until` names a local time to wait for, always later than now unless a date says otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moments import BERLIN, KOLKATA, NEW_YORK, at, ends_a_gap, moments, shown, zones
from retain.instants import DAY
from retain.language.time.until import parse_until
from retain.language.time.zones import local_time


@pytest.mark.parametrize(
    ("text", "zone", "now", "waits_for"),
    [
        ("09:00", BERLIN, "2026-05-04T08:59", "2026-05-04T09:00+02:00"),
        ("09:00", BERLIN, "2026-05-04T09:00", "2026-05-05T09:00+02:00"),
        ("9:00", KOLKATA, "2026-05-04T10:00", "2026-05-05T09:00+05:30"),
        ("tomorrow 09:00", BERLIN, "2026-05-04T00:01", "2026-05-05T09:00+02:00"),
        ("Tomorrow 9:00", BERLIN, "2026-05-04T23:59", "2026-05-05T09:00+02:00"),
        ("monday 09:00", BERLIN, "2026-05-04T08:00", "2026-05-04T09:00+02:00"),
        ("monday 09:00", BERLIN, "2026-05-04T09:00", "2026-05-11T09:00+02:00"),
        ("fri 17:30", NEW_YORK, "2026-05-04T09:00", "2026-05-08T17:30-04:00"),
        ("2026-12-24 09:00", BERLIN, "2026-05-04T09:00", "2026-12-24T09:00+01:00"),
        ("2026-12-24T09:00", BERLIN, "2026-05-04T09:00", "2026-12-24T09:00+01:00"),
        ("2026-12-24T09:00+05:30", BERLIN, "2026-05-04T09:00", "2026-12-24T04:30+01:00"),
        ("2026-12-24T09:00:00Z", BERLIN, "2026-05-04T09:00", "2026-12-24T10:00+01:00"),
        ("2026-12-24", BERLIN, "2026-05-04T09:00", "2026-12-24T00:00+01:00"),
        ("2020-12-24 09:00", BERLIN, "2026-05-04T09:00", "2020-12-24T09:00+01:00"),
        ("tomorrow 02:30", BERLIN, "2026-03-28T12:00", "2026-03-29T03:00+02:00"),
        ("02:30", BERLIN, "2026-03-29T03:00", "2026-03-30T02:30+02:00"),
        ("02:30", BERLIN, "2026-10-25T02:10+01:00", "2026-10-26T02:30+01:00"),
        ("2026-10-25 02:30", BERLIN, "2026-05-04T09:00", "2026-10-25T02:30+02:00"),
    ],
)
def test_what_until_waits_for(text, zone, now, waits_for):
    assert shown(parse_until(text).next(at(now, zone), zone), zone) == waits_for


def test_an_instant_of_a_field_is_waited_for_as_it_is():
    instant = at("2026-12-24T09:00") + 123
    assert parse_until(instant).next(at("2026-05-04"), BERLIN) == instant


@pytest.mark.parametrize(
    "text",
    ["", "soon", "tomorrow", "monday", "next monday 09:00", "25:00", "today 09:00", "2026-02-30 09:00", "-", 10**18],
)
def test_a_text_that_is_no_time_to_wait_for_is_refused_with_the_forms(text):
    with pytest.raises(ValueError, match="is no time to wait for; write 09:00, tomorrow 09:00, monday 09:00"):
        parse_until(text)


def test_a_moment_that_no_clock_reaches_is_refused_when_it_is_asked_for():
    with pytest.raises(ValueError, match="is out of reach"):
        parse_until("0001-01-01").next(at("2026-05-04"), BERLIN)


clock_times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
day_words = st.sampled_from(["", "tomorrow ", "monday ", "sun "])


@given(day_words, clock_times, moments, zones)
def test_a_time_of_day_is_always_later_than_now_and_stands_on_the_wall_unless_skipped(word, clock, now, zone):
    found = parse_until(word + clock).next(now, zone)
    assert now < found < now + 8 * DAY
    assert f"{local_time(found, zone):%H:%M}" == clock or ends_a_gap(found, zone)
