"""What time passes, as leases count it."""

from __future__ import annotations

import time

import pytest

from retain.clock import running


def test_the_time_that_a_lease_is_held_against_only_grows() -> None:
    before = time.monotonic()
    assert running() >= before
    assert running() <= running()


def test_a_machine_that_slept_has_lost_that_time_of_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    awake = time.monotonic()
    clocks = {7: awake + 3600}
    monkeypatch.setattr(time, "CLOCK_BOOTTIME", 7, raising=False)
    monkeypatch.setattr(time, "clock_gettime", clocks.__getitem__, raising=False)
    assert running() == awake + 3600
