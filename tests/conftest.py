"""Where CI is set, a test that was skipped because a real part is missing fails the run, and examples stay the same.

No property fails by the time that it takes: the machine may be busy.
"""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

_ANY_TIME = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("desk", _ANY_TIME)
settings.register_profile("same_every_time", _ANY_TIME, derandomize=True, database=None, print_blob=True)
settings.load_profile("same_every_time" if os.environ.get("CI") else "desk")

_skipped: list[str] = []


def pytest_collection_finish() -> None:
    """Leave modules and collected tests, which stay to the end, out of every search for garbage."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note a skipped test; an expected failure is none."""
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.append(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note a skipped module."""
    if report.skipped:
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail the run."""
    if _skipped and os.environ.get("CI") and exitstatus == pytest.ExitCode.OK:
        print(f"\nskipped where CI is set: {', '.join(_skipped)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
