"""A real server on a free loopback port, and a plain client that shows everything of an answer."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette

from retain.clock import FixedClock
from retain.serve.http import create_http_app
from retain.serve.ports import Health, HttpPorts
from retain.store.rows import Accepted
from retain.wire.message import Intake
from wire_help import NOW, TYPES

KEYS = {"key-of-the-shop": "shop", "key-of-the-app": "app"}


@dataclass
class Inbox:
    """Keeps what came in, each message once, as a store does."""

    intakes: list[Intake] = field(default_factory=list)
    known: dict[tuple[str, str], int] = field(default_factory=dict)
    failure: Exception | None = None
    arrived: threading.Event = field(default_factory=threading.Event)

    def clear(self) -> None:
        """Forget everything."""
        self.intakes.clear()
        self.known.clear()
        self.failure = None
        self.arrived.clear()

    async def ingest(self, intake: Intake) -> Sequence[Accepted]:
        """Take the messages of one request."""
        self.arrived.set()
        if self.failure is not None:
            raise self.failure
        self.intakes.append(intake)
        accepted = []
        for sent in intake.messages:
            name = (sent.source, sent.message_id)
            accepted.append(Accepted(len(self.known), 1, duplicate=name in self.known))
            self.known.setdefault(name, len(self.known))
        return accepted

    @property
    def messages(self) -> list[Any]:
        """Every message of every request."""
        return [sent for intake in self.intakes for sent in intake.messages]


@dataclass(frozen=True)
class Answer:
    """One response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body, dict(headers or {}), **more)
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()

    def post(self, path: str, call: Any, key: str = "key-of-the-shop", **headers: str) -> Answer:
        """One POST of JSON with a key as Bearer."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", path, json.dumps(call).encode(), {"Authorization": f"Bearer {key}", **names})

    def raw(self, data: bytes) -> bytes:
        """Whatever comes back for these very bytes, which must ask for the connection to be closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(data)
            received = b""
            while part := connection.recv(65_536):
                received += part
        return received


@contextmanager
def serving(app: Starlette) -> Iterator[Server]:
    """The application behind a real server, in a thread."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_level="critical", server_header=False, date_header=False, lifespan="off", ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield Server(listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(5)
        listening.close()


def ports(ingest: Callable[[Intake], Awaitable[Sequence[Accepted]]], **more: Any) -> HttpPorts:
    """The ports of a daemon that is well."""
    given = {
        "ingest": ingest,
        "types": lambda: TYPES,
        "health": lambda: Health(ready=True),
        "metrics_text": lambda: "retain_up 1\n",
        "keys": KEYS,
        "clock": FixedClock(NOW),
    }
    return HttpPorts(**{**given, **more})


@contextmanager
def ingesting(**more: Any) -> Iterator[tuple[Server, Inbox]]:
    """An ingest listener with its inbox."""
    inbox = Inbox()
    with serving(create_http_app(ports(inbox.ingest, **more))) as server:
        yield server, inbox
