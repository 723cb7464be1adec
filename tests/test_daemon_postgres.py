"""A daemon on PostgreSQL: what it does while the database is away, and that it goes on by itself."""

from __future__ import annotations

import http.client
import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from daemon_help import Daemon, Shop, running, wait_until
from postgres_help import Server, database, new_server
from retain.store.store import Store

QUIET = "version: 1\nrules:\n  seen: {when: {event: order_completed}, runs: {mode: parallel}, then: [{wait: 1d}]}\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that may go away, with room for few connections."""
    made = new_server(max_connections="12", superuser_reserved_connections="0")
    yield made
    made.remove()


def shop_on(url: str, folder: Path, more: str = "") -> Shop:
    """A shop that stores there."""
    shop = Shop(folder)
    shop.write(QUIET, f"store: {url}\nlease: 2s\nbreaker: 1000000 per 1h\n{more}")
    return shop


def send(daemon: Daemon, name: str, count: int = 5) -> tuple[int, str]:
    """Send events; the status of the answer and when to come back."""
    calls = [
        {"type": "track", "userId": f"u{number}", "event": "Order Completed", "messageId": f"{name}-{number}"}
        for number in range(count)
    ]
    connection = http.client.HTTPConnection("127.0.0.1", daemon.shop.port, timeout=60)
    try:
        connection.request("POST", "/v1/batch", json.dumps({"batch": calls}))
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.getheader("retry-after", "")
    finally:
        connection.close()


def all_decided(url: str, events: int) -> bool:
    """Whether so many events are stored and each has started its one run."""
    with Store.open(url, read_only=True) as store:
        counts = store.counts()
    return (counts.events, counts.undecided, sum(counts.runs.values())) == (events, 0, events)


def test_a_daemon_decides_on_postgresql_and_leaves_in_order(tmp_path: Path) -> None:
    with database() as url:
        with running(shop_on(url, tmp_path / "shop")) as daemon:
            assert send(daemon, "one") == (200, "")
            assert send(daemon, "one") == (200, "")  # the same again
            wait_until(lambda: all_decided(url, 5))
            assert daemon.stop() == 0
        with Store.open(url, read_only=True) as store:
            assert store.workers() == []


@pytest.mark.long
def test_while_the_server_is_down_senders_are_told_and_afterwards_all_goes_on(tmp_path: Path, server: Server) -> None:
    with running(shop_on(server.url(), tmp_path / "shop")) as daemon:
        assert send(daemon, "before")[0] == 200
        for round_, mode in enumerate(("immediate", "fast")):
            server.stop(mode)
            status, after = send(daemon, f"during-{round_}")
            assert (status, int(after) > 0) == (503, True)
            assert wait_until(lambda: daemon.ask("GET", "/readyz")[0] == 503)
            assert daemon.ask("GET", "/livez")[0] == 200
            server.start()
            wait_until(lambda name=f"during-{round_}": send(daemon, name)[0] == 200)
        wait_until(lambda: all_decided(server.url(), 15), 60)
        wait_until(lambda: daemon.ask("GET", "/readyz")[0] == 200)
        assert daemon.stop() == 0


@pytest.mark.long
def test_without_a_free_connection_senders_are_told_and_afterwards_all_goes_on(tmp_path: Path, server: Server) -> None:
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE crowded")
    url = server.url("crowded")
    with running(shop_on(url, tmp_path / "shop")) as daemon:
        assert send(daemon, "before")[0] == 200
        with ExitStack() as others:
            connections = [others.enter_context(psycopg.connect(server.url(), autocommit=True))]
            ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'crowded'"
            daemon.process.send_signal(signal.SIGSTOP)
            connections[0].execute(ours)
            wait_until(lambda: _fill(server, others))
            daemon.process.send_signal(signal.SIGCONT)
            status, after = send(daemon, "crowded")
            assert (status, int(after) > 0) == (503, True)
        wait_until(lambda: send(daemon, "crowded")[0] == 200)
        wait_until(lambda: all_decided(url, 10), 60)
        assert daemon.stop() == 0


def _fill(server: Server, others: ExitStack) -> bool:
    """Take connections until the server has none left."""
    try:
        others.enter_context(psycopg.connect(server.url()))
    except psycopg.OperationalError as error:
        return "too many clients" in str(error) or "remaining connection slots" in str(error)
    return False
