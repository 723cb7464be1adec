"""An answer that is given before the body was read reaches senders that write everything before they read."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

import pytest

from http_help import Server, ingesting

KEY = {"Authorization": "Bearer key-of-the-shop"}
LARGE = 40_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with ingesting() as (found, _):
        yield found


def head(*more: str) -> bytes:
    """The first lines of a large request."""
    lines = ["POST /v1/batch HTTP/1.1", "Host: a", f"Authorization: {KEY['Authorization']}", *more]
    return "\r\n".join([*lines, f"Content-Length: {LARGE}", "", ""]).encode()


@pytest.mark.parametrize("headers", [{}, {"Connection": "close"}], ids=["kept", "closed"])
def test_a_body_of_40_mb_is_answered_with_413(server: Server, headers: dict[str, str]) -> None:
    answer = server.ask("POST", "/v1/batch", b" " * LARGE, KEY | headers)
    assert (answer.status, answer.json["code"], answer.headers["connection"]) == (413, "too_large", "close")


def test_a_body_of_40_mb_in_chunks_is_answered_with_413(server: Server) -> None:
    chunks = (b" " * 400_000 for _ in range(100))
    answer = server.ask("POST", "/v1/batch", chunks, KEY, encode_chunked=True)  # type: ignore[arg-type]
    assert answer.status == 413


def test_a_socket_that_writes_everything_first_reads_the_answer_and_then_the_end(server: Server) -> None:
    received = server.raw(head() + b" " * LARGE)
    assert received.startswith(b"HTTP/1.1 413 ")
    assert received.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(("path", "key", "status"), [("/v1/batch", "wrong", 401), ("/nowhere", "key-of-the-shop", 404)])
def test_every_early_refusal_is_read_to_its_end(server: Server, path: str, key: str, status: int) -> None:
    headers = {"Authorization": f"Bearer {key}", "Connection": "close"}
    assert server.ask("POST", path, b" " * 3_000_000, headers).status == status


def test_after_an_early_refusal_of_a_short_body_the_connection_is_used_again(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    for _ in range(2):
        connection.request("POST", "/v1/batch", b" " * 300_000, {"Authorization": "Bearer wrong"})
        used = connection.sock
        response = connection.getresponse()
        assert (response.status, response.read() != b"", connection.sock is used) == (401, True, True)
    connection.close()


def test_whoever_asks_first_whether_to_send_is_refused_without_sending(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=3) as connection:
        connection.sendall(head("Expect: 100-continue"))
        received = b""
        while part := connection.recv(65_536):
            received += part
    assert received.startswith(b"HTTP/1.1 413 ")
