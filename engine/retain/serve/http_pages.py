"""The public listener: the pages that plugins registered for customers, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from retain.errors import RetainError
from retain.registry import Page, PageRequest, PageResponse
from retain.serve.http import HeadersMiddleware
from retain.serve.lingering import LingerMiddleware
from retain.serve.ports import PublicPorts

MAX_FORM_BYTES = 16 * 1024
MAX_FORM_FIELDS = 50
FORM_TIMEOUT_S = 10.0
PAGE_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex",
}

_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>{text}</title>'
    "<style>:root{{color-scheme:light dark}}body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;"
    "margin:12vh auto;padding:0 1rem}}</style></head><body><main><p>{text}.</p></main></body></html>"
)
_log = structlog.get_logger(__name__)


def create_public_app(ports: PublicPorts) -> Starlette:
    """The application of the public listener; the daemon serves it with `server_header=False`."""
    return Starlette(
        routes=[Route(page.path, _handler(page, ports), methods=list(page.methods)) for page in ports.pages],
        middleware=[Middleware(LingerMiddleware), Middleware(HeadersMiddleware, headers=PAGE_HEADERS)],
        exception_handlers={HTTPException: _http_error, Exception: _server_error},
    )


def _handler(page: Page, ports: PublicPorts) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        try:
            form = await _read_form(request)
        except ClientDisconnect:
            return _plain(400, "Bad request")
        asked = PageRequest(
            method="GET" if request.method == "HEAD" else request.method,
            path=request.url.path,
            query=dict(request.query_params),
            form=form,
            config=ports.config.get(page.plugin, {}),
        )
        return await _answer(page, asked, ports)

    return handle


async def _answer(page: Page, asked: PageRequest, ports: PublicPorts) -> Response:
    """The page's answer, once what it asks for is stored: a person is never told what did not happen."""
    try:
        async with asyncio.timeout(ports.page_timeout_s):
            answer: PageResponse = await asyncio.to_thread(page.handle, asked)
            if answer.withdraw or answer.events:
                await ports.carry_out(answer)
    except TimeoutError:
        _log.error("page_timeout", plugin=page.plugin, page=page.path)
        return _plain(503, "Please try again in a minute", retry_after=60)
    except RetainError as error:
        _log.error("page_failed", plugin=page.plugin, page=page.path, error=error.render())
        return _plain(503, "Please try again in a minute", retry_after=60)
    except Exception as error:  # noqa: BLE001 - a plugin's page must not take the listener down
        _log.error("page_failed", plugin=page.plugin, page=page.path, error=f"{type(error).__name__}: {error}")
        return _plain(500, "Something went wrong")
    return HTMLResponse(answer.html, answer.status)


async def _read_form(request: Request) -> dict[str, str]:
    """The fields of a form, as one-click senders and browsers post it; of repeated ones the last."""
    if request.method != "POST":
        return {}
    body = bytearray()
    try:
        async with asyncio.timeout(FORM_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_FORM_BYTES:
                    raise HTTPException(413, "Too large")
    except TimeoutError as error:
        raise HTTPException(408, "Too slow") from error
    content_type = request.headers.get("content-type", "")
    if content_type.lower().startswith("multipart/form-data"):
        return _multipart(bytes(body), content_type)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS))
    except ValueError as error:  # too many fields, or no UTF-8
        raise HTTPException(400, "Bad form") from error


def _multipart(body: bytes, content_type: str) -> dict[str, str]:
    head = b"Content-Type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n"
    fields: dict[str, str] = {}
    for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
        name = part.get_param("name", header="content-disposition")
        value = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(value, bytes) and len(fields) < MAX_FORM_FIELDS:
            fields[name] = value.decode("utf-8", "replace")
    return fields


def _plain(status: int, text: str, *, retry_after: int = 0) -> Response:
    headers = {"retry-after": str(retry_after)} if retry_after else None
    return HTMLResponse(_PAGE.format(text=text), status, headers)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _plain(error.status_code, {404: "Not found", 405: "Not allowed"}.get(error.status_code, "Bad request"))


async def _server_error(request: Request, error: Exception) -> Response:
    return _plain(500, "Something went wrong")
