"""From a live event to the letter that its rule sends: 50 events a second while 1,000 others a second are decided.

The daemon as a process, on a file with `synchronous=FULL`, with the 100 rules of the shop for the others, of which one
in ten starts a run, and one that sends a letter. Requests go out when their time has come, whether or not earlier ones
are answered; a wait counts from then until the mail server, a process of its own, has the letter. The same with nothing
else to do is told first. Run: python benchmarks/latency.py [--quick]
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from load import post, read_status
from report import Figure, arguments, report
from servers import daemon, free_port
from simulate_file import call_of, make_shop
from workload import introductions, messages

from retain.model import Message

LIVE, OTHERS, TOGETHER = 50, 1_000, 100  # events a second; of the others so many are in one request
AIM_MS, PATIENCE_S = 250.0, 60.0
PEOPLE = 10_000  # each of them does something every ten seconds
CONNECTIONS = 32
SORRY = """version: 1
policies:
  email: {unknown: allow}
rules:
  sorry:
    when: {event: order_refunded}
    if: [customer.email is present]
    runs: {per: event.order_id}
    breaker: 1000000 per 1h
    then:
      - email.send: {template: sorry}
"""


class Senders:
    """Connections that stay open; each request takes a free one."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def open(self) -> None:
        """Connect."""
        for _ in range(CONNECTIONS):
            self._free.put_nowait(await asyncio.open_connection("127.0.0.1", self._port))

    async def send(self, request: bytes) -> None:
        """One request and its answer."""
        reader, writer = await self._free.get()
        writer.write(request)
        status = await read_status(reader)
        assert status == 200, f"answered by {status}"
        self._free.put_nowait((reader, writer))

    async def in_time(self, requests: Iterable[bytes], every_s: float) -> list[float]:
        """Send one at each instant of a plan, and give the instants."""
        planned = []
        async with asyncio.TaskGroup() as group:
            at = time.time()
            for request in requests:
                await asyncio.sleep(max(0.0, at - time.time()))
                group.create_task(self.send(request))
                planned.append(at)
                at += every_s
        return planned


@dataclass
class Course:
    """One daemon with its mail server, and the letters so far."""

    port: int
    letters: Path
    sent: int = 0  # live events

    async def run(self, seconds: int, others: int) -> tuple[list[float], float]:
        """The waits of the live events in seconds, and how many events were decided a second meanwhile."""
        senders = Senders(self.port)
        await senders.open()
        numbers = range(self.sent, self.sent + seconds * LIVE)
        self.sent = numbers.stop
        decided, began = self._decided(), time.perf_counter()
        work = [senders.in_time((self._refund(number) for number in numbers), 1 / LIVE)]
        if others:
            calls = encoded(messages(seconds * others, PEOPLE, seed=numbers.start + 2))
            chunks = [post(calls[start : start + TOGETHER]) for start in range(0, len(calls), TOGETHER)]
            work.append(senders.in_time(chunks, TOGETHER / others))
        planned, *_ = await asyncio.gather(*work)
        rate = (self._decided() - decided) / (time.perf_counter() - began)
        accepted = await self._accepted()
        return [accepted[number] - at for number, at in zip(numbers, planned, strict=True)], rate

    async def introduce(self) -> None:
        """Make the customers known."""
        senders = Senders(self.port)
        await senders.open()
        calls = encoded(introductions(PEOPLE))
        for start in range(0, PEOPLE, 500):
            await senders.send(post(calls[start : start + 500]))
        while self._decided() < PEOPLE:
            await asyncio.sleep(0.05)

    def _refund(self, number: int) -> bytes:
        call = {
            "type": "track",
            "userId": str(number % PEOPLE),
            "event": "Order Refunded",
            "messageId": f"refund-{number}",
            "properties": {"order_id": f"r{number}"},
        }
        return post([msgspec.json.encode(call)])

    async def _accepted(self) -> dict[int, float]:
        """When the mail server had each letter, once it has them all."""
        until = time.monotonic() + PATIENCE_S
        while True:
            lines = self.letters.read_text().splitlines() if self.letters.exists() else []
            if len(lines) >= self.sent:
                break
            assert time.monotonic() < until, f"{len(lines)} letters of {self.sent} have come"
            await asyncio.sleep(0.05)
        assert len(lines) == self.sent, f"{len(lines)} letters for {self.sent} events"
        return {int(line.rpartition(" r")[2]): float(line.partition(" ")[0]) for line in lines}

    def _decided(self) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
            found = re.search(r"^retain_decided_total (\S+)$", answer.read().decode(), re.MULTILINE)
        assert found is not None
        return float(found[1])


def encoded(found: Iterable[Message]) -> Sequence[bytes]:
    """Messages as calls, of the moment at which they are received."""
    calls = map(call_of, found)
    return [msgspec.json.encode({name: value for name, value in call.items() if name != "timestamp"}) for call in calls]


@contextmanager
def mailbox(file: Path) -> Iterator[int]:
    """The port of a mail server that writes to a file."""
    port = free_port()
    script = str(Path(__file__).with_name("mailbox_server.py"))
    process = subprocess.Popen([sys.executable, script, str(port), str(file)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield port
    finally:
        process.kill()
        process.wait()


async def measure(course: Course, seconds: int) -> list[Figure]:
    """Without and with other work."""
    await course.introduce()
    await course.run(2, 0)  # warms up
    rest, _ = await course.run(seconds, 0)
    busy, rate = await course.run(seconds, OTHERS)
    against = f"{rate:,.0f} events/s decided; with nothing else p50 {_ms(rest, 0.5):.0f}, p99 {_ms(rest, 0.99):.0f} ms"
    told = f"p50 {_ms(busy, 0.5):.0f}, p99 {_ms(busy, 0.99):.0f} ms, {len(busy):,} letters"
    what = f"live event to letter accepted, {LIVE} a second"
    return [Figure(what, told, against, _ms(busy, 0.99), AIM_MS)]


def _ms(seconds: Sequence[float], share: float) -> float:
    return sorted(seconds)[min(len(seconds) - 1, int(len(seconds) * share))] * 1000


def main() -> int:
    """Start everything, send, and look when the letters came."""
    args = arguments(__doc__)
    with tempfile.TemporaryDirectory(prefix="retain-bench-") as parent:
        folder = Path(parent)
        with mailbox(folder / "letters") as smtp:
            project = make_shop(folder / "shop")
            (project / "rules" / "sorry.yaml").write_text(SORRY)
            (project / "templates").mkdir()
            (project / "templates" / "sorry.txt").write_text("Subject: {{ event.order_id }}\n\nIt is paid back.\n")
            mail = f"plugins:\n  email: {{host: 127.0.0.1, port: {smtp}, from: shop@example.com}}\n"
            (project / "retain.yaml").write_text(f"version: 1\n{mail}")
            with daemon(project) as running:
                course = Course(running.port, folder / "letters")
                return report(args, asyncio.run(measure(course, 5 if args.quick else 60)))


if __name__ == "__main__":
    raise SystemExit(main())
