"""One request of the Segment API: who sends it, what it holds, and a report per item once it is stored.

Real senders decide what the answers look like: several take nothing but exactly 200 for success, and read `code`,
`message` or `error` from a refusal.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from functools import partial
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from retain.errors import IngestError, OverloadedError, StoreError
from retain.model import Json
from retain.serve.ports import NO_KEY_SOURCE, HttpPorts, Stored
from retain.wire.calls import MAX_BODY_BYTES, decode_request, too_large_body
from retain.wire.calls import Request as Calls
from retain.wire.message import Intake, Reading, read_calls

IN_LOOP_BYTES = 32 * 1024  # a larger body is read in a thread, so that it holds up nobody else
RETRY_STORE_S = 5
_STATUS = {"too_large": 413, "too_many": 413, "bad_encoding": 415, "slow_body": 408}
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


def refusal(
    status: int, code: str, message: str, *, help: str = "", headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """A refusal in the words of every sender: `code`, `message`, and `error` for those that look for it."""
    body = {"success": False, "code": code, "message": message, "error": message}
    return JSONResponse({**body, "help": help} if help else body, status, dict(headers or {}))


async def ingest(request: Request, ports: HttpPorts, kind: str) -> Response:
    """Answer one POST: exactly 200 with a report for everything that is well formed and comes with a valid key."""
    received_at = ports.clock.now()
    given = header_key(request.headers.get("authorization", ""))
    if given and source_of(given, ports.keys) is None:
        return _bad_key()
    if not ports.keys and _is_foreign(request.headers.get("origin", "")):
        return _bad_key()
    try:
        body = await _read_body(request, ports.body_timeout_s)
    except ClientDisconnect:
        return refusal(400, "disconnected", "the connection ended before the body did")
    except IngestError as error:
        return _refused(error)
    encoding = request.headers.get("content-encoding", "")
    read = partial(_read, body, encoding=encoding, kind=kind, given=given, ports=ports, received_at=received_at)
    result = await asyncio.to_thread(read) if len(body) > IN_LOOP_BYTES or encoding else read()
    return result if isinstance(result, Response) else await _store(result, ports)


def settings(request: Request, ports: HttpPorts) -> Response:
    """What browser and mobile senders ask for before they send: where to send to."""
    key = request.path_params["key"]
    if source_of(key, ports.keys) is None:
        return _bad_key()
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        return refusal(400, "bad_host", "the Host header names no host")
    target = {"apiKey": key, "apiHost": f"{host}/v1", "protocol": request.url.scheme}
    return JSONResponse({"integrations": {"Segment.io": target}, "plan": {}, "metrics": {"sampleRate": 0}})


def header_key(authorization: str) -> str:
    """The write key of an Authorization header: the user of Basic, or the token of Bearer; "" where there is none."""
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, ValueError):
        return ""


def source_of(key: str, keys: Mapping[str, str]) -> str | None:
    """The source that a write key stands for; None for a wrong one, after as long a time as for a right one."""
    if not keys:
        return NO_KEY_SOURCE
    found = None
    for known, source in keys.items():
        if hmac.compare_digest(known.encode(), key.encode(errors="replace")):
            found = source
    return found


def _is_foreign(origin: str) -> bool:
    """Whether a page from elsewhere sends this: without keys, any site that a person visits could reach loopback."""
    try:
        host = urlsplit(origin).hostname
    except ValueError:
        return True
    return bool(origin) and host not in ("localhost", "127.0.0.1", "::1")


async def _read_body(request: Request, timeout_s: float) -> bytes:
    """The body, never more of it than the limit.

    Raises:
        IngestError: `too_large`, or `slow_body`.
    """
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and (len(length) > 18 or int(length) > MAX_BODY_BYTES):
        raise too_large_body()
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise too_large_body()
                chunks.append(chunk)
    except TimeoutError as error:
        raise IngestError("slow_body", "the body took too long", cure="send smaller batches") from error
    return b"".join(chunks)


def _read(
    body: bytes, *, encoding: str, kind: str, given: str, ports: HttpPorts, received_at: int
) -> Intake | JSONResponse:
    """Bytes to typed messages: no I/O in here, so it may run in a thread."""
    try:
        calls: Calls = decode_request(body, content_encoding=encoding, path_kind=kind)
    except IngestError as error:
        return _refused(error)
    source = source_of(given or calls.write_key, ports.keys)
    if source is None:
        return _bad_key()
    return read_calls(calls, Reading(source=source, types=ports.types(), received_at=received_at, strict=ports.strict))


async def _store(intake: Intake, ports: HttpPorts) -> Response:
    try:
        stored = await ports.ingest(intake)
    except OverloadedError as error:
        headers = {"retry-after": str(max(1, round(error.after)))}
        return refusal(429, "overloaded", error.what, help=error.cure, headers=headers)
    except StoreError as error:
        return refusal(
            503, _store_code(error), error.what, help=error.cure, headers={"retry-after": str(RETRY_STORE_S)}
        )
    return JSONResponse(_report(intake, stored))


def _store_code(error: StoreError) -> str:
    """`StoreFullError` as `store_full`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__.removesuffix("Error")).lower()


def _report(intake: Intake, stored: Sequence[Stored]) -> dict[str, Json]:
    duplicates = sum(1 for item in stored if item.duplicate)
    return {
        "success": True,
        "accepted": len(stored) - duplicates,
        "duplicates": duplicates,
        "rejected": [
            {"index": item.index, "code": item.code, "message": item.what, "help": item.cure}
            for item in intake.rejections
        ],
        "notes": [{"index": note.index, "code": note.code, "message": note.what} for note in intake.notes],
    }


def _refused(error: IngestError) -> JSONResponse:
    return refusal(_STATUS.get(error.reason, 400), error.reason, error.what, help=error.cure)


def _bad_key() -> JSONResponse:
    help = "send a key of http.keys in retain.yaml, in Basic, Bearer or as writeKey"
    return refusal(401, "bad_key", "the write key is missing or not known", help=help)
