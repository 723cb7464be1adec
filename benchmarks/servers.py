"""What benchmarks run against: a project with its daemon as a process, and a PostgreSQL that keeps its promises."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from processes import PLAIN, RETAIN

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from postgres_help import Server, binaries, new_server

PATIENCE_S = 120.0
# As a server is that keeps what it has acknowledged; the tests' own settings do not.
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "shared_buffers": "512MB"}


@contextmanager
def postgres() -> Iterator[Server | None]:
    """A durable server of one's own; None where PostgreSQL is not installed."""
    try:
        binaries()
    except pytest.skip.Exception:
        yield None
        return
    server = new_server(**DURABLE)
    try:
        yield server
    finally:
        server.remove()


def make_project(folder: Path, rules: str, more: str = "") -> Path:
    """A project with one rule file; `more` goes into retain.yaml."""
    (folder / "rules").mkdir(parents=True)
    (folder / "rules" / "shop.yaml").write_text(rules)
    (folder / "retain.yaml").write_text(f"version: 1\n{more}")
    return folder


@dataclass(frozen=True)
class Daemon:
    """A daemon that is ready.

    Args:
        ready_s: seconds from its start to the first 200 of /readyz.
    """

    pid: int
    port: int
    ready_s: float


@contextmanager
def daemon(project: Path) -> Iterator[Daemon]:
    """`retain run` over a project, from outside, until the block ends."""
    port = free_port()
    command = [RETAIN, "--project", str(project), "run", "--listen", f"127.0.0.1:{port}"]
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=PLAIN, stdout=subprocess.DEVNULL, stderr=said)
        try:
            if not is_ready(f"http://127.0.0.1:{port}/readyz", process):
                said.seek(0)
                raise SystemExit(f"the daemon did not become ready: {said.read().decode()}")
            yield Daemon(process.pid, port, time.perf_counter() - began)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE_S)


def free_port() -> int:
    """A port of this machine that nobody uses at the moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def is_ready(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until something answers 200; False where the process ends, or in vain."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)
    return False
