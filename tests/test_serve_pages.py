"""The public listener: the pages of plugins, carried out before they are answered, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from http_help import Server, serving
from retain.errors import StoreFullError
from retain.model import NewEvent
from retain.registry import Page, PageRequest, PageResponse
from retain.serve.http_pages import create_public_app
from retain.serve.ports import PublicPorts

MULTIPART = "multipart/form-data; boundary=b"
ONE_CLICK = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'


class Desk:
    """Pages that note what they are asked, and a store that notes what it is told."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget what was asked."""
        self.asked: list[PageRequest] = []
        self.carried_out: list[PageResponse] = []
        self.failure: Exception | None = None

    def leave(self, request: PageRequest) -> PageResponse:
        """A page that ends a consent on POST only."""
        self.asked.append(request)
        if request.method == "GET":
            return PageResponse(status=200, html="<form method=post><button>Leave</button></form>")
        event = NewEvent(name="unsubscribed")
        answer = (("user:1", "marketing"),)
        return PageResponse(status=200, html="<p>Done", withdraw=answer, events=(("user:1", event),))

    def broken(self, request: PageRequest) -> PageResponse:
        """A page with a bug."""
        raise ZeroDivisionError("a bug with a secret in it")

    def slow(self, request: PageRequest) -> PageResponse:
        """A page that takes too long."""
        time.sleep(0.3)
        return PageResponse(status=200, html="late")

    async def carry_out(self, answer: PageResponse) -> None:
        """Store what a page asks for."""
        if self.failure is not None:
            raise self.failure
        self.carried_out.append(answer)


@contextmanager
def open_desk(**limits: float) -> Iterator[tuple[Server, Desk]]:
    desk = Desk()
    pages = (
        Page(path="/u/{token}", methods=("GET", "POST"), handle=desk.leave, plugin="email"),
        Page(path="/broken", methods=("GET",), handle=desk.broken, plugin="email"),
        Page(path="/slow", methods=("GET",), handle=desk.slow, plugin="email"),
    )
    config = {"email": {"from": "shop@example.com"}}
    ports = PublicPorts(pages=pages, carry_out=desk.carry_out, config=config, **limits)
    with serving(create_public_app(ports)) as server:
        yield server, desk


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[Server, Desk]]:
    with open_desk() as door:
        yield door


@pytest.fixture
def running(opened: tuple[Server, Desk]) -> tuple[Server, Desk]:
    opened[1].clear()
    return opened


def test_a_page_sees_the_request_and_its_plugins_configuration(running: tuple[Server, Desk]) -> None:
    server, desk = running
    assert server.ask("GET", "/u/abc-_1?lang=de").body.startswith(b"<form")
    (asked,) = desk.asked
    assert (asked.method, asked.path, asked.query) == ("GET", "/u/abc-_1", {"lang": "de"})
    assert asked.config == {"from": "shop@example.com"}


def test_looking_at_a_page_changes_nothing(running: tuple[Server, Desk]) -> None:
    server, desk = running
    server.ask("GET", "/u/abc")
    server.ask("HEAD", "/u/abc")
    assert [asked.method for asked in desk.asked] == ["GET", "GET"]
    assert desk.carried_out == []


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
        (b"List-Unsubscribe=One-Click", ""),
        (ONE_CLICK, MULTIPART),
    ],
)
def test_one_click_is_understood_in_both_forms(running: tuple[Server, Desk], body: bytes, content_type: str) -> None:
    server, desk = running
    answer = server.ask("POST", "/u/abc", body, {"Content-Type": content_type})
    assert (answer.status, answer.body) == (200, b"<p>Done")
    assert desk.asked[0].form == {"List-Unsubscribe": "One-Click"}
    assert [answer.withdraw for answer in desk.carried_out] == [(("user:1", "marketing"),)]


def test_nobody_is_told_what_was_not_stored(running: tuple[Server, Desk]) -> None:
    server, desk = running
    desk.failure = StoreFullError("no space left on the device")
    answer = server.ask("POST", "/u/abc", b"a=b")
    assert answer.status == 503
    assert answer.headers["retry-after"] == "60"
    assert b"Done" not in answer.body


def test_a_broken_page_shows_nothing_of_its_error(running: tuple[Server, Desk]) -> None:
    answer = running[0].ask("GET", "/broken")
    assert answer.status == 500
    assert b"secret" not in answer.body


def test_a_slow_page_is_given_up() -> None:
    with open_desk(page_timeout_s=0.1) as (server, _):
        assert server.ask("GET", "/slow").status == 503


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("POST", "/v1/batch", 404), ("GET", "/metrics", 404), ("PUT", "/u/abc", 405)],
)
def test_nothing_but_the_pages_is_served(running: tuple[Server, Desk], method: str, path: str, status: int) -> None:
    answer = running[0].ask(method, path)
    assert answer.status == status
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"a=" + b"x" * 20_000, "", 413),
        (b"&".join(b"a%d=1" % n for n in range(60)), "", 400),
        (b"\xff", "", 400),
        (b"junk", "multipart/form-data", 200),
        (b"junk", "multipart/form-data; boundary=\xfc", 200),
    ],
)
def test_odd_forms_are_never_our_failure(
    running: tuple[Server, Desk], body: bytes, content_type: str, status: int
) -> None:
    assert running[0].ask("POST", "/u/abc", body, {"Content-Type": content_type}).status == status


@pytest.mark.parametrize("path", ["/u/abc", "/broken", "/nowhere"])
def test_every_page_has_strict_headers(running: tuple[Server, Desk], path: str) -> None:
    headers = running[0].ask("GET", path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-robots-tag"] == "noindex"
    assert "server" not in headers
