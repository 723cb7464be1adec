"""Cron follows the wall where the hour is fixed, and real time where the hour is `*` or a step."""

from datetime import datetime, timedelta
from itertools import islice

import pytest
from croniter import croniter
from hypothesis import given
from hypothesis import strategies as st

from moments import BERLIN, KOLKATA, LORD_HOWE, NEW_YORK, at, ends_a_gap, moments, shown, zones
from retain.instants import DAY, MINUTE
from retain.language.time.cron import parse_cron
from retain.language.time.zones import local_time, local_to_instant

TABLE = [
    # text, zone, after, next ones
    ("30 2 * * *", BERLIN, "2026-03-28T12:00", ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]),
    ("30 2 * * *", BERLIN, "2026-10-24T12:00", ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]),
    ("0,30 2,3 * * *", BERLIN, "2026-03-28T12:00", ["2026-03-29T03:00+02:00", "2026-03-29T03:30+02:00"]),
    ("*/30 * * * *", BERLIN, "2026-03-29T01:00", ["2026-03-29T01:30+01:00", "2026-03-29T03:00+02:00"]),
    (
        "*/30 * * * *",
        BERLIN,
        "2026-10-25T02:00+02:00",
        ["2026-10-25T02:30+02:00", "2026-10-25T02:00+01:00", "2026-10-25T02:30+01:00", "2026-10-25T03:00+01:00"],
    ),
    ("0 */2 * * *", BERLIN, "2026-03-29T00:00", ["2026-03-29T04:00+02:00", "2026-03-29T06:00+02:00"]),
    (
        "0 */2 * * *",
        BERLIN,
        "2026-10-25T00:00",
        ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00", "2026-10-25T04:00+01:00"],
    ),
    ("30 1 * * *", NEW_YORK, "2026-10-31T12:00", ["2026-11-01T01:30-04:00", "2026-11-02T01:30-05:00"]),
    ("30 2 * * *", NEW_YORK, "2026-03-07T12:00", ["2026-03-08T03:00-04:00", "2026-03-09T02:30-04:00"]),
    ("45 1 * * *", LORD_HOWE, "2026-04-04T12:00", ["2026-04-05T01:45+11:00", "2026-04-06T01:45+10:30"]),
    ("15 2 * * *", LORD_HOWE, "2026-10-03T12:00", ["2026-10-04T02:30+11:00", "2026-10-05T02:15+11:00"]),
    ("0 * * * *", LORD_HOWE, "2026-04-05T01:00", ["2026-04-05T02:00+10:30", "2026-04-05T03:00+10:30"]),
    ("45 * * * *", LORD_HOWE, "2026-04-05T01:00", ["2026-04-05T01:45+11:00", "2026-04-05T01:45+10:30"]),
    ("0 9 * * mon-fri", KOLKATA, "2026-03-27T09:00", ["2026-03-30T09:00+05:30", "2026-03-31T09:00+05:30"]),
    ("0 9 29 2 *", BERLIN, "2026-03-01", ["2028-02-29T09:00+01:00", "2032-02-29T09:00+01:00"]),
    ("0 9 L * *", BERLIN, "2026-02-01", ["2026-02-28T09:00+01:00", "2026-03-31T09:00+02:00"]),
    ("0 9 * * mon#2", BERLIN, "2026-02-01", ["2026-02-09T09:00+01:00", "2026-03-09T09:00+01:00"]),
    ("0 9 * * L5", BERLIN, "2026-02-01", ["2026-02-27T09:00+01:00", "2026-03-27T09:00+01:00"]),
    ("0 9 1 * mon", BERLIN, "2026-01-31", ["2026-02-01T09:00+01:00", "2026-02-02T09:00+01:00"]),
]


@pytest.mark.parametrize(("text", "zone", "after", "expected"), TABLE)
def test_planned_instants_across_clock_changes(text, zone, after, expected):
    found = parse_cron(text).between(at(after, zone), at(after, zone) + 3000 * DAY, zone)
    assert [shown(instant, zone) for instant in islice(found, len(expected))] == expected


def test_a_fixed_hour_fires_once_where_croniter_alone_fires_twice():
    start, end = at("2026-10-25T00:00"), at("2026-10-26T00:00")
    naked = croniter("30 2 * * *", datetime.fromtimestamp(start / 1000, BERLIN), ret_type=datetime)
    theirs = [naked.get_next(datetime).isoformat(timespec="minutes") for _ in range(2)]
    assert theirs == ["2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00"]
    ours = [shown(instant) for instant in parse_cron("30 2 * * *").between(start, end, BERLIN)]
    assert ours == ["2026-10-25T02:30+02:00"]


def test_a_start_within_the_second_pass_of_a_repeated_hour_does_not_repeat_the_first():
    assert shown(parse_cron("30 2 * * *").next_after(at("2026-10-25T02:10+01:00"), BERLIN)) == "2026-10-26T02:30+01:00"


def test_the_instant_itself_is_not_after_itself_and_milliseconds_count():
    nine = parse_cron("0 9 * * *")
    planned = at("2026-05-04T09:00")
    assert nine.next_after(planned - 1, BERLIN) == planned
    assert nine.next_after(planned, BERLIN) == planned + DAY
    assert nine.next_after(planned + 1, BERLIN) == planned + DAY


