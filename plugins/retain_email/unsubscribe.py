"""Unsubscribing with one click (RFC 8058): the token in the link, and the page behind it.

A GET never unsubscribes, since scanners follow links; it shows a button. A POST with a good token always does, whatever
its body, needs no cookie and is never redirected.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from retain.model import NewEvent
from retain.registry import PageRequest, PageResponse
from retain_email.settings import PAGE_PATH

_ASSOCIATED = [b"retain unsubscribe 1"]
_LONGEST_TOKEN = 700
_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:12vh auto;padding:0 1rem}"
    "h1{font-size:1.6rem;line-height:1.2}"
    "button{font:inherit;font-weight:600;min-height:3rem;padding:0 1.5rem;border:0;border-radius:.5rem;"
    "background:#1f5f8f;color:#fff;cursor:pointer}"
    "button:focus-visible{outline:3px solid #6cb0e0;outline-offset:3px}"
)
_CURE = "<p>It may have been cut off. Please use the link of a newer message, or write to us.</p>"


def make_token(customer_key: str, purpose: str, secrets: Sequence[str]) -> str:
    """An opaque text that names the customer and the purpose to us alone; the same every time."""
    sealed = _cipher(secrets[0]).encrypt(f"{purpose}\n{customer_key}".encode(), _ASSOCIATED)
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def read_token(token: str, secrets: Sequence[str]) -> tuple[str, str] | None:
    """The customer key and the purpose; None where none of the secrets made the token."""
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        return None
    try:
        sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    for secret in secrets:
        try:
            plain = _cipher(secret).decrypt(sealed, _ASSOCIATED)
        except (InvalidTag, ValueError):
            continue
        purpose, _, customer_key = plain.decode().partition("\n")
        return customer_key, purpose
    return None


def page(request: PageRequest) -> PageResponse:
    """The unsubscribe page: a button on GET, done on POST, and one same 404 for every token that is not ours."""
    secrets = tuple(request.config.get("unsubscribe_secrets", ()))
    found = read_token(request.path.rpartition(PAGE_PATH)[2], secrets)
    if found is None:
        return PageResponse(status=404, html=_html("This link is not valid", _CURE))
    customer_key, purpose = found
    if request.method != "POST":
        return PageResponse(status=200, html=_html("Unsubscribe", _button(purpose)))
    event = NewEvent(name="unsubscribed", fields={"channel": "email", "purpose": purpose})
    return PageResponse(
        status=200,
        html=_html("You are unsubscribed", f"<p>You will get no more {escape(purpose)} messages from us.</p>"),
        withdraw=((customer_key, purpose),),
        events=((customer_key, event),),
    )


def _cipher(secret: str) -> AESSIV:
    """AES-SIV: a changed token does not open, and without a nonce the token stays short and the same."""
    return AESSIV(hashlib.blake2b(secret.encode(), digest_size=64, person=b"retain-unsub").digest())


def _button(purpose: str) -> str:
    return (
        f"<p>Do you want no more {escape(purpose)} messages from us?</p>"
        '<form method="post"><button name="List-Unsubscribe" value="One-Click">Unsubscribe</button></form>'
    )


def _html(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="robots" content="noindex">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="referrer" content="no-referrer"><title>{title}</title><style>{_STYLE}</style></head>'
        f"<body><main><h1>{title}</h1>{body}</main></body></html>"
    )
