"""The ingest listener: keys, reports, refusals, health, and what it never lets through."""

from __future__ import annotations

import base64
import gzip
import json
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from http_help import Inbox, Server, ingesting
from retain.errors import OverloadedError, StoreBusyError, StoreFullError, StoreUnavailableError
from retain.serve.http_ingest import header_key, source_of
from retain.serve.ports import Health
from retain.wire.calls import MAX_BODY_BYTES, PATH_KINDS
from wire_help import track

Door = tuple[Server, Inbox]


@pytest.fixture(scope="module")
def running() -> Iterator[Door]:
    with ingesting() as door:
        yield door


@pytest.fixture
def door(running: Door) -> Door:
    running[1].clear()
    return running


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("name", PATH_KINDS)
def test_every_path_of_the_api_is_there(door: Door, name: str, slash: str) -> None:
    server, inbox = door
    kind = PATH_KINDS[name]
    call = {**track(), "groupId": "g", "previousId": "p"} if kind else {"batch": [track()]}
    answer = server.post(f"/v1/{name}{slash}", call)
    assert answer.status == 200
    assert answer.json == {"success": True, "accepted": 1, "duplicates": 0, "rejected": [], "notes": []}
    assert inbox.messages[0].kind == (kind or "track")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("POST", "/v2/x", 404), ("GET", "/v1/batch", 405)]
)
def test_a_path_or_method_that_is_not_there_says_what_is(door: Door, method: str, path: str, status: int) -> None:
    server, _ = door
    answer = server.ask(method, path)
    assert (answer.status, "POST" in answer.json["help"]) == (status, True)


def test_a_batch_is_answered_with_a_report_per_item(door: Door) -> None:
    server, _ = door
    items = [track(messageId="a"), track(messageId="a"), track(userId=None), track(messageId="b", timestamp="?")]
    report = server.post("/v1/batch", {"batch": items}).json
    assert (report["accepted"], report["duplicates"]) == (2, 1)
    assert [(item["index"], item["code"]) for item in report["rejected"]] == [(2, "no_identity")]
    assert report["rejected"][0]["help"] == "send userId, anonymousId or traits.email"
    assert [(note["index"], note["code"]) for note in report["notes"]] == [(3, "bad_timestamp")]


def test_a_well_formed_batch_is_exactly_200_even_if_every_item_is_refused(door: Door) -> None:
    answer = door[0].post("/v1/batch", {"batch": [1, 2]})
    assert (answer.status, answer.json["accepted"], len(answer.json["rejected"])) == (200, 0, 2)
    assert door[0].post("/v1/batch", {"batch": []}).status == 200


def test_the_rejected_items_reach_the_application(door: Door) -> None:
    server, inbox = door
    server.post("/v1/batch", {"batch": [track(userId=None)]})
    assert inbox.intakes[0].rejections[0].raw["event"] == "Order Completed"


@pytest.mark.parametrize(
    ("headers", "body_key"),
    [
        ({"Authorization": "Basic " + base64.b64encode(b"key-of-the-app:").decode()}, {}),
        ({"Authorization": "basic " + base64.b64encode(b"key-of-the-app").decode()}, {}),
        ({"Authorization": "Bearer key-of-the-app"}, {}),
        ({}, {"writeKey": "key-of-the-app"}),
        ({}, {"write_key": "key-of-the-app"}),
        ({}, {"api_key": "key-of-the-app"}),
        ({"Authorization": "Basic !!!"}, {"writeKey": "key-of-the-app"}),
    ],
)
def test_the_key_may_stand_in_basic_bearer_or_body(
    door: Door, headers: dict[str, str], body_key: dict[str, str]
) -> None:
    server, inbox = door
    body = json.dumps({"batch": [track()], **body_key}).encode()
    assert server.ask("POST", "/v1/batch", body, headers).status == 200
    assert inbox.messages[0].source == "app"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Digest x"}])
def test_without_a_known_key_nothing_is_taken(door: Door, headers: dict[str, str]) -> None:
    server, inbox = door
    answer = server.ask("POST", "/v1/batch", json.dumps({"batch": [track()]}).encode(), headers)
    assert answer.status == 401
    assert answer.json["code"] == "bad_key"
    assert answer.json["message"] == answer.json["error"]
    assert not inbox.intakes


def test_a_wrong_header_key_is_not_healed_by_the_body(door: Door) -> None:
    assert door[0].post("/v1/batch", {"batch": [], "writeKey": "key-of-the-shop"}, key="wrong").status == 401


def test_without_configured_keys_any_sender_on_this_machine_is_the_default_source() -> None:
    with ingesting(keys={}) as (server, inbox):
        assert server.post("/v1/track", track(), key="anything").status == 200
        assert inbox.messages[0].source == "default"


