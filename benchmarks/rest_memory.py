"""Resident memory of `retain run` at rest, with the rules and templates of all shipped packs.

Run: python benchmarks/rest_memory.py [--quick]
"""

from __future__ import annotations

import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from check_1000_rules import PACKS
from processes import PLAIN, RETAIN, resident_mb
from report import Figure, arguments, report

LIMIT_MB, PATIENCE_S = 120.0, 30.0


def main() -> int:
    """Start the daemon, wait until it is ready, let it rest, look."""
    args = arguments(__doc__)
    with tempfile.TemporaryDirectory(prefix="retain-bench-") as parent:
        folder = Path(parent) / "shop"
        packs = [word for pack in PACKS for word in ("--pack", pack)]
        subprocess.run([RETAIN, "init", str(folder), *packs], check=True, stdout=subprocess.DEVNULL)
        memory = _at_rest(folder, 3.0 if args.quick else 10.0)
    return report(args, [Figure("daemon at rest", f"{memory:.0f} MB", "all shipped rules", memory, LIMIT_MB)])


def _at_rest(folder: Path, rest_s: float) -> float:
    address = f"127.0.0.1:{_free_port()}"
    secrets = {**PLAIN, "UNSUBSCRIBE_SECRET": "x" * 32}
    daemon = subprocess.Popen(
        [RETAIN, "--project", str(folder), "run", "--listen", address],
        env=secrets,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _wait_for(f"http://{address}/readyz", daemon)
        time.sleep(rest_s)
        return resident_mb(daemon.pid)
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=PATIENCE_S)


def _wait_for(url: str, daemon: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            if daemon.poll() is not None:
                break
            time.sleep(0.1)
    daemon.kill()
    raise SystemExit(f"the daemon did not become ready: {daemon.communicate()[1].decode()}")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


if __name__ == "__main__":
    raise SystemExit(main())
