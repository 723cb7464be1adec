"""Pseudonyms: the same value gives the same stand-in under one key, and nobody without the key can lead it back.

What stands in has the shape of what it stands for: an address is an address, a telephone number one, a day of
birth a day near it. A text that rules may compare with one of theirs is kept, unless it is personal.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from retain.language.types import Schema, Type
from retain.model import Fields, Json, Message, MessageKind

# The reserved traits of the Segment spec that say who somebody is, and what forms ask for beside them.
_NAMED = (
    "address street postal_code avatar birth_date birthday description email first_name full_name ip last_name name"
    " phone title username website"
)
PERSONAL = frozenset(_NAMED.split(" "))
_DATES = frozenset({"birth_date", "birthday"})
_ID = re.compile(r"(?:.*_)?(?:id|key|token|number)")
_KEPT = frozenset({"timezone", "currency", "country", "locale"})
_SHIFT = 15  # days by which a day of birth moves at most


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Replaces what is personal in messages.

    Args:
        key: secret; with another one, everything is called otherwise.
        schema: what is declared; undeclared fields are left out, since no rule can read them.
        read: every word of the rule files; a text field whose name is among them may be compared with a text.
        keep: names that a person has said to keep.
    """

    key: bytes
    schema: Schema
    read: Collection[str] = ()
    keep: Collection[str] = ()

    def message(self, message: Message) -> Message:
        """A message about the same stand-in, with the same shape, at the same time."""
        return message._replace(
            fields=self._fields(message),
            user_id=self.name(message.user_id),
            anonymous_id=self.name(message.anonymous_id),
            previous_id=self.name(message.previous_id),
            email=self.address(message.email),
            message_id=self.name(f"{message.source}:{message.message_id}"),
            source="sample",
        )

    def name(self, value: str) -> str:
        """What stands in for an id or a name; nothing for nothing."""
        return self._digest(value)[:16] if value else ""

    def address(self, value: str) -> str:
        """An address that nobody has; addresses of one domain share one."""
        if not value:
            return ""
        local, _, domain = value.casefold().rpartition("@")
        return f"{self._digest(local)[:12]}@{self._digest(domain)[:8]}.example"

    def _fields(self, message: Message) -> Fields:
        if message.kind is MessageKind.CONSENT:
            return message.fields
        about_customer = message.kind in (MessageKind.IDENTIFY, MessageKind.SET, MessageKind.GROUP)
        declared = self.schema.customer if about_customer else self.schema.events.get(message.name, {})
        return dict(self._entries(message.fields, declared, ""))

    def _entries(self, fields: Fields, declared: Mapping[str, Type], prefix: str) -> list[tuple[str, Json]]:
        found: list[tuple[str, Json]] = []
        for name, value in fields.items():
            path = f"{prefix}{name}"
            if path == "consent":
                found.append((name, value))
            elif isinstance(value, Mapping):
                found.append((name, dict(self._entries(value, declared, f"{path}."))))
            elif path in declared:
                found.append((name, self._value(path, value, declared[path])))
        return found

    def _value(self, path: str, value: Json, type_: Type) -> Json:
        last = path.rpartition(".")[2]
        if value is None or path in self.keep or last in _KEPT or type_.enum:
            return value
        if isinstance(value, list):
            return [self._value(path, item, type_) for item in value if not isinstance(item, Mapping)]
        if last in _DATES:
            return self._day(value)
        is_personal = last in PERSONAL
        if not isinstance(value, str):
            return None if is_personal else value
        if is_personal:
            return self._personal(last, value)
        if _ID.fullmatch(last) or last not in self.read:
            return value if _is_time(value) else self.name(value)
        return value

    def _personal(self, name: str, value: str) -> str:
        if "@" in value:
            return self.address(value)
        if name == "phone":
            digits = iter(str(int(self._digest(value), 16)))
            return re.sub(r"\d", lambda _: next(digits), value[:20])
        return self._digest(value)[:10].translate(_LETTERS).capitalize()

    def _day(self, value: Json) -> Json:
        try:
            day = date.fromisoformat(str(value)[:10])
        except ValueError:
            return None
        shift = int(self._digest(str(value)), 16) % (2 * _SHIFT) - _SHIFT
        return (day + timedelta(days=shift if shift < 0 else shift + 1)).isoformat()  # never the day itself

    def _digest(self, value: str) -> str:
        return hmac.new(self.key, value.encode(), hashlib.sha256).hexdigest()


_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def _is_time(value: str) -> bool:
    return bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}(?:[T ][\d:.]+(?:Z|[+-]\d{2}:?\d{2})?)?", value))
