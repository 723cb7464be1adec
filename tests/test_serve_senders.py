"""Real senders: the request of each client library as it stands on the wire, and one library itself."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from segment.analytics.client import Client

from http_help import Inbox, Server, ingesting
from wire_help import track

Door = tuple[Server, Inbox]
BASIC = {"Authorization": "Basic " + base64.b64encode(b"key-of-the-shop:").decode()}
JSON = {"Content-Type": "application/json"}
BATCH = {"batch": [track()], "sentAt": "2026-03-01T10:00:00.000Z"}
IN_BODY = {"writeKey": "key-of-the-shop"}


@pytest.fixture(scope="module")
def running() -> Iterator[Door]:
    with ingesting() as door:
        yield door


@pytest.fixture
def door(running: Door) -> Door:
    running[1].clear()
    return running


SENDERS: dict[str, tuple[str, dict[str, str], Any, bool]] = {  # path, headers, body, gzip
    "python": ("/v1/batch", JSON, {**BATCH, **IN_BODY}, False),
    "python with gzip": ("/v1/batch", {**JSON, "Content-Encoding": "gzip"}, {**BATCH, **IN_BODY}, True),
    "node": ("/v1/batch", {**JSON, **BASIC}, {**BATCH, **IN_BODY}, False),
    "browser": (
        "/v1/t",
        {"Content-Type": "text/plain", **BASIC},
        {**track(), **IN_BODY, "sentAt": "2026-03-01T10:00:00.000Z", "_metadata": {"bundled": ["Segment.io"]}},
        False,
    ),
    "browser in batches": ("/v1/b", {"Content-Type": "text/plain"}, {**BATCH, **IN_BODY}, False),
    "go": ("/v1/batch", {**JSON, **BASIC}, {**BATCH, "context": {"library": {"name": "go"}}}, False),
    "php": ("/v1/batch", {**JSON, **BASIC}, BATCH, False),
    "php with gzip": ("/v1/batch", {**JSON, **BASIC, "Content-Encoding": "gzip"}, BATCH, True),
    "ruby": ("/v1/import", {**JSON, **BASIC, "Accept": "application/json"}, BATCH, False),
    "java": ("/v1/import/", {**JSON, **BASIC}, {**BATCH, "sequence": 1}, False),
    "dotnet": ("/v1/import", {**JSON, **BASIC, "Content-Encoding": "gzip"}, BATCH, True),
    "swift": ("/v1/b", {**JSON}, {**BATCH, **IN_BODY}, False),
    "react native": ("/v1/b", {**JSON}, {**BATCH, **IN_BODY}, False),
    "rudderstack": ("/v1/track", {**JSON, **BASIC}, track(), False),
}


@pytest.mark.parametrize("sender", SENDERS)
def test_each_senders_request_is_stored_and_answered_as_it_expects(door: Door, sender: str) -> None:
    server, inbox = door
    path, headers, body, packed = SENDERS[sender]
    data = json.dumps(body).encode()
    answer = server.ask("POST", path, gzip.compress(data) if packed else data, headers)
    assert answer.status == 200
    assert isinstance(answer.json, dict)
    assert "error" not in answer.json
    assert [(sent.source, sent.user_id, sent.name) for sent in inbox.messages] == [("shop", "u1", "order_completed")]


def test_kotlin_sends_text_with_gzip_in_chunks(door: Door) -> None:
    server, inbox = door
    data = gzip.compress(json.dumps({**BATCH, **IN_BODY}).encode())
    chunks = (data[start : start + 16] for start in range(0, len(data), 16))
    headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
    answer = server.ask("POST", "/v1/b", chunks, headers, encode_chunked=True)  # type: ignore[arg-type]
    assert answer.status == 200
    assert len(inbox.messages) == 1


@pytest.mark.parametrize("packed", [False, True])
def test_the_python_library_unmodified_delivers_every_call_once(door: Door, packed: bool) -> None:
    server, inbox = door
    failures: list[object] = []
    client = Client(
        "key-of-the-shop",
        host=server.url,
        gzip=packed,
        upload_interval=0.05,
        max_retries=1,
        on_error=lambda error, items: failures.append(error),
    )
    client.identify("ann-1", {"email": "ann@example.com", "firstName": "Ann"})
    for number in range(120):
        client.track("ann-1", "Product Added", {"cart_id": "k1", "price": number / 10})
    client.group("ann-1", "tea-house", {"name": "Tea House"})
    client.alias("browser-3", "ann-1")
    client.page("ann-1", "Shop", "Pots")
    client.screen("ann-1", "Shop", "Welcome")
    client.flush()
    client.join()
    assert not failures
    names = [sent.name or sent.kind.value for sent in inbox.messages]
    assert sorted(set(names)) == ["alias", "group", "identify", "page_viewed", "product_added", "screen_viewed"]
    assert len(names) == len(inbox.known) == 125


def test_the_python_library_repeats_what_was_not_stored(door: Door) -> None:
    server, inbox = door
    inbox.failure = ConnectionError("the first attempt fails on our side")
    client = Client("key-of-the-shop", host=server.url, upload_interval=0.05, max_retries=5)
    client.track("ann-1", "Order Completed", {"total": 5})
    assert inbox.arrived.wait(5)
    inbox.failure = None
    client.flush()
    client.join()
    assert len(inbox.known) == 1
