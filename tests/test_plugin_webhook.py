"""Webhooks against real servers on this machine."""

from __future__ import annotations

import asyncio
import base64
import datetime
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from deliver_help import NOW, request
from retain.errors import PermanentError, TemporaryError
from retain.registry import ActionResult
from retain_webhook.posting import MOST_BYTES, post, retry_after
from retain_webhook.signing import signed_headers, webhook_id

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
OTHER = "whsec_" + base64.b64encode(b"another-secret-of-the-shop").decode()


@dataclass
class Receiver:
    """A server that keeps what it got."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@asynccontextmanager
async def receiving(
    status: int = 200, headers: dict[str, str] | None = None, delay_s: float = 0, body: bytes = b""
) -> AsyncIterator[Receiver]:
    """A receiver on this machine that answers everything alike."""
    receiver = Receiver()

    async def answer(asked: web.BaseRequest) -> web.StreamResponse:
        receiver.bodies.append(await asked.read())
        receiver.headers.append({name.lower(): value for name, value in asked.headers.items()})
        await asyncio.sleep(delay_s)
        return web.Response(status=status, headers=headers or {}, body=body)

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


async def post_to(
    url: str, effect_id: str = "run1:1", config: dict[str, Any] | None = None, **values: Any
) -> ActionResult:
    section = {"secrets": {"default": SECRET}, "allow": ["127.0.0.0/8"], "timeout_s": 2.0, **(config or {})}
    inputs = {"url": url, "data": {"b": 1, "a": "é"}, **values.pop("inputs", {})}
    return await post(request("webhook.post", effect_id, inputs=inputs, config=section, **values))


async def test_the_receiver_gets_canonical_json_and_a_success_is_the_result() -> None:
    async with receiving(status=202) as receiver:
        result = await post_to(receiver.url)
    assert receiver.bodies == ['{"a":"é","b":1}'.encode()]
    assert receiver.headers[0]["content-type"] == "application/json"
    assert result.output == {"status": 202, "webhook_id": webhook_id("run1:1")}


async def test_the_id_stays_the_same_on_every_attempt_and_the_timestamp_does_not() -> None:
    async with receiving() as receiver:
        await post_to(receiver.url)
        await post_to(receiver.url, attempt=2, now=NOW + 60_000)
    first, second = receiver.headers
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 60
    assert first["webhook-signature"] != second["webhook-signature"]


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=50) | st.integers() | st.booleans(), max_size=5))
def test_the_signature_is_the_one_that_a_second_implementation_expects(data: dict[str, Any]) -> None:
    body = json.dumps(data).encode()
    now = datetime.datetime.now(datetime.UTC)
    headers = signed_headers("msg_1", int(now.timestamp()) * 1000, body, [SECRET])
    assert headers["webhook-signature"] == Webhook(SECRET).sign("msg_1", now, body.decode())
    assert Webhook(SECRET).verify(body, headers) == data


def test_the_signature_is_the_published_one() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330_000, body, [secret])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_during_a_rotation_both_the_old_and_the_new_secret_verify() -> None:
    headers = signed_headers("msg_1", int(time.time() * 1000), b"{}", [OTHER, SECRET])
    assert Webhook(SECRET).verify(b"{}", headers) == Webhook(OTHER).verify(b"{}", headers) == {}
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(b'{"a":1}', headers)


@pytest.mark.parametrize("secret", ["secret", "whsec_", "whsec_!!!!", "whsec_" + base64.b64encode(b"short").decode()])
def test_a_weak_or_malformed_secret_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(PermanentError) as caught:
        signed_headers("msg_1", NOW, b"{}", [secret])
    assert len(secret) < 7 or secret not in str(caught.value)


async def test_a_secret_that_is_not_there_is_named_with_its_cure() -> None:
    with pytest.raises(PermanentError, match="no webhook secret is called 'crm'"):
        await post_to("https://hooks.example.com", inputs={"secret": "crm"})


@pytest.mark.parametrize("status", [300, 301, 307, 400, 401, 404, 408, 422, 429, 500, 502, 503])
async def test_every_answer_but_a_success_and_410_is_tried_again(status: int) -> None:
    async with receiving(status=status) as receiver:
        with pytest.raises(TemporaryError, match=f"answered {status}"):
            await post_to(receiver.url)


async def test_410_is_final() -> None:
    async with receiving(status=410) as receiver:
        with pytest.raises(PermanentError, match="answered 410"):
            await post_to(receiver.url)


async def test_redirects_are_not_followed() -> None:
    async with receiving() as target, receiving(status=302, headers={"Location": target.url}) as receiver:
        with pytest.raises(TemporaryError, match="give the final URL"):
            await post_to(receiver.url)
        assert target.bodies == []


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_respected(status: int) -> None:
    async with receiving(status=status, headers={"Retry-After": "120"}) as receiver:
        with pytest.raises(TemporaryError) as caught:
            await post_to(receiver.url)
    assert caught.value.after == 120


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0), ("17", 17), ("Thu, 28 May 2026 20:27:40 GMT", 60), ("Thu, 28 May 1998 20:27:40 GMT", 0), ("", None),
     ("-1", None), ("soon", None), ("1e9", None)],
)  # fmt: skip
def test_retry_after_is_read_in_both_its_forms(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@given(st.text())
@example("0\x1f")
def test_no_retry_after_makes_it_fail(value: str) -> None:
    assert (retry_after(value, NOW) or 0) >= 0


async def test_a_receiver_that_is_too_slow_is_tried_again() -> None:
    async with receiving(delay_s=0.5) as receiver:
        with pytest.raises(TemporaryError, match=r"did not answer within 0\.1 s"):
            await post_to(receiver.url, config={"timeout_s": 0.1})


async def test_a_receiver_that_is_down_is_tried_again() -> None:
    async with receiving() as receiver:
        pass
    with pytest.raises(TemporaryError, match=r"127\.0\.0\.1"):
        await post_to(receiver.url)


async def test_a_success_is_one_however_long_its_body_is() -> None:
    async with receiving(body=b"x" * 5_000_000) as receiver:
        assert (await post_to(receiver.url)).output["status"] == 200


async def test_what_a_rule_adds_as_headers_arrives() -> None:
    async with receiving() as receiver:
        await post_to(receiver.url, inputs={"headers": {"X-Shop": "eu"}})
    assert receiver.headers[0]["x-shop"] == "eu"


@pytest.mark.parametrize(
    ("name", "value"),
    [("Host", "a"), ("content-length", "3"), ("Transfer-Encoding", "chunked"), ("webhook-id", "x"), ("Cookie", "a=b"),
     ("X Shop", "a"), ("X-Shop\r\nA", "b"), ("", "a"), ("X-Shop", "a\r\nB: c"), ("X-Shop", "é")],
)  # fmt: skip
async def test_a_header_that_would_change_the_message_is_refused(name: str, value: str) -> None:
    async with receiving() as receiver:
        with pytest.raises(PermanentError, match="header"):
            await post_to(receiver.url, inputs={"headers": {name: value}})
        assert receiver.bodies == []


@pytest.mark.parametrize("data", [{"a": "x" * MOST_BYTES}, {"a": float("nan")}])
async def test_data_that_is_too_large_or_not_json_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(PermanentError, match="the data"):
        await post_to("https://hooks.example.com", inputs={"data": data})


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, list[str]]], list[str]]:
    """Answers the system's resolver from a table, and notes what it was asked."""

    def use(table: dict[str, list[str]]) -> list[str]:
        asked: list[str] = []

        async def getaddrinfo(host: str, port: int, **options: Any) -> list[Any]:
            asked.append(host)
            return [(10 if ":" in text else 2, 1, 6, "", (text, port)) for text in table[host]]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
        return asked

    return use


