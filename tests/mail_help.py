"""A real SMTP server in this process, whose every answer a test can script."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from deliver_help import request
from retain.registry import ActionRequest, ActionResult
from retain_email.sending import send

ABORT = "abort"  # hang up instead of answering
SECRETS = ["a-secret-of-the-shop-1"]


@dataclass
class MailServer:
    """What the server answers at each stage, a text or a list of texts by turns, and what it got."""

    mail: str | list[str] = "250 OK"
    rcpt: str | list[str] = "250 OK"
    data: str | list[str] = "250 2.0.0 queued as 4711"
    greet: str = ""
    delay_s: float = 0.0  # before the answer to the message
    port: int = 0
    connections: int = 0
    letters: list[bytes] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    servers: list[SMTP] = field(default_factory=list)

    def _next(self, stage: str) -> str:
        script = getattr(self, stage)
        return script if isinstance(script, str) else (script.pop(0) if len(script) > 1 else script[0])

    async def handle_EHLO(  # noqa: N802 - the names are those of aiosmtpd
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [self.greet] if self.greet else responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self._next("mail")
        if answer == ABORT:
            server.transport.abort()
        envelope.mail_from = address
        return answer

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self._next("rcpt")
        if answer == ABORT:
            server.transport.abort()
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.letters.append(envelope.original_content)
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        answer = self._next("data")
        await asyncio.sleep(self.delay_s)
        if answer == ABORT:
            server.transport.abort()
        return answer

    def hang_up(self) -> None:
        """Close every connection, as a server does that is restarted."""
        for server in self.servers:
            if server.transport is not None:
                server.transport.close()

    def config(self, **values: Any) -> dict[str, Any]:
        """A section `email` of retain.yaml that leads here."""
        return {
            "host": "127.0.0.1", "port": self.port, "from": "Shop <shop@example.com>", "timeout_s": 2.0,
            "data_timeout_s": 2.0, "public_url": "https://shop.example.com", "unsubscribe_secrets": SECRETS,
            "list_id": "news.example.com", **values,
        }  # fmt: skip


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None, **script: Any) -> AsyncIterator[MailServer]:
    """A mail server on a free port of this machine."""
    handler = MailServer(**script)

    def make() -> SMTP:
        handler.connections += 1
        handler.servers.append(SMTP(handler, hostname="mx.test", tls_context=tls, loop=asyncio.get_running_loop()))
        return handler.servers[-1]

    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    handler.port = server.sockets[0].getsockname()[1]
    try:
        yield handler
    finally:
        handler.hang_up()
        server.close()
        await asyncio.sleep(0.01)


@dataclass
class Shop:
    """A project with one template, and its customer."""

    folder: Path

    def template(self, text: str, html: str = "", name: str = "hello") -> None:
        (self.folder / "templates").mkdir(exist_ok=True)
        (self.folder / "templates" / f"{name}.txt").write_text(text)
        if html:
            (self.folder / "templates" / f"{name}.html").write_text(html)

    def request(self, server: MailServer, effect_id: str = "run1:1", **values: Any) -> ActionRequest:
        """A claimed `email.send`; `config` adds to the section of retain.yaml."""
        config = {**server.config(**values.pop("config", {})), "project_dir": str(self.folder)}
        inputs = {"template": "hello", **values.pop("inputs", {})}
        customer = {"email": "ann@example.test", "first_name": "Ann", **values.pop("customer", {})}
        return request("email.send", effect_id, inputs=inputs, customer=customer, config=config, **values)

    async def send(self, server: MailServer, effect_id: str = "run1:1", **values: Any) -> ActionResult:
        return await send(self.request(server, effect_id, **values))


def shop_in(folder: Path) -> Shop:
    shop = Shop(folder)
    shop.template("Subject: Hello {{ customer.first_name }}\n\nDear {{ customer.first_name }}, your cart waits.\n")
    return shop


Script = Callable[..., Any]
