"""Which of many tests fail, as the bits of one integer, found by the value that they all compare.

Of a thousand tests a value decides each; to keep the answer for every value would take too much memory, so answers are
made when they are first asked for, and forgotten when they are many.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from retain.language.codegen.conditions import Table
from retain.language.screening.atoms import Atom
from retain.model import Json

Test: TypeAlias = tuple[int, Atom]  # its bit, and when it holds; no two of one table have the same bit

_VALUES = 1 << 13  # values whose answers are remembered where these are kept anyway
_MEMORY = 1 << 21  # bytes of answers kept for one value
_OF_A_BYTE = tuple(tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256))


def table_of(tests: Sequence[Test]) -> Table:
    """The tests of one value that do not hold, by that value."""
    atom = tests[0][1]
    if atom.form == "is true":
        return {True: 0, False: mask_of(bit for bit, _ in tests)}
    if atom.form in ("starts with", "ends with"):
        return Affixes(tests)
    if atom.is_of_set:
        return OfSet(tests)
    if any(atom.form == "between" for _, atom in tests):
        return Ordered(tests)
    return Single(tests)


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
    """Answers by value, as many as may be kept; the others are made anew each time."""

    def __init__(self, tests: Sequence[Test]) -> None:
        self._size = max(bit for bit, _ in tests) // 8 + 32
        self._most = max(64, _MEMORY // self._size)
        # A missing value passes only where that is asked for: whatever else is unknown of it.
        self._missing = mask_of(
            bit for bit, atom in tests if atom.form != "found by" and (atom.form != "one of" or None not in atom.values)
        )

    def _keep(self, key: Json, answer: int) -> int:
        if len(self) >= self._most:
            self.clear()
        self[key] = answer
        return answer


class Single(_Kept):
    """Tests of a scalar for single values: what differs from the answer for any other value is filed by value."""

    def __init__(self, tests: Sequence[Test]) -> None:
        super().__init__(tests)
        self._others = mask_of(bit for bit, atom in tests if atom.form == "one of")
        self._turned: dict[Json, list[int]] = defaultdict(list)
        for bit, atom in tests:
            for value in atom.values - {None}:
                self._turned[value].append(bit)

    def __missing__(self, value: Json) -> int:
        if value is None:
            return self._keep(None, self._missing)
        turned = self._turned.get(value)
        return self._others if turned is None else self._keep(value, self._others ^ mask_of(turned))


class Ordered(_Kept):
    """Tests of a number, some for bounds. Between two bounds, and on each of them, all answers are the same.

    Zone 2n + 1 is the bound n itself, zone 2n lies between it and the one before. The answer of each is kept, or where
    that would be too much, that of the first of each block. Hardly any number comes twice, but its zone does.
    """

    def __init__(self, tests: Sequence[Test]) -> None:
        super().__init__(tests)
        self._bounds: list[Json] = sorted({bound for _, atom in tests for bound in _bounds(atom)})
        number = {bound: 2 * place + 1 for place, bound in enumerate(self._bounds)}
        self._turned: dict[int, list[int]] = defaultdict(list)
        first = 0
        for bit, atom in tests:
            holds, turns = _zones(atom, number)
            first |= (not holds) << bit
            for zone in turns:
                self._turned[zone].append(bit)
        self._block = 1 + len(self._turned) * self._size // _MEMORY  # where nothing turns the answer is the same object
        self._blocks = list(self._walk(first))
        if self._block == 1:
            self._most = _VALUES

    def _walk(self, answer: int) -> Iterator[int]:
        for zone in range(2 * len(self._bounds) + 1):
            answer = self._turn(answer, zone)
            if zone % self._block == 0:
                yield answer

    def _turn(self, answer: int, zone: int) -> int:
        turned = self._turned.get(zone)
        return answer ^ mask_of(turned) if turned else answer

    def __missing__(self, value: Json) -> int:
        if value is None:
            return self._keep(None, self._missing)
        zone = bisect_left(self._bounds, value) + bisect_right(self._bounds, value)
        block, further = divmod(zone, self._block)
        answer = self._blocks[block]
        for between in range(zone - further + 1, zone + 1):
            answer = self._turn(answer, between)
        return self._keep(value, answer)


class Affixes:
    """Tests of how a text begins, or of how it ends: there are few lengths to try. None holds of a missing text."""

    def __init__(self, tests: Sequence[Test]) -> None:
        self._every = mask_of(bit for bit, _ in tests)
        self._ends = tests[0][1].form == "ends with"
        passing: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for bit, atom in tests:
            for affix in atom.values:
                passing[len(affix)][affix] |= 1 << bit
        self._failing = [
            (length, {affix: self._every ^ bits for affix, bits in filed.items()}) for length, filed in passing.items()
        ]

    def __getitem__(self, value: Json) -> int:
        failing = self._every
        if value is not None:
            for length, filed in self._failing:
                left = filed.get(value[len(value) - length :] if self._ends else value[:length])
                if left is not None:
                    failing &= left
        return failing


class OfSet:
    """Tests of the members of a set."""

    def __init__(self, tests: Sequence[Test]) -> None:
        self._empty = mask_of(bit for bit, atom in tests if atom.form == "one of")
        asked: dict[Json, list[int]] = defaultdict(list)
        for bit, atom in tests:
            for member in atom.values:
                asked[member].append(bit)
        self._asking = by_value(asked)

    def __getitem__(self, value: Json) -> int:
        met = 0
        for member in value:
            met |= self._asking[member]
        return self._empty ^ met


class _Filed(dict[Json, int]):
    """Places as bits, by the value under which they are filed."""

    def __init__(self, places: Mapping[Json, Sequence[int]]) -> None:
        self._places = places
        self._most = max(64, _MEMORY // (max(map(max, places.values()), default=0) // 8 + 32))

    def __missing__(self, value: Json) -> int:
        filed = self._places.get(value)
        if filed is None:
            return 0
        if len(self) >= self._most:
            self.clear()
        found = self[value] = mask_of(filed)
        return found


def by_value(places: Mapping[Json, Sequence[int]]) -> Table:
    """The places filed under a value, as bits."""
    return _Filed(places)


def _bounds(atom: Atom) -> list[Json]:
    return [bound[0] for bound in (atom.low, atom.high) if bound is not None] + list(atom.values - {None})


def _zones(atom: Atom, number: Mapping[Json, int]) -> tuple[bool, list[int]]:
    """Whether an atom holds in the lowest zone, and the zones at which it begins or ceases to, coming from below."""
    if atom.form != "between":
        values = [number[value] for value in atom.values - {None}]
        return atom.form != "one of", [zone + turn for zone in values for turn in (0, 1)]
    begin = 0 if atom.low is None else number[atom.low[0]] + (not atom.low[1])
    end = None if atom.high is None else number[atom.high[0]] + atom.high[1]
    if end is None:
        return begin == 0, [begin] if begin else []
    if begin >= end:
        return False, []
    return begin == 0, [begin, end] if begin else [end]
