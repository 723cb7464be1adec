"""Addresses are checked strictly and never repaired: a repaired address is somebody else's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from retain.errors import PermanentError

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")
_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address with the name that people see."""

    name: str
    address: str


def is_address(text: str) -> bool:
    """Whether a text is one plain address: a dot-atom, `@`, and a domain name of two labels or more, in ASCII."""
    return len(text) <= 254 and text.find("@") <= 64 and _ADDRESS.fullmatch(text) is not None


def check_address(text: object, what: str) -> str:
    """The text, where it is an address.

    Raises:
        PermanentError: it is not; the text is not repeated, since reasons are kept longer than addresses.
    """
    if isinstance(text, str) and is_address(text):
        return text
    cure = "correct the address; a domain with other letters is written in its xn-- form"
    raise PermanentError(f"{what} is not a valid address", cure=cure)


def parse_mailbox(text: str) -> Mailbox:
    """`Shop <shop@example.com>` or a plain address.

    Raises:
        PermanentError: it is neither.
    """
    found = _NAMED.fullmatch(text.strip())
    if found is None:
        return Mailbox("", check_address(text.strip(), "the sender"))
    name = found["name"].strip().removeprefix('"').removesuffix('"')
    return Mailbox(check_text(name, "the sender's name"), check_address(found["address"], "the sender"))


def check_text(text: str, what: str) -> str:
    """The text, where it holds no control character, line break included.

    Raises:
        PermanentError: it does, so in a header it could begin another header.
    """
    if _CONTROL.search(text):
        raise PermanentError(f"{what} holds a control character", cure="take it out, or use the filter `trim`")
    return text
