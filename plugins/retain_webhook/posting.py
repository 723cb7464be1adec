"""The action `webhook.post`: one signed POST, and what its answer means."""

from __future__ import annotations

import json
import re
from email.utils import parsedate_to_datetime

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, InvalidURL, TCPConnector
from yarl import URL

from retain.errors import DeliveryError, PermanentError, TemporaryError
from retain.instants import from_datetime
from retain.model import Fields, Instant, Json
from retain.registry import Action, ActionRequest, ActionResult, Example, Retry
from retain_webhook.guard import AllowList, Guard
from retain_webhook.signing import secrets_named, signed_headers, webhook_id

MOST_BYTES = 20 * 1024
_OWN = re.compile(r"host|connection|te|trailer|upgrade|expect|cookie|webhook-.*|content-.*|transfer-.*|proxy-.*")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")
_GONE = 410


async def post(request: ActionRequest) -> ActionResult:
    """Send the data to the URL; the receiver knows a repetition by its webhook-id."""
    inputs, config = request.inputs, request.config
    body = _body(inputs.get("data", {}))
    name = inputs.get("secret", "default")
    message_id = webhook_id(request.effect_id)
    headers = {
        **_headers(inputs.get("headers", {})),
        **signed_headers(message_id, request.now, body, secrets_named(name, config)),
        "content-type": "application/json",
        "user-agent": "retain",
    }
    url = _url(inputs["url"])
    guard = Guard(url, AllowList(config.get("allow", ())))
    status = await _post(url, body, headers, guard, request)
    return ActionResult(output={"status": status, "webhook_id": message_id})


async def _post(url: URL, body: bytes, headers: dict[str, str], guard: Guard, request: ActionRequest) -> int:
    """The status of a success; a connection of its own, so that nothing is shared between receivers."""
    timeout = ClientTimeout(total=request.config.get("timeout_s", 15.0))
    connector = TCPConnector(resolver=guard, use_dns_cache=False, force_close=True)
    try:
        async with (
            ClientSession(
                connector=connector,
                timeout=timeout,
                cookie_jar=DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
            ) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            if 200 <= response.status < 300:
                return response.status
            raise _failure(response, request.now)
    except TimeoutError as error:
        raise TemporaryError(f"{url.host} did not answer within {timeout.total:g} s") from error
    except InvalidURL as error:  # such as 127.1, an address in a spelling that only some programs read
        raise PermanentError(f"{url.host} is no host", cure="write the host's name, or its address in full") from error
    except (ClientError, OSError) as error:
        raise TemporaryError(f"{url.host}: {type(error).__name__}: {' '.join(str(error).split())}") from error


def _failure(response: ClientResponse, now: Instant) -> DeliveryError:
    """What an answer that is no success means; its body is neither read nor kept."""
    what = f"{response.url.host} answered {response.status}"
    if response.status == _GONE:
        return PermanentError(what, cure="the receiver wants no more of these: remove the step")
    cure = "redirects are not followed: give the final URL" if 300 <= response.status < 400 else ""
    return TemporaryError(what, cure=cure, after=retry_after(response.headers.get("Retry-After", ""), now))


def retry_after(value: str, now: Instant) -> float | None:
    """The seconds that a Retry-After header asks for, given in seconds or as a date; None where it is neither."""
    seconds = value.strip()
    if seconds.isdecimal():
        return float(seconds)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (from_datetime(when) - now) / 1000) if when.tzinfo is not None else None


def _url(text: str) -> URL:
    """The URL, parsed once: what is checked is what is called."""
    try:
        return URL(text)
    except ValueError as error:
        raise PermanentError("the webhook's URL cannot be read") from error


def _body(data: Json) -> bytes:
    """The data as JSON in one form: keys sorted, no blanks."""
    try:
        text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise PermanentError(f"the data is not JSON: {error}") from error
    body = text.encode()
    if len(body) >= MOST_BYTES:
        raise PermanentError(f"the data has {len(body)} bytes, and a webhook may have {MOST_BYTES}")
    return body


def _headers(given: Fields) -> dict[str, str]:
    """Headers of the rule's author; those that the message itself needs are refused."""
    headers: dict[str, str] = {}
    for name, value in given.items():
        text = str(value)
        if not _NAME.fullmatch(name) or _OWN.fullmatch(name.lower()):
            raise PermanentError(f"header {name!r} cannot be set")
        if not _VALUE.fullmatch(text):
            raise PermanentError(f"the value of header {name} holds more than printable ASCII")
        headers[name.lower()] = text
    return headers


POST = Action(
    name="webhook.post",
    summary="Send data to a URL, signed as Standard Webhooks has it.",
    inputs={
        "type": "object",
        "required": ["url"],
        "additionalProperties": False,
        "properties": {
            "url": {"type": "string", "description": "Where to; https, and not in a private network."},
            "data": {"type": "object", "description": "The body, sent as JSON; less than 20 KB."},
            "headers": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "Further headers. Keep secrets out of them: inputs are stored as they are.",
            },
            "secret": {"type": "string", "description": "Name of the secret in retain.yaml; default: default."},
        },
    },
    output={
        "type": "object",
        "properties": {
            "status": {"type": "integer", "description": "The status of the answer, 200 to 299."},
            "webhook_id": {"type": "string", "description": "The id that the receiver saw."},
        },
    },
    example=Example(
        inputs={"url": "https://hooks.example.com/orders", "data": {"order_id": "o1"}},
        output={"status": 200, "webhook_id": "msg_5f0c"},
    ),
    run=post,
    idempotent=True,
    in_doubt="resend",
    retry=Retry(first_s=5, factor=4, most_s=10 * 3600, give_up_after_s=76 * 3600),
    timeout_s=40.0,  # the time limit of the settings, 30 s at most, ends first
    concurrency=16,
    customer="none",
)
