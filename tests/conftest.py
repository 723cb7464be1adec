"""Where CI is set, a test that was skipped because a real part is missing fails the run, and examples stay the same.

No property fails by the time that it takes: the machine may be busy.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from postgres_help import in_place_of_memory

_ANY_TIME = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
settings.register_profile("desk", _ANY_TIME)
settings.register_profile("same_every_time", _ANY_TIME, derandomize=True, database=None, print_blob=True)
settings.load_profile("same_every_time" if os.environ.get("CI") else "desk")

_skipped: list[str] = []
# Modules whose tests run on PostgreSQL as well, and whether that is for the long tests.
_ON_BOTH = {
    "test_decide_effects": True,
    "test_decide_merge": False,
    "test_decide_order": True,
    "test_decide_parked": True,
    "test_decide_runs": True,
    "test_decide_starts": True,
    "test_decide_time": True,
    "test_history_starts_nothing": True,
    "test_pipeline_batches": True,
    "test_pipeline_downtime": False,
    "test_pipeline_first_looks": True,
    "test_pipeline_leads": False,
    "test_pipeline_outbox": False,
    "test_pipeline_quarantine": False,
    "test_rulings": True,
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of some modules once for each database."""
    is_long = _ON_BOTH.get(metafunc.module.__name__.rpartition(".")[2])
    if is_long is not None:
        metafunc.fixturenames.append("database_kind")
        marks = [pytest.mark.long] if is_long else []
        metafunc.parametrize("database_kind", ["sqlite", pytest.param("postgresql", marks=marks)], indirect=True)


@pytest.fixture
def database_kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """What stands behind stores in memory."""
    if request.param == "postgresql":
        with in_place_of_memory(monkeypatch):
            yield request.param
    else:
        yield request.param


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
