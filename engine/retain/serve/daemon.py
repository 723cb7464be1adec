"""The daemon: the engine behind its doors, until a signal ends it.

SIGTERM and SIGINT end it in order: no new work, what is under way is finished or left for the next start. A second one
ends it at once. SIGHUP reads the rules anew.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import structlog

from retain import __version__
from retain.app.commands.table import COMMANDS
from retain.app.live.engine import Engine
from retain.app.live.starting import open_for_run
from retain.app.projects.project import Project
from retain.config.checks import check_listen
from retain.config.reading import listen_address
from retain.config.settings import FILE, Config, HttpConfig
from retain.errors import ConfigError, RetainError, StoreBusyError
from retain.model import Json
from retain.serve.admin import SOCKET_NAME, AdminClient, AdminServer, Handler, os_user
from retain.serve.http import create_http_app
from retain.serve.http_pages import create_public_app
from retain.serve.listening import Listener, address_of, bind
from retain.serve.logs import set_up_logs
from retain.serve.metrics import metrics_of, metrics_text
from retain.serve.ports import Health, HttpPorts, PublicPorts
from retain.serve.watching import Seen, changes_of, look_at

STOP_S = 20.0  # for a stop in order
_FAREWELL_S = 2.0  # for threads of plugins that do not end
log = structlog.get_logger("retain.daemon")


def run_daemon(project_dir: Path, *, listen: str | None = None) -> int:
    """Run a project until it is told to stop; the exit code: 0 after a stop, 2 where it cannot run.

    Args:
        listen: address and port for events, in place of `http.listen`.
    """
    try:
        seen = look_at(project_dir)  # before they are read: what changes until the daemon is ready is taken then
        project, notes = open_for_run(project_dir)
        config = _listening(project.config, listen)
        for refusal in check_listen(config):
            raise refusal
        set_up_logs(config.log)
        for warning in (*config.warnings(), *notes):
            log.warning("degraded", reason=warning)
        code = asyncio.run(_Daemon(project, config, notes, seen).run())
    except RetainError as error:
        sys.stderr.write(f"error: {error.render()}\n")
        code = 2
    _leave_behind_what_hangs(code)
    return code


class _Daemon:
    """One life of the daemon."""

    def __init__(self, project: Project, config: Config, notes: list[str], seen: Seen) -> None:
        self._project = project
        self._config = config
        self._notes = notes
        self._seen = seen
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_ready = False
        self._reload_asked = False

    async def run(self) -> int:
        """Open the doors, wait for a signal, close them again."""
        loop = asyncio.get_running_loop()
        try:
            sockets = self._bind()
        except ConfigError as taken:
            self._blame_another_daemon(taken)
            raise
        try:
            self._engine = Engine(self._project, notes=self._notes)
            for number, handle in ((signal.SIGTERM, self._end), (signal.SIGINT, self._end), (signal.SIGHUP, self._hup)):
                loop.add_signal_handler(number, handle)
            await self._engine.start(os_user())
            admin = AdminServer(self._project.dir / SOCKET_NAME, self._handlers())
            await admin.start()
            listeners = self._listeners(sockets)
            for listener in listeners:
                await listener.open()
        except BaseException:
            for one in sockets:
                one.close()
            raise
        self._say_ready(sockets)
        self._is_ready = True
        if self._reload_asked:
            self._hup()
        if self._config.reload == "watch":
            self._begin(self._watch())
        await self._stop.wait()
        await self._shut_down(listeners, admin)
        return 0

    def _blame_another_daemon(self, taken: ConfigError) -> None:
        """Where the address is taken by a daemon of this very project, that is what to say."""
        socket_path = self._project.dir / SOCKET_NAME
        if AdminClient(socket_path).is_answered():
            what = "a daemon of this project is running already"
            raise StoreBusyError(what, where=str(self._project.dir), cure="ask it: retain status") from taken

    def _bind(self) -> list[socket.socket]:
        http, public = self._config.http, self._config.public
        sockets = [bind(http.host, http.port, f"{FILE}: http.listen")]
        if public.url:
            try:
                sockets.append(bind(public.host, public.port, f"{FILE}: public.listen"))
            except ConfigError:
                sockets[0].close()
                raise
        return sockets

    def _listeners(self, sockets: list[socket.socket]) -> list[Listener]:
        engine, config = self._engine, self._config
        registry = metrics_of(engine)
        http = HttpPorts(
            ingest=engine.ingest,
            types=lambda: engine.types,
            health=lambda: Health(*engine.readiness()),
            metrics_text=partial(metrics_text, registry),
            keys=config.write_keys(),
            cors=config.http.cors,
            strict=config.strict_events,
        )
        apps = [create_http_app(http)]
        if config.public.url:
            pages = PublicPorts(
                pages=self._project.registry.pages, carry_out=engine.carry_out, config=engine.page_configs
            )
            apps.append(create_public_app(pages))
        return [Listener(app, one) for app, one in zip(apps, sockets, strict=True)]

    def _say_ready(self, sockets: list[socket.socket]) -> None:
        addresses = dict(zip(("http", "public"), map(address_of, sockets), strict=False))
        ruleset = self._project.ruleset
        log.info("ready", version=__version__, rules=len(ruleset.rules), **addresses, pid=os.getpid())

    def _handlers(self) -> dict[str, Handler]:
        handlers: dict[str, Handler] = {name: self._handler(name) for name in COMMANDS}
        return {**handlers, "reload": self._reload_command, "status": self._status_command}

    def _handler(self, name: str) -> Handler:
        async def handle(*, by: str, **args: Json) -> Json:
            return await self._engine.command(name, by, args)

        return handle

    async def _reload_command(self, *, by: str) -> Json:
        found = await self._engine.reload(by)
        return {
            "ok": found.ok,
            "rules": found.rules,
            "problems": list(found.problems),
            "moved": found.moved,
            "cannot_move": list(found.cannot_move),
            "restart": list(found.restart),
            "backfills": [one.as_json() for one in found.backfills],
        }

    async def _status_command(self, *, by: str) -> Json:
        return {"pid": os.getpid(), "version": __version__, **self._engine.status()}

    def _hup(self) -> None:
        self._reload_asked = True  # while it is not ready, for later
        if self._is_ready:
            self._begin(self._reload())

    async def _reload(self) -> None:
        await self._engine.reload("SIGHUP")

    async def _watch(self) -> None:
        async for _ in changes_of(self._project.dir, self._seen):
            await self._engine.reload("changed files")

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("task_failed", exc_info=error)

    def _end(self) -> None:
        if self._stop.is_set():
            log.warning("stopped_at_once", left="what was under way is in doubt at the next start")
            os._exit(0)
        log.info("stopping")
        self._stop.set()

    async def _shut_down(self, listeners: list[Listener], admin: AdminServer) -> None:
        deadline = time.monotonic() + STOP_S
        for task in list(self._tasks):
            task.cancel()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(one.close() for one in listeners)), STOP_S / 2)
        await admin.stop()
        left = await self._engine.stop(max(1.0, deadline - time.monotonic()))
        log.info("stopped", left_in_flight=left)


def _listening(config: Config, listen: str | None) -> Config:
    if listen is None:
        return config
    address = listen_address(listen)
    if address is None:
        raise ConfigError(f"{listen!r} is no address", cure="write HOST:PORT, such as 127.0.0.1:8787")
    http: HttpConfig = replace(config.http, host=address[0], port=address[1])
    return replace(config, http=http)


def _leave_behind_what_hangs(code: int) -> None:
    """Threads that plugins have started must not keep a stopped daemon alive for ever."""
    others = [one for one in threading.enumerate() if one is not threading.main_thread() and not one.daemon]
    if others:
        log.warning("threads_left", names=[one.name for one in others])
        timer = threading.Timer(_FAREWELL_S, os._exit, (code,))
        timer.daemon = True
        timer.start()
