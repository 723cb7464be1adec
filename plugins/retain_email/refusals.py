"""What a server's refusal means: try again, give up, never write to the address again, or stop the channel."""

from __future__ import annotations

import re

from retain.errors import DeliveryError, InDoubtError, PermanentError, TemporaryError
from retain.model import Suppress

GREYLIST_S = 300.0  # greylisting servers accept after a few minutes
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\b")  # RFC 3463, at the start of the answer
_AUTHENTICATION = re.compile(r"5\.7\.(?:2\d|5\d\d)$")  # SPF, DKIM, DMARC: RFC 7372, and Microsoft's 5.7.515
_SENDER_CODES = ("5.1.7", "5.1.8")  # of the 5.1 codes, the two that speak of the sender
_ABOUT_SENDER = re.compile(r"spam|block|blacklist|polic|relay|reputation|banned|\b(?:spf|dkim|dmarc)\b", re.IGNORECASE)


def at_sender(code: int, message: str) -> DeliveryError:
    """MAIL FROM was refused: nobody gets mail from this sender, unless only this message is too large."""
    what = _said("the sender is refused", code, message)
    if not _is_final(code):
        return TemporaryError(what)
    if code == 552 or enhanced(message) == "5.3.4":
        return PermanentError(what)
    return PermanentError(what, pause_channel=what)


def at_recipient(code: int, message: str, address: str) -> DeliveryError:
    """RCPT TO was refused. The customer is suppressed only where the answer speaks of the address, never of us."""
    what, status = _said("the recipient is refused", code, message), enhanced(message)
    if not _is_final(code):
        return TemporaryError(what, after=GREYLIST_S if code in (450, 451) else None)
    if code == 552 or status == "5.2.2":
        return TemporaryError(what)  # a full mailbox: full today
    if status.startswith("5.7.") or status in _SENDER_CODES:
        return PermanentError(what, pause_channel=what)
    unnamed = not status and _ABOUT_SENDER.search(message) is not None
    if status.startswith("5.1.") or status == "5.2.1" or (code == 550 and not unnamed):
        return PermanentError(what, suppress=Suppress(channel="email", address=address.casefold(), reason=what))
    return PermanentError(what)


def at_content(code: int, message: str) -> DeliveryError:
    """DATA was refused, before the message or after it."""
    what, status = _said("the message is refused", code, message), enhanced(message)
    if not _is_final(code):
        return TemporaryError(what)
    if status == "5.2.2":
        return TemporaryError(what)
    return PermanentError(what, pause_channel=what if _AUTHENTICATION.match(status) else "")


def no_answer(why: str) -> InDoubtError:
    """The message went out whole and no answer came: it may have been accepted (RFC 1047)."""
    return InDoubtError(
        f"the server did not answer after the message: {why}", cure="look for the Message-ID in its log"
    )


def enhanced(message: str) -> str:
    """The enhanced status code that an answer begins with, or an empty text."""
    found = _ENHANCED.match(message.lstrip())
    return found[1] if found else ""


def _is_final(code: int) -> bool:
    """5xx; everything else that is not an acceptance is worth another try."""
    return 500 <= code <= 599


def _said(what: str, code: int, message: str) -> str:
    text = " ".join(message.split())
    return f"{what}: {code} {text[:200]}".rstrip()
