"""Which of many tests fail, as the bits of one integer, found by the value that they all compare.

Of a thousand tests a value decides each; to keep the answer for every value would take too much memory, so answers are
made when they are first asked for, and forgotten when they are many.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from retain.language.screening.atoms import Atom
from retain.model import Json

Fails: TypeAlias = Callable[[Json], int]
Test: TypeAlias = tuple[int, Atom]  # its bit, and when it holds; no two of one table have the same bit

_BLOCK = 32  # zones between two that are kept for good
_MEMORY = 1 << 21  # bytes of answers kept for one value
_OF_A_BYTE = tuple(tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256))


def table_of(tests: Sequence[Test]) -> Fails:
    """The tests of one value, by that value."""
    if tests[0][1].form == "is true":
        every = mask_of(bit for bit, _ in tests)
        return lambda value: 0 if value else every
    if tests[0][1].is_of_set:
        return OfSet(tests).fails
    if any(atom.form == "between" for _, atom in tests):
        return Ordered(tests).fails
    return Single(tests).fails


def places_of(mask: int) -> list[int]:
    """The places of the bits that are set, in order."""
    if mask.bit_count() << 5 < mask.bit_length():
        found = []
        while mask:
            lowest = mask & -mask
            found.append(lowest.bit_length() - 1)
            mask ^= lowest
        return found
    whole = mask.to_bytes(mask.bit_length() + 7 >> 3, "little")
    return [start << 3 | bit for start, byte in enumerate(whole) if byte for bit in _OF_A_BYTE[byte]]


def mask_of(places: Iterable[int]) -> int:
    """An integer with these bits set."""
    found = 0
    for place in places:
        found |= 1 << place
    return found


class _Kept(dict[Json, int]):
    """Answers that were made before, as many as may be kept."""

    def __init__(self, bits: int) -> None:
        self._most = max(64, _MEMORY // (bits // 8 + 32))

    def keep(self, key: Json, answer: int) -> int:
        """Keep one more; all others are forgotten where it is one too many."""
        if len(self) >= self._most:
            self.clear()
        self[key] = answer
        return answer


class Single:
    """Tests of a scalar for single values: what differs from the answer for any other value is filed by value."""

    def __init__(self, tests: Sequence[Test]) -> None:
        self._others = mask_of(bit for bit, atom in tests if atom.form == "one of")
        self._turned: dict[Json, list[int]] = defaultdict(list)
        for bit, atom in tests:
            for value in atom.values - {None}:
                self._turned[value].append(bit)
        self._kept = _Kept(max(bit for bit, _ in tests))
        self._missing = _missing(tests)

    def fails(self, value: Json) -> int:
        """The tests that do not hold of a value."""
        found = self._kept.get(value)
        if found is not None:
            return found
        if value is None:
            return self._missing
        turned = self._turned.get(value)
        return self._others if turned is None else self._kept.keep(value, self._others ^ mask_of(turned))


class Ordered:
    """Tests of a number, some for bounds. Between two bounds, and on each of them, all answers are the same.

    Zone 2n + 1 is the bound n itself, zone 2n lies between it and the one before.
    """

    def __init__(self, tests: Sequence[Test]) -> None:
        self._bounds: list[Json] = sorted({bound for _, atom in tests for bound in _bounds(atom)})
        number = {bound: 2 * place + 1 for place, bound in enumerate(self._bounds)}
        self._turned: dict[int, list[int]] = defaultdict(list)
        first = 0
        for bit, atom in tests:
            holds, turns = _zones(atom, number)
            first |= (not holds) << bit
            for zone in turns:
                self._turned[zone].append(bit)
        self._count = 2 * len(self._bounds) + 1
        self._blocks = list(self._walk(first))
        self._kept = _Kept(max(bit for bit, _ in tests))
        self._missing = _missing(tests)

    def _walk(self, answer: int) -> Iterator[int]:
        for zone in range(self._count):
            answer = self._turn(answer, zone)
            if zone % _BLOCK == 0:
                yield answer

    def _turn(self, answer: int, zone: int) -> int:
        turned = self._turned.get(zone)
        return answer ^ mask_of(turned) if turned else answer

    def fails(self, value: Json) -> int:
        """The tests that do not hold of a value."""
        if value is None:
            return self._missing
        place = bisect_left(self._bounds, value)
        zone = 2 * place + (place < len(self._bounds) and self._bounds[place] == value)
        found = self._kept.get(zone)
        return self._kept.keep(zone, self._at(zone)) if found is None else found

    def _at(self, zone: int) -> int:
        block = zone // _BLOCK
        answer = self._blocks[block]
        for between in range(block * _BLOCK + 1, zone + 1):
            answer = self._turn(answer, between)
        return answer


class OfSet:
    """Tests of the members of a set."""

    def __init__(self, tests: Sequence[Test]) -> None:
        self._empty = mask_of(bit for bit, atom in tests if atom.form == "one of")
        self._asked: dict[Json, list[int]] = defaultdict(list)
        for bit, atom in tests:
            for member in atom.values:
                self._asked[member].append(bit)
        self._kept = _Kept(max(bit for bit, _ in tests))

    def fails(self, value: Json) -> int:
        """The tests that do not hold of a set."""
        met = 0
        for member in value:
            found = self._kept.get(member)
            if found is None:
                asked = self._asked.get(member)
                if asked is None:
                    continue
                found = self._kept.keep(member, mask_of(asked))
            met |= found
        return self._empty ^ met


def by_value(places: Mapping[Json, Sequence[int]], bits: int) -> Fails:
    """The places filed under a value, as bits."""
    kept = _Kept(bits)

    def find(value: Json) -> int:
        found = kept.get(value)
        if found is None:
            filed = places.get(value)
            return 0 if filed is None else kept.keep(value, mask_of(filed))
        return found

    return find


def _missing(tests: Iterable[Test]) -> int:
    """A missing value passes only where that is asked for: whatever else is unknown of it."""
    return mask_of(bit for bit, atom in tests if atom.form != "one of" or None not in atom.values)


def _bounds(atom: Atom) -> list[Json]:
    return [bound[0] for bound in (atom.low, atom.high) if bound is not None] + list(atom.values - {None})


def _zones(atom: Atom, number: Mapping[Json, int]) -> tuple[bool, list[int]]:
    """Whether an atom holds in the lowest zone, and the zones at which it begins or ceases to, coming from below."""
    if atom.form != "between":
        values = [number[value] for value in atom.values - {None}]
        return atom.form == "none of", [zone + turn for zone in values for turn in (0, 1)]
    begin = 0 if atom.low is None else number[atom.low[0]] + (not atom.low[1])
    end = None if atom.high is None else number[atom.high[0]] + atom.high[1]
    if end is None:
        return begin == 0, [begin] if begin else []
    if begin >= end:
        return False, []
    return begin == 0, [begin, end] if begin else [end]
