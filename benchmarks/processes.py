"""Commands measured from outside: what the operating system says that the finished child has used."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
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


def resident_mb(pid: int) -> float:
    """The memory of a running process, in millions of bytes."""
    said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True).stdout
    return int(said) * 1024 / 1e6
