"""Commands measured from outside: what the operating system says that the finished child has used."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

RETAIN = str(Path(sys.executable).with_name("retain"))
# As on any machine: modules are compiled once and kept, which a setting of this shell may forbid.
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def cpu_of(command: Sequence[str], *, codes: Sequence[int] = (0,)) -> float:
    """Seconds of CPU, user and system, of one run of a command."""
    process = subprocess.Popen(command, env=PLAIN, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in codes, said
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True)
class Spent:
    """What one run of a command took, with the processes that it started.

    Args:
        printed: what it wrote to its output.
    """

    wall_s: float
    peak_mb: float
    printed: bytes


def spent(command: Sequence[str]) -> Spent:
    """Run a command and watch it from outside."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as out:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=PLAIN, stdout=out, stderr=said)
        with Watched(process.pid) as watched:
            _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        assert process.returncode == 0, said.read().decode()
        out.seek(0)
        alone = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
        return Spent(seconds, watched.peak_mb or alone, out.read())


class Watched:
    """The most memory of a process and all that it starts, looked at again and again while the block runs.

    Where the system says so, pages that processes share are counted once; elsewhere nothing is seen, and it is 0.
    """

    def __init__(self, pid: int) -> None:
        self.peak_mb = 0.0
        self._pid = pid
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.1):
            self.peak_mb = max(self.peak_mb, sum(map(_own_mb, _family(self._pid))))


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                yield from _family(int(child))
    except OSError:  # it has ended meanwhile
        return


def _own_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("Pss:")), 0.0)


def resident_mb(pid: int) -> float:
    """The memory of a running process, in millions of bytes."""
    said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True).stdout
    return int(said) * 1024 / 1e6
