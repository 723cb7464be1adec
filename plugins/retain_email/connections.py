"""SMTP connections, kept for the next message, and one message over one of them."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import defaultdict
from dataclasses import dataclass, field

from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)

from retain.errors import DeliveryError, TemporaryError
from retain_email.refusals import at_content, at_recipient, at_sender, no_answer
from retain_email.settings import Settings

_IDLE_S = 20.0  # servers hang up on idle clients, some after 30 s
_GO_AHEAD, _ACCEPTED, _CLOSING = 354, 250, 421
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)


@dataclass(slots=True)
class _Idle:
    client: SMTP
    since: float  # of the loop's clock


@dataclass(slots=True)
class Connections:
    """The idle connections of one event loop."""

    _idle: dict[Settings, list[_Idle]] = field(default_factory=lambda: defaultdict(list))
    _sweeper: asyncio.Task[None] | None = None

    async def send(self, settings: Settings, to: str, wire: bytes) -> str:
        """Hand one message to the server, and return what it said to it.

        Args:
            wire: the message with CRLF line ends.

        Raises:
            TemporaryError, PermanentError, InDoubtError: as the stage and the answer say.
        """
        client = None
        try:
            try:
                async with asyncio.timeout(settings.timeout_s):
                    client = await self._introduce(settings, to)
            except TimeoutError as error:
                raise TemporaryError(f"{settings.host} took longer than {settings.timeout_s:g} s") from error
            answer = await _transmit(client, wire, settings.data_timeout_s)
        except SMTPDataError as error:
            await self._forget_message(settings, client)
            raise at_content(error.code, error.message) from error
        except BaseException:
            if client is not None:
                client.close()
            raise
        self._keep(settings, client)
        return answer

    async def _introduce(self, settings: Settings, to: str) -> SMTP:
        """A connection on which the server waits for the message: a kept one, or else a new one."""
        while (client := self._take(settings)) is not None:
            try:
                await self._envelope(client, settings, to)
            except (SMTPServerDisconnected, _StaleError):
                client.close()  # the server hung up meanwhile; nothing of the message was sent
            else:
                return client
        client = await _connect(settings)
        try:
            await self._envelope(client, settings, to)
        except _StaleError as error:
            client.close()
            raise TemporaryError(str(error)) from error
        except SMTPException as error:
            client.close()
            raise TemporaryError(f"{settings.host} hung up before the message: {error}") from error
        return client

    async def _envelope(self, client: SMTP, settings: Settings, to: str) -> None:
        """MAIL, RCPT and DATA up to the go-ahead."""
        try:
            await client.mail(settings.return_path)
            await client.rcpt(to)
            answer = await client.execute_command(b"DATA")
            if answer.code != _GO_AHEAD:
                raise SMTPDataError(answer.code, answer.message)
        except SMTPResponseException as error:
            if error.code == _CLOSING:
                raise _StaleError(f"{settings.host} closes the connection: {error.code} {error.message}") from error
            refusal = _refusal(error, to)
            await self._forget_message(settings, client)
            raise refusal from error
        except BaseException:
            client.close()
            raise

    async def _forget_message(self, settings: Settings, client: SMTP | None) -> None:
        """Make a connection fit for the next message after a refusal."""
        if client is None:
            return
        try:
            async with asyncio.timeout(5):
                await client.rset()
        except (SMTPException, OSError, TimeoutError):
            client.close()
        else:
            self._keep(settings, client)

    def _take(self, settings: Settings) -> SMTP | None:
        now = asyncio.get_running_loop().time()
        while self._idle[settings]:
            idle = self._idle[settings].pop()
            if idle.client.is_connected and now - idle.since < _IDLE_S:
                return idle.client
            idle.client.close()
        return None

    def _keep(self, settings: Settings, client: SMTP) -> None:
        if not client.is_connected or len(self._idle[settings]) >= settings.pool_size:
            client.close()
            return
        self._idle[settings].append(_Idle(client, asyncio.get_running_loop().time()))
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep())

    async def _sweep(self) -> None:
        """Close what has been idle for long, and everything when the plugin's loop ends and cancels this."""
        try:
            while any(self._idle.values()):
                await asyncio.sleep(_IDLE_S / 4)
                now = asyncio.get_running_loop().time()
                for kept in self._idle.values():
                    for idle in [one for one in kept if now - one.since >= _IDLE_S]:
                        kept.remove(idle)
                        idle.client.close()
        finally:
            for kept in self._idle.values():
                for idle in kept:
                    idle.client.close()
                kept.clear()
            self._sweeper = None


class _StaleError(Exception):
    """The server closes the connection (421)."""


async def _connect(settings: Settings) -> SMTP:
    client = SMTP(
        hostname=settings.host,
        port=settings.port,
        use_tls=settings.tls == "tls",
        start_tls=settings.tls == "starttls",  # never "if offered": whoever stands between could take the offer away
        tls_context=_trust(settings),
        local_hostname=settings.local_hostname,
        username=settings.username or None,
        password=settings.password or None,
        timeout=settings.timeout_s,
    )
    try:
        await client.connect()
        if client.is_ehlo_or_helo_needed:
            await client.ehlo()
    except SMTPAuthenticationError as error:
        client.close()
        what = f"{settings.host} refuses the user name or password: {error.code}"
        raise TemporaryError(what, pause_channel=what if error.code >= 500 else "") from error
    except (SMTPException, OSError) as error:
        client.close()
        raise TemporaryError(f"cannot connect to {settings.host}: {' '.join(str(error).split())}") from error
    except BaseException:
        client.close()
        raise
    return client


def _trust(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls == "none":
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except OSError as error:
        raise TemporaryError(f"ca_file cannot be used: {type(error).__name__}", where="retain.yaml") from error


async def _transmit(client: SMTP, wire: bytes, timeout_s: float) -> str:
    """The message and the final dot, after the go-ahead."""
    protocol = client.protocol
    if protocol is None or not protocol.is_connected:
        raise TemporaryError("the server hung up before the message")
    protocol.write(_LEADING_DOT.sub(b"..", wire) + b".\r\n")
    try:
        answer = await protocol.read_response(timeout=timeout_s)
    except SMTPResponseException as error:  # an answer that is none, such as one without a code
        raise no_answer(str(error)) from error
    except (SMTPException, OSError) as error:
        raise no_answer(str(error)) from error
    if answer.code == _ACCEPTED:
        return f"{answer.code} {answer.message}"
    if answer.code < 400:
        raise no_answer(f"{answer.code} {answer.message}")
    raise SMTPDataError(answer.code, answer.message)


def _refusal(error: SMTPResponseException, to: str) -> DeliveryError:
    if isinstance(error, SMTPSenderRefused):
        return at_sender(error.code, error.message)
    if isinstance(error, SMTPRecipientRefused):
        return at_recipient(error.code, error.message, to)
    return at_content(error.code, error.message)
