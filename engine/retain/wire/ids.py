"""Who a call names: ids as senders write them, and the address that stands in for one."""

from __future__ import annotations

import re

from retain.errors import IngestError
from retain.model import Fields

MAX_ID = 255
ID_KEYS = tuple(f"{name}{id}" for name in ("user", "anonymous", "previous", "group", "message") for id in ("Id", "_id"))

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_EMAIL = re.compile(r"[^@\s<>,;\"()\[\]\x00-\x1f\ufffd]{1,64}@[^@\s<>,;\"()\[\]\x00-\x1f\ufffd]{1,253}")
_NOBODY = frozenset({"null", "undefined", "nil", "none", "nan", "[object object]"})  # what a broken sender writes


def read_id(raw: Fields, camel: str, snake: str, limit: int = MAX_ID) -> str:
    """An id as text without blanks around it; "" where there is none."""
    value = raw.get(camel)
    if value is None:
        value = raw.get(snake)
        if value is None:
            return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise IngestError("bad_id", f"{camel} is neither text nor a whole number", cure="send it as text")
    if isinstance(value, int) and value.bit_length() > 128:
        raise IngestError("bad_id", f"{camel} is too long a number", cure="send it as text")
    text = str(value).strip()
    if len(text) > limit:
        raise IngestError("bad_id", f"{camel} has {len(text)} characters; the limit is {limit}", cure="shorten it")
    if not (text.isascii() and text.isprintable()) and _CONTROL.search(text):
        raise IngestError("bad_id", f"{camel} holds control characters", cure="send the id alone")
    if text.lower() in _NOBODY:
        cure = f"leave {camel} out where it is not known: this value is the same for everybody"
        raise IngestError("bad_id", f"{camel} is {text!r}", cure=cure)
    return text


def read_email(raw: Fields) -> str:
    """The address that stands in for an id; "" where there is none that can."""
    for traits in (raw.get("traits"), context_of(raw).get("traits")):
        email = traits.get("email") if isinstance(traits, dict) else None
        if isinstance(email, str) and len(email) <= 254 and _EMAIL.fullmatch(email.strip()):
            return email.strip().casefold()
    return ""


def context_of(raw: Fields) -> Fields:
    """The call's context, empty where it is none."""
    context = raw.get("context")
    return context if isinstance(context, dict) else {}
