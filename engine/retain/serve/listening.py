"""The sockets and servers of the daemon's HTTP listeners."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from retain.config.settings import listen_text
from retain.errors import ConfigError

_KEEP_ALIVE_S = 65
_MOST_AT_ONCE = 1_000
_BACKLOG = 2_048
_DRAIN_S = 10


def bind(host: str, port: int, where: str) -> socket.socket:
    """A listening socket; bound before anything else begins.

    Raises:
        ConfigError: the address is taken, or is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Said to be TCP, since only then asyncio sends the second part of an answer before the first is acknowledged.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        what = f"cannot listen on {listen_text(host, port)}: {error.strerror or error}"
        raise ConfigError(what, where=where, cure="stop what uses it, or choose another port") from error
    listening.setblocking(False)
    return listening


def address_of(listening: socket.socket) -> str:
    """The address that a socket really has."""
    host, port = listening.getsockname()[:2]
    return listen_text(host, port)


class Listener(uvicorn.Server):
    """One application on one socket; signals are the daemon's own business."""

    def __init__(self, app: Starlette, listening: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            server_header=False,
            access_log=False,
            log_config=None,
            lifespan="off",
            ws="none",
            proxy_headers=False,
            limit_concurrency=_MOST_AT_ONCE,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_DRAIN_S,
        )
        super().__init__(config)
        self._socket = listening
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def open(self) -> None:
        """Begin to serve."""
        self._task = asyncio.create_task(self.serve(sockets=[self._socket]))
        while not self.started:
            if self._task.done():
                await self._task
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        """Take no more requests, finish those that are under way."""
        self.should_exit = True
        if self._task is not None:
            await self._task
