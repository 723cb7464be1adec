"""The daemon as people run it: a project in a folder, a process, real HTTP in front and a real mail server behind."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retain.model import Effect, EffectState
from retain.serve.admin import SOCKET_NAME, AdminClient
from retain.store.store import Store

HERE = Path(__file__).parent
KEY = "key-of-the-shop"
_FIRST, _BEHIND = 10_000, 32_000  # of ports that programs may take for themselves
_OWN = os.getpid() * 97 % (_BEHIND - _FIRST)  # where this process begins, apart from others that run tests
_ports = iter([*range(_FIRST + _OWN, _BEHIND), *range(_FIRST, _FIRST + _OWN)])
GREET = """
version: 1
policies:
  email: {unknown: allow}
rules:
  greet:
    when: {event: order_completed}
    if: [customer.email is present]
    runs: {per: event.order_id}
    then:
      - email.send: {template: hello}
"""
MAIN = """
import sys
from pathlib import Path
from retain.serve.daemon import run_daemon
sys.exit(run_daemon(Path(sys.argv[1])))
"""


def free_port() -> int:
    """A port of this machine that nobody uses at the moment.

    It is none of those that the system gives to whoever connects: such a one could be taken before it is used here.
    """
    for port in _ports:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def wait_until(true: Callable[[], Any], timeout: float = 30.0) -> Any:
    """What a question gives once it gives anything."""
    deadline = time.monotonic() + timeout
    while not (found := true()):
        assert time.monotonic() < deadline, f"not within {timeout} s"
        time.sleep(0.02)
    return found


@dataclass
class Shop:
    """A project in a folder."""

    folder: Path
    smtp_port: int = 9  # where nobody listens
    plugins: list[Path] = field(default_factory=list)  # folders of plugins that are installed for its daemon
    port: int = field(default_factory=free_port)

    def write(self, rules: str = GREET, more: str = "") -> None:
        """Its files; `more` goes into retain.yaml."""
        (self.folder / "rules").mkdir(parents=True, exist_ok=True)
        (self.folder / "templates").mkdir(exist_ok=True)
        self.rules(rules)
        (self.folder / "templates" / "hello.txt").write_text("Subject: Order {{ event.order_id }}\n\nThank you.\n")
        mail = f"plugins:\n  email: {{host: 127.0.0.1, port: {self.smtp_port}, from: shop@example.com}}\n"
        text = f"version: 1\nhttp: {{listen: '127.0.0.1:{self.port}'}}\n{'' if 'plugins:' in more else mail}{more}"
        (self.folder / "retain.yaml").write_text(text)

    def rules(self, text: str) -> None:
        """Its one rule file."""
        (self.folder / "rules" / "shop.yaml").write_text(text)

    def install(self, name: str, code: str) -> None:
        """A plugin as its author would install it: a module, and an entry point in the group `retain`."""
        home = self.folder.parent / f"plugin-{name}"
        info = home / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (home / f"{name}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[retain]\n{name} = {name}\n")
        self.plugins.append(home)

    def change(self, old: str, new: str) -> None:
        """Edit its rule file."""
        path = self.folder / "rules" / "shop.yaml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def store(self) -> Store:
        """Its store, read-only."""
        return Store.open(self.folder / "retain.db", read_only=True)

    def effects(self, *states: str) -> list[Effect]:
        """Its effects in these states."""
        with self.store() as store:
            return store.list_effects(states=[EffectState(state) for state in states], limit=1_000_000)


@dataclass
class Daemon:
    """One life of the daemon."""

    shop: Shop
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    def lines(self) -> list[str]:
        """What it has written to stderr."""
        return self.log.read_text().splitlines()

    def said(self, what: str) -> bool:
        """Whether a line of its log holds this."""
        return any(what in line for line in self.lines())

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """Status and body of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.shop.port, timeout=30)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), dict(headers or {}))
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        return response.status, json.loads(data) if data.startswith((b"{", b"[")) else data.decode()

    def order(self, number: int | str, customer: str = "ann", **fields: Any) -> int:
        """Send one order of a customer with an address; the status of the answer."""
        call = {
            "type": "track",
            "userId": customer,
            "event": "Order Completed",
            "messageId": f"order-{number}",
            "properties": {"order_id": str(number), **fields},
        }
        who = {"type": "identify", "userId": customer, "traits": {"email": f"{customer}@example.test"}}
        status: int = self.ask("POST", "/v1/batch", {"batch": [{**who, "messageId": f"who-{number}"}, call]})[0]
        return status

    def command(self, command: str, /, **args: Any) -> Any:
        """A command through the admin door."""
        return AdminClient(self.shop.folder / SOCKET_NAME).call(command, by="a test", **args)

    def metric(self, name: str) -> float:
        """One metric without labels."""
        text = self.ask("GET", "/metrics")[1]
        return float(re.search(rf"^{name} (\S+)$", text, re.M)[1])  # type: ignore[index]

    def decided(self) -> bool:
        """Whether every accepted event is decided."""
        return self.metric("retain_decided_total") >= self.metric("retain_accepted_total")

    def stop(self, number: int = signal.SIGTERM, timeout: float = 30.0) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout)


@contextmanager
def running(shop: Shop, *, ready: bool = True) -> Iterator[Daemon]:
    """A daemon over a project; killed at the end where it still runs."""
    log = shop.folder.parent / f"daemon-{time.monotonic_ns()}.log"
    paths = [str(HERE), *map(str, shop.plugins), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as stderr:
        process = subprocess.Popen([sys.executable, "-c", MAIN, str(shop.folder)], stderr=stderr, env=environment)
    daemon = Daemon(shop, process, log)
    try:
        if ready:
            wait_until(lambda: daemon.said(" ready ") or process.poll() is not None, 60)
            assert process.poll() is None, log.read_text()
        yield daemon
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@dataclass
class MailBox:
    """The mail server, and what it has accepted."""

    port: int
    file: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self, delay: float = 0.0) -> None:
        """Serve."""
        command = [sys.executable, str(HERE / "smtp_catcher.py"), str(self.port), str(self.file), str(delay)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    def stop(self) -> None:
        """Go away, as a mail server does that is down."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    def letters(self) -> list[dict[str, Any]]:
        """Every message that was accepted."""
        text = self.file.read_text() if self.file.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def subjects(self) -> list[str]:
        """Their subjects."""
        return [letter["subject"] for letter in self.letters()]


@contextmanager
def mail_box(folder: Path, *, start: bool = True, delay: float = 0.0) -> Iterator[MailBox]:
    """A mail server in a process of its own."""
    box = MailBox(free_port(), folder / "letters.jsonl")
    if start:
        box.start(delay)
    try:
        yield box
    finally:
        box.stop()
