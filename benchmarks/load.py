"""Senders over HTTP: connections that stay open, each of which waits for an answer before it sends the next request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

_numbers = count()


@dataclass
class Sent:
    """What senders have seen: the seconds of each request that was answered by 200, and how many were not."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    wall_s: float = 0.0

    def quantile(self, share: float) -> float:
        """Milliseconds within which this share of the requests was answered."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def event_json(name: str = "Product Viewed") -> bytes:
    """One call of the Segment API with a message id of its own, about one of 1,000 customers."""
    number = next(_numbers)
    return (
        b'{"type":"track","userId":"%d","event":"%s","messageId":"m-%d","properties":{"product_id":"p-%d",'
        b'"price":19.9,"quantity":2,"currency":"EUR","category":"shoes"}}'
        % (number % 1_000, name.encode(), number, number % 997)
    )


def request(events: int) -> bytes:
    """One POST of so many events, as it goes over the wire."""
    return post([event_json() for _ in range(events)])


def post(calls: Sequence[bytes]) -> bytes:
    """One POST of these calls."""
    body = b'{"batch":[%s]}' % b",".join(calls)
    head = b"POST /v1/batch HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


async def send(port: int, seconds: float, connections: int, make: Callable[[], bytes]) -> Sent:
    """Send from several connections for a time."""
    sent = Sent()
    began = time.perf_counter()
    await asyncio.gather(*(_sender(port, began + seconds, sent, make) for _ in range(connections)))
    sent.wall_s = time.perf_counter() - began
    return sent


async def _sender(port: int, until: float, sent: Sent, make: Callable[[], bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until:
        data = make()
        began = time.perf_counter()
        writer.write(data)
        status = await read_status(reader)
        if status == 200:
            sent.seconds.append(time.perf_counter() - began)
        else:
            sent.refused += 1
    writer.close()
    await writer.wait_closed()


async def read_status(reader: asyncio.StreamReader) -> int:
    """The status of one answer, which is read to its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head[9:12])
