"""Where CI is set, a test that was skipped because a real part is missing fails the run."""

from __future__ import annotations

import os

import pytest

_skipped: list[str] = []


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
