"""The HTTP listener for senders and operators: the Segment API under /v1, health and metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retain.serve.http_ingest import ingest, refusal, settings
from retain.serve.lingering import LingerMiddleware
from retain.serve.ports import HttpPorts
from retain.wire.calls import PATH_KINDS

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STRICT_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

Handler = Callable[[Request], Awaitable[Response]]


def create_http_app(ports: HttpPorts) -> Starlette:
    """The application of the ingest listener; the daemon serves it with `server_header=False`."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(ports.cors),
        allow_methods=["GET", "POST", "OPTIONS"],
        allow_headers=["*"],
        max_age=86_400,
    )
    calls: list[BaseRoute] = []
    for name, kind in PATH_KINDS.items():
        handler = _ingest_handler(ports, kind)
        calls += [Route(f"/{name}", handler, methods=["POST"]), Route(f"/{name}/", handler, methods=["POST"])]
    calls.append(Route("/projects/{key}/settings", _settings_handler(ports), methods=["GET"]))
    routes: list[BaseRoute] = [
        Mount("/v1", routes=calls, middleware=[cors]),
        Route("/livez", _livez, methods=["GET"]),
        Route("/readyz", _readyz_handler(ports), methods=["GET"]),
        Route("/metrics", _metrics_handler(ports), methods=["GET"]),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(LingerMiddleware), Middleware(HeadersMiddleware, headers=STRICT_HEADERS)],
        exception_handlers={HTTPException: _http_error, Exception: _server_error},
    )
    app.router.redirect_slashes = False
    return app


class HeadersMiddleware:
    """Adds headers to every response that does not set them itself."""

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self.app = app
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    present.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _ingest_handler(ports: HttpPorts, kind: str) -> Handler:
    async def handle(request: Request) -> Response:
        return await ingest(request, ports, kind)

    return handle


def _settings_handler(ports: HttpPorts) -> Handler:
    async def handle(request: Request) -> Response:
        return settings(request, ports)

    return handle


async def _livez(request: Request) -> Response:
    return JSONResponse({"status": "alive"})


def _readyz_handler(ports: HttpPorts) -> Handler:
    async def handle(request: Request) -> Response:
        health = ports.health()
        body = {"ready": health.ready, "reasons": list(health.reasons)}
        return JSONResponse(body, status_code=200 if health.ready else 503)

    return handle


def _metrics_handler(ports: HttpPorts) -> Handler:
    async def handle(request: Request) -> Response:
        return PlainTextResponse(ports.metrics_text(), headers={"content-type": METRICS_TYPE})

    return handle


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code, cure = _REFUSED.get(error.status_code, ("bad_request", ""))
    return refusal(error.status_code, code, error.detail, help=cure, headers=error.headers)


_REFUSED = {
    404: (
        "not_found",
        "POST events to /v1/batch, or to /v1/track, /v1/identify and the other calls of the Segment API",
    ),
    405: ("method_not_allowed", "events come by POST"),
}


async def _server_error(request: Request, error: Exception) -> Response:
    return refusal(500, "internal", "something went wrong on our side; it is in the log")
