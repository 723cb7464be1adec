"""Instants and zones written as people read them, for the tests of time."""

from datetime import timedelta, tzinfo
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from retain.instants import HOUR, format_instant, parse_duration, parse_instant
from retain.language.time.zones import local_time
from retain.model import Instant

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # its clocks move by 30 minutes
KOLKATA = ZoneInfo("Asia/Kolkata")  # five and a half hours, never moved
HAVANA = ZoneInfo("America/Havana")  # clocks move at midnight
ZONES = (BERLIN, NEW_YORK, LORD_HOWE, KOLKATA, HAVANA)

zones = st.sampled_from(ZONES)


def at(text: str, zone: tzinfo = BERLIN) -> Instant:
    """The instant of an ISO text, read in `zone` where it has no offset."""
    found = parse_instant(text, zone)
    assert found is not None, text
    return found


def shown(instant: Instant | None, zone: tzinfo = BERLIN) -> str:
    """`2026-03-29T03:00+02:00`: an instant on the wall of `zone`, to the minute."""
    if instant is None:
        return "never"
    text = format_instant(instant, zone).replace("Z", "+00:00")
    assert text[16:19] == ":00", text
    return text[:16] + text[19:]


def lasting(text: str) -> int:
    """A duration such as `1h 30m` in milliseconds."""
    found = parse_duration(text)
    assert found is not None, text
    return found


def ends_a_gap(instant: Instant, zone: tzinfo) -> bool:
    """Whether clocks were put forward at this very instant."""
    return local_time(instant, zone) - local_time(instant - 1, zone) > timedelta(milliseconds=1)


CLOCK_CHANGES = (
    *("2026-03-29T01:00Z", "2026-10-25T01:00Z"),  # Berlin
    *("2026-03-08T07:00Z", "2026-11-01T06:00Z"),  # New York
    *("2026-10-03T15:30Z", "2026-04-04T15:00Z"),  # Lord Howe
    *("2026-03-08T05:00Z", "2026-11-01T05:00Z"),  # Havana
)
instants = st.integers(at("2025-01-01"), at("2028-12-31"))
near_changes = st.builds(int.__add__, st.sampled_from(CLOCK_CHANGES).map(at), st.integers(-5 * HOUR, 5 * HOUR))
moments = instants | near_changes
