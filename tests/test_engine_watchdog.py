"""The watchdog: what is being decided is known however the process ends, and a decision that never ends has a name."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from patience import shortest
from retain.app.live.watchdog import Watchdog
from retain.errors import DecisionError
from retain.registry import Registry

DIES = """
import os, signal, sys
from pathlib import Path
from retain.app.live.watchdog import Watchdog
from retain.registry import Registry
watchdog = Watchdog(Path(sys.argv[1]), Registry())
watchdog.begin("event:1")
watchdog.end()
watchdog.begin("event:17")
os.kill(os.getpid(), signal.SIGKILL)
"""


def die(folder: Path) -> None:
    """A process that is killed while it decides about event 17."""
    assert subprocess.run([sys.executable, "-c", DIES, str(folder)], check=False).returncode == -signal.SIGKILL


def test_what_was_decided_at_two_ends_of_the_process_is_not_decided_any_more(tmp_path: Path) -> None:
    die(tmp_path)
    Watchdog(tmp_path, Registry()).begin("event:18")
    die(tmp_path)
    watchdog = Watchdog(tmp_path, Registry())
    assert watchdog.poisoned == ["event:17"]
    watchdog.begin("event:16")
    with pytest.raises(DecisionError, match="2 times"):
        watchdog.begin("event:17")


def test_one_end_is_forgotten_once_the_decision_has_ended_well(tmp_path: Path) -> None:
    die(tmp_path)
    watchdog = Watchdog(tmp_path, Registry())
    watchdog.begin("event:17")
    watchdog.end()
    die(tmp_path)
    assert Watchdog(tmp_path, Registry()).poisoned == []


def test_a_decision_that_never_ends_ends_the_process(tmp_path: Path) -> None:
    gave_up = threading.Event()
    watchdog = Watchdog(tmp_path, Registry(), limit_s=0.5, give_up=gave_up.set)
    watchdog.start()
    watchdog.begin("event:17")
    assert gave_up.wait(30)
    watchdog.close()


def test_many_short_decisions_do_not(tmp_path: Path) -> None:
    def longest() -> float:
        """The seconds of the longest of twenty decisions, none of which ends the process where they are short."""
        gave_up = threading.Event()
        watchdog = Watchdog(tmp_path, Registry(), limit_s=0.5, give_up=gave_up.set)
        watchdog.start()
        instants = [time.monotonic()]
        for number in range(20):
            watchdog.begin(f"event:{number}")
            gave_up.wait(0.05)
            instants.append(time.monotonic())
        watchdog.end()
        most = max(end - begin for begin, end in pairwise(instants))
        assert not gave_up.wait(0.7) or most > 0.4
        watchdog.close()
        return most

    assert shortest(longest, 0.4) < 0.4


def test_a_folder_that_cannot_be_made_costs_the_mark_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    watchdog = Watchdog(tmp_path / "taken", Registry())
    watchdog.begin("event:1")
    watchdog.end()
    assert watchdog.poisoned == []
