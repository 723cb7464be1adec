"""The unsubscribe link: opaque, unforgeable, and never followed by accident."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retain.registry import PageRequest, PageResponse
from retain_email.unsubscribe import make_token, page, read_token

OLD, NEW = "the-old-secret-of-the-shop", "the-new-secret-of-the-shop"
TOKEN = make_token("user:17", "marketing", [NEW])


def visit(method: str, token: str = TOKEN, **form: str) -> PageResponse:
    config = {"unsubscribe_secrets": [NEW, OLD]}
    return page(PageRequest(method=method, path=f"/u/{token}", query={}, form=form, config=config))


@given(st.text(max_size=80), st.from_regex(r"[a-z_]{1,20}", fullmatch=True))
def test_a_token_names_its_customer_and_purpose_and_only_with_the_secret(key: str, purpose: str) -> None:
    token = make_token(key, purpose, [NEW])
    assert read_token(token, [NEW]) == (key, purpose)
    assert read_token(token, [OLD]) is None
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)


def test_a_token_is_short_opaque_and_the_same_every_time() -> None:
    assert len(TOKEN) < 60
    assert make_token("user:17", "marketing", [NEW]) == TOKEN
    assert TOKEN[:8] != make_token("user:18", "marketing", [NEW])[:8]


def test_links_of_an_old_secret_still_work_after_a_rotation() -> None:
    assert visit("POST", make_token("user:17", "marketing", [OLD])).withdraw == (("user:17", "marketing"),)


@given(st.integers(0, len(TOKEN) - 2), st.sampled_from("ABab01_-"))
def test_a_changed_token_is_refused(place: int, letter: str) -> None:
    forged = TOKEN[:place] + letter + TOKEN[place + 1 :]
    assert forged == TOKEN or read_token(forged, [NEW]) is None


@given(st.text(max_size=100))
def test_no_text_makes_the_page_fail(token: str) -> None:
    assert visit("POST", token).status == 404


def test_get_never_unsubscribes_but_shows_a_button() -> None:
    for method in ("GET", "HEAD"):
        response = visit(method)
        assert (response.status, response.withdraw, response.events) == (200, (), ())
    assert '<form method="post">' in visit("GET").html


def test_post_unsubscribes_with_the_body_of_rfc_8058_and_with_the_button() -> None:
    response = visit("POST", **{"List-Unsubscribe": "One-Click"})
    assert (response.status, response.withdraw) == (200, (("user:17", "marketing"),))
    ((customer, event),) = response.events
    assert (customer, event.name, event.fields["purpose"]) == ("user:17", "unsubscribed", "marketing")
    assert 'name="List-Unsubscribe" value="One-Click"' in visit("GET").html


def test_post_unsubscribes_whatever_its_body_and_as_often_as_it_comes() -> None:
    assert visit("POST") == visit("POST", other="x")
    assert visit("POST").withdraw


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_token_that_is_not_ours_gets_the_same_page(method: str) -> None:
    pages = {
        visit(method, token) for token in ("", "x", TOKEN[:-3], TOKEN + "A", make_token("user:17", "m", ["z" * 20]))
    }
    assert len(pages) == 1
    assert pages.pop().status == 404


def test_the_page_shows_neither_the_customer_nor_markup_of_the_purpose() -> None:
    html = visit("GET", make_token("email:ann@example.test", "<script>", [NEW])).html
    assert "ann@" not in html
    assert "<script>" not in html


@pytest.mark.parametrize("answer", [visit("GET"), visit("POST"), visit("GET", "x")], ids=["asked", "done", "unknown"])
def test_every_page_loads_nothing_and_names_its_language_title_and_heading(answer: PageResponse) -> None:
    assert "://" not in answer.html
    page = ElementTree.fromstring(re.sub(r"<!doctype html>|<meta[^>]*>", "", answer.html))
    assert page.get("lang") == "en"
    (title,), (heading,) = page.iter("title"), page.iter("h1")
    assert title.text == heading.text
