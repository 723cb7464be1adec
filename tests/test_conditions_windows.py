"""Windows are half-open, calendar words follow the customer's clock, and ages follow the calendar."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conditions_help import BERLIN, NOON, at, customer, value
from retain.instants import DAY, HOUR
from retain.language.evaluation.values import to_money
from retain.language.evaluation.windows import bounds, enters, leaves, local_day, midnight, whole_years
from retain.language.syntax.ast import Window


@pytest.mark.parametrize(
    ("window", "happened", "counted"),
    [
        ("in last 30d", NOON - 30 * DAY, 1),
        ("in last 30d", NOON - 30 * DAY - 1, 0),
        ("in last 30d", NOON - 1, 1),
        ("in last 30d", NOON, 0),
        ("in last 30d", NOON + 1, 0),
        ("between 60d and 30d ago", NOON - 60 * DAY, 1),
        ("between 60d and 30d ago", NOON - 60 * DAY - 1, 0),
        ("between 60d and 30d ago", NOON - 30 * DAY - 1, 1),
        ("between 60d and 30d ago", NOON - 30 * DAY, 0),
        ("since 2026-11-01", at("2026-11-01 00:00", BERLIN), 1),
        ("since 2026-11-01", at("2026-11-01 00:00", BERLIN) - 1, 0),
        ("since start", NOON - 5 * DAY, 1),
        ("since start", NOON - 5 * DAY - 1, 0),
        ("", NOON - 9_000 * DAY, 1),
        ("", NOON, 0),
        ("this day", at("2026-11-21 00:00", BERLIN), 1),
        ("this day", at("2026-11-21 00:00", BERLIN) - 1, 0),
        ("this week", at("2026-11-16 00:00", BERLIN), 1),  # a Monday
        ("this week", at("2026-11-16 00:00", BERLIN) - 1, 0),
        ("this month", at("2026-11-01 00:00", BERLIN), 1),
        ("this month", at("2026-11-01 00:00", BERLIN) - 1, 0),
        ("this quarter", at("2026-10-01 00:00", BERLIN), 1),
        ("this quarter", at("2026-10-01 00:00", BERLIN) - 1, 0),
        ("this year", at("2026-01-01 00:00", BERLIN), 1),
        ("this year", at("2026-01-01 00:00", BERLIN) - 1, 0),
        ("in last 1 calendar days", at("2026-11-21 00:00", BERLIN), 1),
        ("in last 1 calendar days", at("2026-11-21 00:00", BERLIN) - 1, 0),
        ("in last 3 calendar days", at("2026-11-19 00:00", BERLIN), 1),
        ("in last 3 calendar days", at("2026-11-19 00:00", BERLIN) - 1, 0),
    ],
)
def test_a_window_holds_its_first_instant_and_not_its_last(window: str, happened: int, counted: int) -> None:
    scope = customer({}, ("order", happened, {}), zone=BERLIN, started_at=NOON - 5 * DAY)
    assert value(f"count(order {window})", scope) == counted
    assert value(f"exists(order {window})", scope) is (counted == 1)
    assert value(f"count(order where channel is missing {window})", scope) == counted


@pytest.mark.parametrize(
    ("today", "hours"),
    [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)],
)
def test_a_calendar_day_is_as_long_as_the_clocks_make_it(today: str, hours: int) -> None:
    start, end = at(f"{today} 00:00", BERLIN), at(f"{today} 00:00", BERLIN) + hours * HOUR
    assert midnight(local_day(start, BERLIN) + 1, BERLIN) == end
    before = customer({}, ("order", start, {}), now=end - 1, zone=BERLIN)
    after = customer({}, ("order", start, {}), now=end, zone=BERLIN)
    assert value("count(order this day)", before) == 1
    assert value("count(order this day)", after) == 0
    assert value("count(order in last 2 calendar days)", after) == 1


def test_exact_days_do_not_follow_the_clocks() -> None:
    now = at("2026-03-29 12:00", BERLIN)  # 23 hours after the noon before
    scope = customer({}, ("order", at("2026-03-28 12:00", BERLIN), {}), now=now, zone=BERLIN)
    assert value("count(order in last 23h)", scope) == 1
    assert value("days_since(order)", scope) == 23 / 24


def test_where_midnight_is_skipped_the_day_begins_at_the_first_minute_that_exists() -> None:
    beirut = ZoneInfo("Asia/Beirut")
    assert midnight(local_day(at("2026-03-29 12:00", beirut), beirut), beirut) == at("2026-03-28 22:00")
    toronto = ZoneInfo("America/Toronto")  # in 1919 clocks went from 23:30 to 00:30
    assert midnight(local_day(at("1919-03-31 12:00", toronto), toronto), toronto) == at("1919-03-31 04:30")


@pytest.mark.parametrize(
    ("born", "now", "years"),
    [
        ("1990-05-31", "2026-05-30 23:59", 35),
        ("1990-05-31", "2026-05-31 00:00", 36),
        ("1996-02-29", "2027-02-27 23:59", 30),
        ("1996-02-29", "2027-02-28 00:00", 31),
        ("1996-02-29", "2028-02-28 12:00", 31),
        ("1996-02-29", "2028-02-29 00:00", 32),
    ],
)
def test_an_age_is_counted_in_the_customers_own_days(born: str, now: str, years: int) -> None:
    scope = customer({"birth_date": born}, now=at(now, BERLIN), zone=BERLIN)
    assert value("age(customer.birth_date)", scope) == years


def test_a_date_counts_from_local_midnight_and_an_instant_from_itself() -> None:
    scope = customer({"birth_date": "2026-11-20", "renews_at": "2026-11-22T12:00:00Z"}, zone=BERLIN)
    assert value("days_since(customer.birth_date)", scope) == (DAY + 13 * HOUR) / DAY
    assert value("days_until(customer.renews_at)", scope) == 1.0


def test_texts_without_an_offset_are_read_on_the_customers_clock() -> None:
    scope = customer({"renews_at": "2026-11-21T13:00:00"}, zone=BERLIN)
    assert value("customer.renews_at", scope) == NOON
    assert value("customer.renews_at >= '2026-11-21T13:00:00'", scope) is True
    assert value("customer.renews_at == '2026-11-21T12:00:00Z'", scope) is True


DAYS = st.integers(-3_000, 40_000)
ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]).map(
    ZoneInfo
)


@given(DAYS, ZONES)
def test_a_local_day_begins_at_its_midnight(day: int, zone: ZoneInfo) -> None:
    start = midnight(day, zone)
    assert local_day(start, zone) == day
    assert local_day(start - 1, zone) == day - 1


@given(st.integers(0, 20_000), st.integers(0, 20_000))
def test_an_age_grows_by_one_within_a_year_and_never_falls(born: int, later: int) -> None:
    today = born + later
    assert whole_years(born, today + 1) - whole_years(born, today) in (0, 1)
    assert whole_years(born, today + 366) - whole_years(born, today) in (1, 2)
    assert whole_years(born, today + 365) >= whole_years(born, today)


WINDOWS = st.one_of(
    st.integers(1, 60 * DAY).map(lambda near: Window("last", near=near)),
    st.tuples(st.integers(0, 9 * DAY), st.integers(1, 9 * DAY)).map(
        lambda pair: Window("between", near=pair[0], far=pair[0] + pair[1])
    ),
    st.integers(1, 40).map(lambda count: Window("calendar_days", count=count)),
    st.sampled_from(["day", "week", "month", "quarter", "year"]).map(lambda unit: Window("this", unit=unit)),
)


@given(WINDOWS, st.integers(0, 3 * 365 * DAY), ZONES)
def test_an_event_enters_and_leaves_a_window_once(window: Window, offset: int, zone: ZoneInfo) -> None:
    happened = at("2026-01-01 00:00") + offset
    first, gone = enters(window, happened), leaves(window, happened, zone)
    assert gone is not None
    counted = [counts(window, happened, now, zone) for now in (first - 1, first, gone - 1, gone)]
    if first < gone:
        assert counted == [False, True, True, False]
    else:  # a window so short, or a midnight so near, that the event is never in it
        assert not any(counted)


def counts(window: Window, happened: int, now: int, zone: ZoneInfo) -> bool:
    low, high = bounds(window, customer(now=now, zone=zone))
    return (low is None or low <= happened) and happened < high


@given(st.integers(-(2**51), 2**51), st.sampled_from([1, 10, 100, 1000, 10_000]))
def test_an_amount_written_in_decimals_is_exactly_its_parts(parts: int, scale: int) -> None:
    places = len(str(scale)) - 1
    sign, digits = "-" if parts < 0 else "", str(abs(parts)).rjust(places + 1, "0")
    written = f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"
    assert to_money(float(written), scale) == parts


@given(st.floats(-1e6, 1e6), st.integers(-200_000, 200_000), st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
def test_a_comparison_on_the_stored_decimal_is_that_of_the_exact_amount(stored: float, parts: int, op: str) -> None:
    for amount in (stored, parts / 100, (parts + 0.5) / 100, round(stored)):
        scope = customer({}, event={"total": amount})
        value(f"event.total {op} {parts // 100}.{parts % 100:02}" if parts >= 0 else f"event.total {op} -1", scope)
