"""One message as the bytes that go over the wire.

Header lines are written here and not by the `email` package, whose default policy folds long tokens into encoded words:
no mailbox provider finds a List-Unsubscribe in those. Its encoders are used for bodies and for words beyond ASCII.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import Header, decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from retain.errors import PermanentError
from retain.instants import to_datetime
from retain.model import Instant, digest
from retain_email.addresses import Mailbox, check_address, check_text

_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_LONGEST_LINE = 998  # RFC 5322, 2.1.1
_LONGEST_PLAIN = 200  # a longer text is folded as encoded words
_SPECIALS = re.compile(r'[()<>@,:;".\[\]\\]')


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message, rendered and addressed."""

    effect_id: str
    at: Instant
    sender: Mailbox
    to: str
    subject: str
    text: str
    html: str = ""
    reply_to: str = ""
    list_id: str = ""
    unsubscribe_url: str = ""  # "" where the message needs no consent

    @property
    def message_id(self) -> str:
        """The same on every attempt, so that a message sent twice can be known again."""
        domain = self.sender.address.rpartition("@")[2]
        return f"<{digest('message', self.effect_id, size=32)}@{domain}>"


def to_bytes(letter: Letter) -> bytes:
    """The message with CRLF line ends and nothing beyond ASCII.

    Raises:
        PermanentError: a value cannot stand in a header.
    """
    headers = [
        ("Date", format_datetime(to_datetime(letter.at))),
        ("Message-ID", letter.message_id),
        ("From", _mailbox(letter.sender)),
        ("To", check_address(letter.to, "the recipient")),
        ("Subject", _text(letter.subject, "the subject")),
        ("Auto-Submitted", "auto-generated"),
    ]
    if letter.reply_to:
        headers.append(("Reply-To", check_address(letter.reply_to, "reply_to")))
    if letter.unsubscribe_url:
        headers.append(("List-Unsubscribe", f"<{letter.unsubscribe_url}>"))
        headers.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
        if letter.list_id:
            headers.append(("List-Id", f"<{letter.list_id}>"))
    return b"".join(header_line(name, value) for name, value in headers) + _body(letter)


def header_line(name: str, value: str) -> bytes:
    """One header, encoded already, as a line of the message.

    Raises:
        PermanentError: the name or the value, also once decoded, could begin another header, or a line is too long.
    """
    if not _HEADER_NAME.fullmatch(name):
        raise PermanentError("a header's name is made of letters, digits and -")
    unfolded = value.replace("\r\n ", " ")
    check_text(unfolded, f"header {name}")
    check_text(_decoded(unfolded), f"header {name}")
    if not value.isascii():
        raise PermanentError(f"header {name} holds letters beyond ASCII", cure="write the address in its ASCII form")
    line = f"{name}: {value}\r\n"
    if any(len(part) > _LONGEST_LINE for part in line.split("\r\n")):
        raise PermanentError(f"header {name} is longer than {_LONGEST_LINE} characters")
    return line.encode("ascii")


def _text(value: str, what: str) -> str:
    """A text as the value of a header; what looks encoded already is encoded, so that it is read as it was written."""
    check_text(value, what)
    check_text(_decoded(value), what)
    if value.isascii() and "=?" not in value and len(value) <= _LONGEST_PLAIN:
        return value
    return Header(value, "utf-8", maxlinelen=75, header_name="Subject").encode(linesep="\r\n")


def _mailbox(mailbox: Mailbox) -> str:
    address = check_address(mailbox.address, "the sender")
    name = _text(mailbox.name, "the sender's name")
    if not name:
        return address
    if name == mailbox.name and _SPECIALS.search(name):
        name = '"' + re.sub(r'([\\"])', r"\\\1", name) + '"'
    return f"{name} <{address}>"


def _decoded(value: str) -> str:
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError) as error:
        raise PermanentError("a header holds an encoded word that cannot be decoded") from error


def _body(letter: Letter) -> bytes:
    """Quoted-printable in every part: no line is too long, and no dot or bare line end can end the message early."""
    body = EmailMessage(policy=SMTP)
    body.set_content(_lines(letter.text), cte="quoted-printable")
    if letter.html:
        body.add_alternative(_lines(letter.html), subtype="html", cte="quoted-printable")
        # `=_` stands in no quoted-printable text, so this never occurs in a part; the same bytes on every attempt
        body.set_boundary(f"=_{digest('boundary', letter.effect_id, size=24)}")
    return bytes(body)


def _lines(text: str) -> str:
    """The text with line feeds only, and one at the end."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"
