"""Asks many conditions at once: which of them fail, and at which clause.

All answers are bits of integers: one bit for each condition, one row of bits for each clause. A value that many
conditions compare is found once, and one look-up gives the bits of all clauses that fail by it. What is left, because
a clause compares what hardly any other one does, is asked one condition after the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

from retain.language.codegen.conditions import compile_condition, compile_lookups, compile_values
from retain.language.index import Filed
from retain.language.scope import Scope
from retain.language.screening.layout import Dear, Layout
from retain.language.screening.masks import places_of
from retain.language.syntax.ast import Node
from retain.model import Json


class Look(NamedTuple):
    """What came of a look, in bits of places.

    Args:
        looked_at: what the index found; the others are not true.
        failing: those of them that fail.
        digits: of those that fail the number of the first clause that is not true: binary digit n in the nth integer.
    """

    looked_at: int
    failing: int
    digits: Sequence[int]


def clauses_of(failing: int, digits: Sequence[int]) -> list[tuple[int, int]]:
    """Each place that fails with the number of its first clause that is not true, in order."""
    return [
        (place, sum((digit >> place & 1) << power for power, digit in enumerate(digits)))
        for place in places_of(failing)
    ]


class Screen:
    """Asks conditions as an index finds them.

    Args:
        filed: how the index finds each.
        conditions: what is asked of each place, which may be another condition than the index goes by; one without
            clauses never fails.
    """

    def __init__(self, filed: Sequence[Filed], conditions: Sequence[Sequence[Node]]) -> None:
        self._filed, self._conditions = filed, conditions
        self._every = (1 << len(conditions)) - 1
        self._own: dict[int, dict[int, Callable[[Scope], int]]] = defaultdict(dict)  # by first clause and place

    def look(self, scope: Scope) -> Look:
        """Which of the conditions that the index finds fail, and where."""
        failing = self._failing(scope)
        looked_at = undecided = self._looked_at(failing)
        digits = [0] * self._width
        passed = 0
        known: dict[int, Json] = {}
        for number, (shift, powers, either, dear, alone) in enumerate(self._rows):
            here = failing >> shift & undecided
            if either and here & either:
                here = self._either(either, here, failing)
            if dear:
                here = self._dear(dear, scope, undecided, here, known)
            if here:
                undecided ^= here
                for power in powers:
                    digits[power] |= here
            asked = alone and undecided & alone
            if asked:
                passed |= self._one_by_one(scope, number, asked, digits)
                undecided ^= asked
            if not undecided:
                break
        return Look(looked_at, looked_at & ~(undecided | passed), digits)

    def prepare(self) -> None:
        """Compile all now instead of each part when it is first needed."""
        for number, row in enumerate(self._layout.rows):
            for place in places_of(row.alone):
                self._clauses(place, number)
        _ = self._failing, self._dear_values

    def _looked_at(self, failing: int) -> int:
        """What the index finds."""
        found = self._every ^ failing & self._every
        several = self._layout.several
        return found ^ found & several & ~(failing >> self._layout.found) if several else found

    def _either(self, either: int, here: int, failing: int) -> int:
        """Those that fail, less those of which another choice may hold."""
        others = here & either
        for shift in self._layout.choices:
            others &= failing >> shift
        return here & ~either | others

    def _dear(self, dear: Dear, scope: Scope, undecided: int, here: int, known: dict[int, Json]) -> int:
        """Those that fail, also by values that are asked for only now; each is asked for once."""
        for places, number, fails in dear:
            asked = undecided & ~here & places
            if asked:
                if number not in known:
                    (known[number],) = self._dear_values[number](scope)
                here |= fails[known[number]] & asked
        return here

    def _one_by_one(self, scope: Scope, first: int, asked: int, digits: list[int]) -> int:
        """Ask these by functions of their own, from a clause on before which all are true; those that stay true."""
        passed, failed = 0, dict.fromkeys(range(first, len(self._rows)), 0)
        own = self._own[first]
        for place in places_of(asked):
            number = (own.get(place) or self._clauses(place, first))(scope)
            if number < 0:
                passed |= 1 << place
            else:
                failed[first + number] |= 1 << place
        for number, bits in failed.items():
            if bits:
                for power in self._rows[number][1]:
                    digits[power] |= bits
        return passed

    def _clauses(self, place: int, first: int) -> Callable[[Scope], int]:
        found = self._own[first][place] = compile_condition(self._conditions[place][first:])
        return found

    @cached_property
    def _layout(self) -> Layout:
        return Layout(self._conditions, self._filed)

    @cached_property
    def _rows(self) -> list[tuple[int, tuple[int, ...], int, Dear, int]]:
        return [(row.shift, row.powers, row.either, row.dear, row.alone) for row in self._layout.rows]

    @cached_property
    def _width(self) -> int:
        return max(len(self._layout.rows) - 1, 0).bit_length()

    @cached_property
    def _failing(self) -> Callable[[Scope], int]:
        return compile_lookups(self._layout.values, self._layout.tables, self._layout.always)

    @cached_property
    def _dear_values(self) -> list[Callable[[Scope], tuple[Json, ...]]]:
        return [compile_values([value]) for value in self._layout.dear]