def test_without_configured_keys_pages_from_elsewhere_are_refused() -> None:
    with ingesting(keys={}) as (server, _):
        assert server.post("/v1/track", track(), Origin="https://elsewhere.example").status == 401
        assert server.post("/v1/track", track(), Origin="http://localhost:3000").status == 200


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"no json", {}, 400, "bad_json"),
        (b"", {}, 400, "bad_json"),
        (b" " * (MAX_BODY_BYTES + 1), {}, 413, "too_large"),
        (gzip.compress(b" " * 20_000_000), {"Content-Encoding": "gzip"}, 413, "too_large"),
        (b'{"batch":[' + b"1," * 2_500 + b"1]}", {}, 413, "too_many"),
        (b"{}", {"Content-Encoding": "br"}, 415, "bad_encoding"),
        (b"\x1f\x8b broken", {"Content-Encoding": "gzip"}, 415, "bad_encoding"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_in_json(
    door: Door, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = door[0].ask("POST", "/v1/batch", body, {"Authorization": "Bearer key-of-the-shop", **headers})
    assert (answer.status, answer.json["code"], answer.json["success"]) == (status, code, False)
    assert answer.json["message"]


def test_a_body_without_a_length_is_cut_at_the_limit(door: Door) -> None:
    chunks = (b" " * 50_000 for _ in range(30))
    headers = {"Authorization": "Bearer key-of-the-shop"}
    answer = door[0].ask("POST", "/v1/batch", chunks, headers, encode_chunked=True)  # type: ignore[arg-type]
    assert answer.status == 413


@pytest.mark.parametrize(
    ("failure", "status", "code", "after"),
    [
        (StoreFullError("no space left on the device"), 503, "store_full", "5"),
        (StoreUnavailableError("the database does not answer"), 503, "store_unavailable", "5"),
        (StoreBusyError("another daemon holds the store"), 503, "store_busy", "5"),
        (OverloadedError("too many events are waiting", after=7), 429, "overloaded", "7"),
        (RuntimeError("a bug"), 500, "internal", None),
    ],
)
def test_what_was_not_stored_is_never_acknowledged(
    door: Door, failure: Exception, status: int, code: str, after: str | None
) -> None:
    server, inbox = door
    inbox.failure = failure
    answer = server.post("/v1/batch", {"batch": [track()]})
    assert (answer.status, answer.json["code"], answer.headers.get("retry-after")) == (status, code, after)
    assert "a bug" not in answer.json["message"]


def test_a_slow_body_ends_with_408() -> None:
    with ingesting(body_timeout_s=0.1) as (server, _):
        head = b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(head)
            assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_browsers_may_ask_first(door: Door) -> None:
    headers = {
        "Origin": "https://shop.example.com",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    answer = door[0].ask("OPTIONS", "/v1/t", headers=headers)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "authorization" in answer.headers["access-control-allow-headers"]
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in answer.headers


def test_browsers_see_the_answer(door: Door) -> None:
    answer = door[0].post("/v1/t", track(), Origin="https://shop.example.com")
    assert answer.headers["access-control-allow-origin"] == "*"


def test_only_configured_origins_are_allowed() -> None:
    with ingesting(cors=["https://shop.example.com"]) as (server, _):
        good = server.post("/v1/t", track(), Origin="https://shop.example.com")
        other = server.post("/v1/t", track(), Origin="https://elsewhere.example")
    assert good.headers["access-control-allow-origin"] == "https://shop.example.com"
    assert "access-control-allow-origin" not in other.headers


def test_settings_say_where_to_send(door: Door) -> None:
    server, _ = door
    target = server.ask("GET", "/v1/projects/key-of-the-shop/settings").json["integrations"]["Segment.io"]
    assert target["apiKey"] == "key-of-the-shop"
    assert f"{target['protocol']}://{target['apiHost']}" == f"{server.url}/v1"
    assert server.ask("GET", "/v1/projects/wrong/settings").status == 401


def test_the_daemon_says_that_it_lives(door: Door) -> None:
    assert door[0].ask("GET", "/livez").status == 200


@pytest.mark.parametrize(
    ("health", "status"), [(Health(ready=True), 200), (Health(ready=False, reasons=("the disk is full",)), 503)]
)
def test_readiness_says_why_not(health: Health, status: int) -> None:
    with ingesting(health=lambda: health) as (server, _):
        answer = server.ask("GET", "/readyz")
    assert (answer.status, answer.json) == (status, {"ready": health.ready, "reasons": list(health.reasons)})


def test_metrics_are_prometheus_text(door: Door) -> None:
    answer = door[0].ask("GET", "/metrics")
    assert answer.body == b"retain_up 1\n"
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("GET", "/v1/batch", 405), ("POST", "/v1/x", 404)]
)
def test_what_is_not_there_is_refused_in_json(door: Door, method: str, path: str, status: int) -> None:
    answer = door[0].ask(method, path)
    assert answer.status == status
    assert set(answer.json) >= {"code", "message", "error"}


@pytest.mark.parametrize("path", ["/livez", "/metrics", "/nowhere", "/v1/projects/wrong/settings"])
def test_every_answer_has_strict_headers_and_names_no_version(door: Door, path: str) -> None:
    headers = door[0].ask("GET", path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


HEADER_NAMES = st.sampled_from(["Authorization", "Content-Encoding", "Content-Type", "Origin", "Host", "X-Any"])
HEADER_VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.dictionaries(HEADER_NAMES, HEADER_VALUES, max_size=3), st.binary(max_size=60))
def test_odd_headers_and_bodies_are_never_our_failure(door: Door, headers: dict[str, str], body: bytes) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1")
    request = b"POST /v1/batch HTTP/1.1\r\n" + head + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    status = door[0].raw(request + body).split(b" ", 2)[1]
    assert status[:1] in (b"2", b"4")


@given(st.text(max_size=60))
def test_any_authorization_header_gives_a_key_or_none(text: str) -> None:
    assert isinstance(header_key(text), str)
    assert source_of(header_key(f"Bearer {text}"), {"key-of-the-shop": "shop"}) is None
