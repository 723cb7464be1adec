"""How the outcomes of an event stand in its summary: a MessagePack array, in which most rules take less than a byte.

An item of three numbers is one rule: the number of its text, the number of the outcome, the clause. One of a number and
bytes is about many rules whose `if` was not true: the number of the list of rules that the event can start, then bits
by place in that list, the lowest first. The first bytes say which rules were refused, the next ones at which clause:
each holds one binary digit of the clauses' numbers, the lowest first.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from retain.decide.facts import OUTCOMES
from retain.decide.outcomes import Outcomes, Refused
from retain.language.candidates import CONDITION
from retain.language.screening.screen import clauses_of
from retain.model import Json, Outcome
from retain.store.store import Store

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[list[Json]]).decode
_ALONE = 6  # bytes that a rule takes on its own, about


class Packing:
    """Packs outcomes; the few different ones of single rules are packed once.

    Args:
        numbers: short numbers of the plan's revisions.
        lists: by name of the event the number of the list of rules that it can start.
    """

    def __init__(self, numbers: Mapping[str, int], lists: Mapping[str, int]) -> None:
        self._numbers, self._lists = numbers, lists
        self._known: dict[tuple[str, int, int], bytes] = {}

    def pack(self, outcomes: Outcomes) -> bytes:
        """All of one event."""
        parts = [self._single(one) for one in outcomes.single]
        for refused in outcomes.refused:
            width = (len(refused.candidates.all) + 7) // 8
            if refused.failing.bit_count() * _ALONE > width * (1 + len(refused.digits)):
                parts.append(self._many(refused, width))
            else:
                revisions = ((refused.candidates.all[place].rule.revision, clause) for place, clause in
                             clauses_of(refused.failing, refused.digits))  # fmt: skip
                parts += [self._single((revision, CONDITION, clause)) for revision, clause in revisions]
        length = len(parts)
        head = bytes([0x90 | length]) if length < 16 else b"\xdc" + length.to_bytes(2, "big")
        return head + b"".join(parts)

    def _single(self, outcome: tuple[str, int, int]) -> bytes:
        packed = self._known.get(outcome)
        if packed is None:
            revision, number, clause = outcome
            packed = self._known[outcome] = _pack((self._numbers.get(revision, 0), number, clause))
        return packed

    def _many(self, refused: Refused, width: int) -> bytes:
        failing = refused.failing
        bits = (failing, *(digit & failing for digit in refused.digits))
        return _pack((self._lists[refused.candidates.event], *(one.to_bytes(width, "little") for one in bits)))


class Unpacking:
    """Reads packed outcomes of one store; each list of rules is asked for once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lists: dict[int, list[int]] = {}

    def each(self, packed: bytes) -> list[tuple[int, Outcome, int]]:
        """(number of the rule's text, outcome, clause) of every rule that was looked at."""
        found: list[tuple[int, Outcome, int]] = []
        for item in _unpack(packed):
            if isinstance(item[1], bytes):
                members = self._members(item[0])
                failing, *digits = (int.from_bytes(bits, "little") for bits in item[1:])
                found += [(members[place], Outcome.CONDITION, clause) for place, clause in clauses_of(failing, digits)]
            else:
                number, outcome, clause = item
                found.append((number, OUTCOMES[outcome], clause))
        return found

    def _members(self, number: int) -> list[int]:
        members = self._lists.get(number)
        if members is None:
            members = self._lists[number] = self._store.members_of(number)
        return members