def test_between_leaves_out_its_first_bound_and_keeps_its_last():
    hourly = parse_cron("0 * * * *")
    found = hourly.between(at("2026-05-04T09:00"), at("2026-05-04T11:00"), BERLIN)
    assert [shown(instant) for instant in found] == ["2026-05-04T10:00+02:00", "2026-05-04T11:00+02:00"]


FIELD = st.one_of(
    st.just("*"),
    st.sampled_from(["*/2", "*/5", "*/7"]),
    st.integers(1, 6).map(str),
    st.tuples(st.integers(1, 3), st.integers(4, 6)).map(lambda pair: f"{pair[0]}-{pair[1]}"),
    st.lists(st.integers(1, 6), min_size=1, max_size=3).map(lambda numbers: ",".join(map(str, numbers))),
)
crons = st.tuples(FIELD, FIELD, FIELD | st.just("L"), st.sampled_from(["*", "3-5", "10,11"]), FIELD).map(" ".join)


def values(field: str, low: int, high: int) -> set[int]:
    """The numbers of a field, read in the plainest way."""
    found: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        bounds = (low, high) if span == "*" else (int(first), int(last or first))
        found |= set(range(bounds[0], bounds[1] + 1, int(step or 1)))
    return found


def matches(text: str, local: datetime) -> bool:
    """Whether a local time fits a cron text, by looking at each field."""
    minute, hour, day, month, weekday = text.split()
    last_day = (local + timedelta(days=1)).day == 1
    on_day = last_day if day == "L" else local.day in values(day, 1, 31)
    on_weekday = local.isoweekday() % 7 in {number % 7 for number in values(weekday, 0, 6)}
    both_given = day != "*" and weekday != "*"
    fits = on_day or on_weekday if both_given else on_day and on_weekday
    in_time = local.minute in values(minute, 0, 59) and local.hour in values(hour, 0, 23)
    return fits and in_time and local.month in values(month, 1, 12)


@given(crons, moments, zones)
def test_the_next_instant_is_later_and_matches_the_wall_unless_its_time_was_skipped(text, after, zone):
    cron = parse_cron(text)
    found = cron.next_after(after, zone)
    assert found > after
    assert matches(text, local_time(found, zone)) or (ends_a_gap(found, zone) and not cron.runs_by_real_time)


@given(crons, moments, zones)
def test_nothing_between_an_instant_and_the_next_is_missed(text, after, zone):
    cron = parse_cron(text)
    start = after // MINUTE * MINUTE
    found = set(cron.between(start, start + DAY // 4, zone))
    minutes = range(start + MINUTE, start + DAY // 4 + 1, MINUTE)
    if cron.runs_by_real_time:
        assert found == {instant for instant in minutes if matches(text, local_time(instant, zone))}
    else:
        walls = {local_time(start, zone) + timedelta(minutes=n) for n in range(-90, 8 * 60)}
        planned = {local_to_instant(wall, zone) for wall in walls if matches(text, wall)}
        assert found == {instant for instant in planned if start < instant <= start + DAY // 4}


@given(crons, moments, zones)
def test_asking_step_by_step_gives_the_same_as_asking_at_once(text, after, zone):
    cron = parse_cron(text)
    at_once = list(islice(cron.between(after, after + 400 * DAY, zone), 5))
    for instant in at_once:
        after = cron.next_after(after, zone)
        assert after == instant


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 9 * *", "five fields, not 4"),
        ("0 0 9 * * *", "seconds and years are not supported"),
        ("@daily", "write 0 0 * * * for @daily"),
        ("60 9 * * *", "'60' is no minute; write 0 to 59"),
        ("0 24 * * *", "'24' is no hour; write 0 to 23"),
        ("0 9 0 * *", "'0' is no day of month; write 1 to 31, L for the last day"),
        ("0 9 15W * *", "'15w' is no day of month"),
        ("0 9 * 13 *", "'13' is no month; write 1 to 12, jan to dec"),
        ("0 9 * * funday", "'funday' is no day of week; write 0 to 7, sun to sat, mon#2"),
        ("0 9 * * mon#6", "'mon#6' is no day of week"),
        ("*/0 * * * *", "/0 is no step of the minute; write /1 to /59"),
        ("*/90 * * * *", "/90 is no step of the minute"),
        ("R 9 * * *", "'r' is no minute"),
        ("0 9 1 * mon#1", "a day of month and a numbered day of week"),
        ("0 9 31 2 *", "never comes"),
        ("0 9 31 apr,jun *", "never comes"),
        ("0 9 , * *", "cannot be read"),
    ],
)
def test_a_wrong_cron_is_refused_with_its_field_and_the_cure(text, message):
    with pytest.raises(ValueError, match="cron") as refused:
        parse_cron(text)
    assert message in str(refused.value)


def test_names_are_read_in_any_case_and_blanks_do_not_matter():
    assert parse_cron(" 0  9 * JAN Mon ") == parse_cron("0 9 * jan mon")


@pytest.mark.parametrize(
    ("text", "by_real_time"),
    [
        ("0 9 * * *", False),
        ("0 9-17 * * *", False),
        ("0 * * * *", True),
        ("0 */3 * * *", True),
        ("0 8-18/2 * * *", True),
    ],
)
def test_an_hour_that_is_a_star_or_a_step_runs_by_real_time(text, by_real_time):
    assert parse_cron(text).runs_by_real_time is by_real_time
