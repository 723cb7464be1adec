"""Reading calls of the Segment API: messages a second, and the share of what decoding the same JSON alone takes.

Run: python benchmarks/wire.py
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from report import Figure, arguments, median_ratio, report

from retain.language.types import Schema, Type
from retain.wire.calls import decode_request
from retain.wire.fields import FieldTypes
from retain.wire.message import Reading, read_calls

BATCH = 100
ROUNDS = 15
REPEATS = 20

PROPERTIES = {"cart_id": "k1", "product_id": "p1", "price": 49.9, "quantity": 2, "currency": "EUR"}
CALL = {
    "type": "track",
    "userId": "customer-1",
    "anonymousId": None,
    "event": "Product Added",
    "timestamp": "2026-11-21T10:00:00.123+00:00",
    "context": {"library": {"name": "analytics-python", "version": "2.3.4"}},
    "integrations": {},
    "properties": PROPERTIES,
}
TYPES = FieldTypes(
    Schema(
        events={
            "product_added": {
                "cart_id": Type("text", nullable=True),
                "product_id": Type("text", nullable=True),
                "price": Type("money", nullable=True, scale=100),
                "quantity": Type("int", nullable=True),
                "currency": Type("text", nullable=True),
            }
        }
    )
)


def main() -> int:
    """Tell both rates and their ratio, from interleaved rounds."""
    args = arguments(__doc__)
    calls = [{**CALL, "messageId": f"message-{number:036}"} for number in range(BATCH)]
    body = msgspec.json.encode({"batch": calls, "sentAt": "2026-11-21T10:00:01.123+00:00"})
    reading = Reading(source="shop", types=TYPES, received_at=1_795_255_201_200)
    ours, bare = [], []
    for _ in range(5 if args.quick else ROUNDS):
        ours.append(_seconds(lambda: read_calls(decode_request(body), reading)))
        bare.append(_seconds(lambda: msgspec.json.decode(body)))
    told, against = f"{BATCH / min(ours):,.0f} calls/s", f"decoding the JSON alone: {BATCH / min(bare):,.0f} calls/s"
    return report(args, [Figure("read calls of the Segment API", told, against, median_ratio(ours, bare))])


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    for _ in range(REPEATS):
        work()
    return (time.process_time() - started) / REPEATS


if __name__ == "__main__":
    raise SystemExit(main())