async def test_a_name_is_resolved_once_and_the_checked_address_is_called(names) -> None:
    async with receiving() as receiver:
        asked = names({"hooks.shop.test": ["127.0.0.1"]})
        await post_to(receiver.url.replace("127.0.0.1", "hooks.shop.test"))
    assert asked == ["hooks.shop.test"]
    assert receiver.headers[0]["host"].startswith("hooks.shop.test:")


@pytest.mark.parametrize(
    "answers", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::ffff:169.254.169.254"], ["fe80::1%eth0"]]
)
async def test_a_name_is_refused_where_one_of_its_addresses_is_not_public(names, answers: list[str]) -> None:
    names({"evil.test": answers})
    with pytest.raises(PermanentError, match="not a public address"):
        await post_to("https://evil.test/hook", config={"allow": []})


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_no_spelling_of_this_machine_is_reached_unless_it_is_allowed(host: str) -> None:
    async with receiving() as receiver:
        with pytest.raises(PermanentError, match=r"not a public address|is no host"):
            await post_to(receiver.url.replace("127.0.0.1", host), config={"allow": []})
        assert receiver.bodies == []


async def test_a_host_can_be_allowed_by_its_name(names) -> None:
    async with receiving() as receiver:
        names({"crm.internal": ["127.0.0.1"]})
        url = receiver.url.replace("127.0.0.1", "crm.internal")
        assert (await post_to(url, config={"allow": ["CRM.internal"]})).output["status"] == 200


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy, receiving() as receiver:
        monkeypatch.setenv("http_proxy", proxy.url)
        await post_to(receiver.url)
        assert (len(proxy.bodies), len(receiver.bodies)) == (0, 1)
