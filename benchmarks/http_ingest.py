"""Events taken in over HTTP a second, 1 and 100 a request, acknowledged after their commit.

The daemon as a process on a file with `synchronous=FULL`; it decides what comes in meanwhile, with a rule that none of
it starts. The peer is the same listener with nothing behind it, which answers without storing. Senders run in this
process, on connections that stay open, and take turns between the two. What was acknowledged is counted again in the
store. Run: python benchmarks/http_ingest.py [--quick]
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from load import Sent, request, send
from report import Figure, arguments, median_ratio, report
from servers import daemon, free_port, is_ready, make_project

from retain.store.store import Store

RULES = """version: 1
rules:
  thanks:
    when: {event: order_completed}
    then: [log.write: {message: thank you}]
"""
CONNECTIONS = {1: 32, 100: 8}  # by events in a request


@dataclass
class Server:
    """One of the two, and what its senders have seen, by events in a request."""

    port: int
    sent: dict[int, list[Sent]] = field(default_factory=dict)

    def load(self, events: int, seconds: float) -> None:
        """Send for a time."""
        found = asyncio.run(send(self.port, seconds, CONNECTIONS[events], lambda: request(events)))
        self.sent.setdefault(events, []).append(found)

    def rates(self, events: int) -> list[float]:
        """Events a second, by round; the first warms up."""
        return [len(one.seconds) * events / one.wall_s for one in self.sent[events][1:]]

    def told(self, events: int) -> str:
        """Rate and waits."""
        every = Sent([second for one in self.sent[events][1:] for second in one.seconds])
        waits = f"p50 {every.quantile(0.5):.1f} ms, p99 {every.quantile(0.99):.1f} ms"
        return f"{median(self.rates(events)):,.0f} events/s, {waits}"


@contextmanager
def answering() -> Iterator[Server]:
    """The listener with nothing behind it."""
    port = free_port()
    script = str(Path(__file__).with_name("answering.py"))
    process = subprocess.Popen([sys.executable, script, str(port)])
    try:
        if not is_ready(f"http://127.0.0.1:{port}/livez", process):
            raise SystemExit("the listener did not become ready")
        yield Server(port)
    finally:
        process.kill()
        process.wait()


def main() -> int:
    """Send, and tell the rates."""
    args = arguments(__doc__)
    seconds, rounds = (1.0, 3) if args.quick else (5.0, 5)
    with tempfile.TemporaryDirectory(prefix="retain-bench-") as parent:
        project = make_project(Path(parent) / "shop", RULES)
        with daemon(project) as running, answering() as peer:
            ours = Server(running.port)
            for events in CONNECTIONS:
                for _ in range(rounds + 1):
                    ours.load(events, seconds)
                    peer.load(events, seconds)
        with Store.open(project / "retain.db", read_only=True) as store:
            stored = store.counts().events
    acknowledged = sum(len(one.seconds) * events for events, found in ours.sent.items() for one in found)
    refused = sum(one.refused for found in ours.sent.values() for one in found)
    assert stored >= acknowledged, f"{acknowledged} events were acknowledged and {stored} are stored"
    figures = [
        Figure(
            what=f"HTTP, {events} event{'s' * (events > 1)} a request, {CONNECTIONS[events]} connections",
            ours=ours.told(events),
            against=f"answering without storing: {peer.told(events)}",
            value=median_ratio(ours.rates(events), peer.rates(events)),
        )
        for events in CONNECTIONS
    ]
    return report(
        args, [*figures, Figure("HTTP, refused requests", f"{refused:,}", f"{acknowledged:,} events", refused)]
    )


if __name__ == "__main__":
    raise SystemExit(main())
