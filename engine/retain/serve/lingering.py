"""An answer given before the whole request was read reaches its sender all the same.

A connection that is closed while the sender still writes is reset, and the reset takes the answer with it; many senders
write everything before they read. So the answer goes out at once, and what still comes is read and thrown away, within
limits, before the connection ends (RFC 9112, 9.6).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER_S = 5.0
LINGER_BYTES = 64 * 1024 * 1024
_READ_FOR_KEEPING = 1024 * 1024  # of a longer body the rest is read as well, but the connection is not used again


class LingerMiddleware:
    """Holds the end of an early answer back until the request's body has come."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or not _has_body(headers := Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(receive, send, headers)
        await self.app(scope, exchange.receive, exchange.send)


class _Exchange:
    """One request with a body, and its answer."""

    def __init__(self, receive: Receive, send: Send, headers: Headers) -> None:
        self._receive, self._send = receive, send
        self._length = headers.get("content-length", "")
        self._waits = headers.get("expect", "").lower() == "100-continue"  # sends nothing before it is told to
        self._is_read = False

    async def receive(self) -> Message:
        """What the application asks for."""
        message = await self._receive()
        self._waits = False
        self._is_read = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """What the application answers; its end comes after the request's."""
        if self._is_read:
            await self._send(message)
        elif message["type"] == "http.response.start":
            if self._waits or not self._is_short():
                MutableHeaders(scope=message)["connection"] = "close"
            await self._send(message)
        elif message.get("more_body", False) or self._waits:
            await self._send(message)
        else:
            await self._send({**message, "more_body": True})
            await self._drain()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def _is_short(self) -> bool:
        length = self._length
        return length.isascii() and length.isdigit() and len(length) < 18 and int(length) <= _READ_FOR_KEEPING

    async def _drain(self) -> None:
        size = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while not self._is_read and size <= LINGER_BYTES:
                    size += len((await self.receive()).get("body", b""))


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
