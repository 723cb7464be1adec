"""The admin door: a Unix socket in the project's folder through which the command line reaches the running daemon.

One line of JSON asks, `{"command", "args", "by"}`; one line answers, `{"ok": true, "result"}` or `{"ok": false,
"error"}`. Whoever may open the socket (mode 0600) may do everything; `by` says who is written into the audit trail.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import structlog

from retain.errors import AdminError, NotFoundError, RetainError, StoreBusyError
from retain.model import Json

SOCKET_NAME = "retain.sock"
MAX_REQUEST_BYTES = 1024 * 1024
MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_PATH_BYTES = 100  # systems allow 104 to 108

Handler: TypeAlias = Callable[..., Awaitable[Json]]

_log = structlog.get_logger(__name__)


def os_user() -> str:
    """The name of the person at this terminal, for the audit trail."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


class AdminServer:
    """Answers commands while the daemon runs.

    Args:
        path: of the socket; its folder must exist.
        handlers: the coroutine function of each command; called with the request's args and `by` as keywords.
    """

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self.path = path
        self.handlers = handlers
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Open the door; a socket that a killed daemon left behind is replaced.

        Raises:
            StoreBusyError: a daemon answers on it.
            AdminError: the socket cannot be made.
        """
        try:
            with _reachable(self.path) as address:
                listening = _listen(address, self.path)
        except OSError as error:
            raise AdminError(f"cannot make the socket {self.path}: {error.strerror or error}") from error
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=MAX_REQUEST_BYTES)

    async def stop(self) -> None:
        """Close the door and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(await self._answer(line))
                await writer.drain()
        except ValueError:  # a line over the limit; where the next one begins is not known
            writer.write(_failure(AdminError(f"the request is larger than {MAX_REQUEST_BYTES} bytes")))
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> bytes:
        try:
            command, args, by = _request(line)
            handler = self.handlers.get(command)
            if handler is None:
                raise NotFoundError("command", command, self.handlers)
            return _encode({"ok": True, "result": await handler(**args, by=by)})
        except RetainError as error:
            return _failure(error)
        except Exception as error:  # noqa: BLE001 - one command must not end the daemon
            _log.exception("admin_command_failed", request=line[:200].decode(errors="replace"))
            return _failure(AdminError(f"the daemon failed: {type(error).__name__}: {error}", cure="see its log"))


class AdminClient:
    """Asks the daemon of a project; one connection per call."""

    def __init__(self, path: Path, *, timeout_s: float = 30.0) -> None:
        self.path = path
        self.timeout_s = timeout_s

    def is_answered(self) -> bool:
        """Whether a daemon listens there."""
        try:
            self._connect().close()
        except AdminError:
            return False
        return True

    def call(self, command: str, *, by: str = "", **args: Json) -> Json:
        """The result of a command.

        Raises:
            AdminError: no daemon listens, it does not answer in time, or the command fails; the error then has the
                words and the exit code of the daemon's own.
        """
        request = _encode({"command": command, "args": args, "by": by or os_user()})
        with self._connect() as connection:
            try:
                connection.sendall(request)
                with connection.makefile("rb") as stream:
                    line = stream.readline(MAX_ANSWER_BYTES)
            except TimeoutError as error:
                raise AdminError(f"the daemon did not answer {command} within {self.timeout_s:g} s") from error
            except OSError as error:
                raise AdminError(f"the daemon went away during {command}: {error.strerror or error}") from error
        return _result(line, command)

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self.timeout_s)
        try:
            with _reachable(self.path) as address:
                connection.connect(address)
        except OSError as error:
            connection.close()
            raise AdminError(f"no daemon answers on {self.path}", cure="start it with: retain run") from error
        return connection


def _listen(address: str, path: Path) -> socket.socket:
    """A bound socket that only its owner may open, from the first moment on."""
    if path.is_socket():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(5.0)
            try:
                probe.connect(address)
            except (ConnectionRefusedError, FileNotFoundError):
                path.unlink(missing_ok=True)
            else:
                raise StoreBusyError("a daemon of this project is running", where=str(path), cure="stop it first")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listening.bind(address)
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(before)
    return listening


@contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """The socket's address: its path, or where that is too long for the system a shorter way to the same place."""
    text = os.fspath(path.absolute())
    if len(os.fsencode(text)) <= MAX_PATH_BYTES:
        yield text
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        short = f"/proc/self/fd/{folder}"
        if not os.path.isdir(short):
            raise OSError(f"its path is longer than {MAX_PATH_BYTES} bytes; use a folder with a shorter one")
        yield f"{short}/{path.name}"
    finally:
        os.close(folder)


def _request(line: bytes) -> tuple[str, dict[str, Json], str]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise AdminError("the request is not one line of JSON") from error
    if not isinstance(request, dict):
        raise AdminError("the request is not a JSON object")
    command, args, by = request.get("command"), request.get("args", {}), request.get("by", "")
    if not isinstance(command, str) or not isinstance(args, dict) or not isinstance(by, str) or "by" in args:
        raise AdminError("the request needs command, args and by")
    return command, args, by or "unknown"


def _failure(error: RetainError) -> bytes:
    told = {"kind": type(error).__name__, "what": error.what, "where": error.where, "cure": error.cure}
    return _encode({"ok": False, "error": {**told, "exit_code": error.exit_code}})


def _result(line: bytes, command: str) -> Json:
    if not line.endswith(b"\n"):
        raise AdminError(f"the daemon's answer to {command} ends too early", cure="see its log")
    answer = json.loads(line)
    if answer.get("ok"):
        return answer.get("result")
    told = answer.get("error", {})
    error = AdminError(told.get("what", "the daemon refused"), where=told.get("where", ""), cure=told.get("cure", ""))
    error.exit_code = told.get("exit_code", error.exit_code)
    raise error


def _encode(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
