"""Conditions found by what they imply about single fields, so that most of them need no look.

What an index gives is a superset: every condition that can be true is among it. Each condition is filed under the
access that is expected to hold least often; those that imply nothing about single fields are looked at always.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import TypeAlias

from retain.language.access import Access, FieldTest, accesses
from retain.language.codegen.conditions import compile_screen, compile_values
from retain.language.evaluation.values import type_of
from retain.language.scope import Scope
from retain.language.syntax.ast import Node
from retain.language.types import SETS
from retain.model import Json

_TOGETHER = 64  # conditions in one generated function
_OPEN = 50  # how many values a field is taken to have at least, where its type does not say

FieldKey: TypeAlias = tuple[str, str, int]
Answer: TypeAlias = tuple[str, int, int]


class Index:
    """The conditions of a list, by the values of fields.

    Args:
        conditions: of each the clauses that are joined by `and`; one without clauses is always looked at.
    """

    def __init__(self, conditions: Sequence[Sequence[Node]]) -> None:
        choices = [accesses(nodes) for nodes in conditions]
        sizes = _sizes(chain.from_iterable(choices))
        self.chosen = tuple(min(choice, key=lambda access: _share(access, sizes), default=()) for choice in choices)
        self.rest = tuple(place for place, access in enumerate(self.chosen) if not access)
        fields: dict[FieldKey, FieldTest] = {}
        filed: dict[tuple[FieldKey, Json], list[int]] = defaultdict(list)
        for place, access in enumerate(self.chosen):
            for test in access:
                fields.setdefault(test.key, test)
                for value in test.values:
                    filed[test.key, value].append(place)
        self.shelves = tuple(tuple(places) for places in filed.values())  # places with one value of one field in common
        numbers: dict[FieldKey, dict[Json, int]] = defaultdict(dict)
        for number, (key, value) in enumerate(filed):
            numbers[key][value] = number
        self._fields = [test.field for test in fields.values()]
        self._tables = [(numbers[key], type_of(test.field).kind in SETS) for key, test in fields.items()]

    @cached_property
    def _values(self) -> Callable[[Scope], tuple[Json, ...]]:
        return compile_values(self._fields)

    def open(self, scope: Scope) -> list[int]:
        """The shelves on which the values stand; a place can be on more than one."""
        if not self._tables:
            return []
        found: list[int] = []
        for value, (numbers, is_set) in zip(self._values(scope), self._tables, strict=True):
            if is_set:
                found += [numbers[item] for item in value if item in numbers]
            elif (number := numbers.get(value)) is not None:
                found.append(number)
        return found

    def hits(self, scope: Scope) -> list[int]:
        """The places in the list, in order, of those whose access holds; `rest` is always looked at beside them."""
        return sorted({place for number in self.open(scope) for place in self.shelves[number]})

    def text(self, place: int) -> str:
        """By what a condition is found, as people read it: `event.category == 'x'`; "" where it is always looked at."""
        return " or ".join(str(test) for test in self.chosen[place])


class Screen:
    """Asks conditions as an index finds them: all of a shelf, and all that are always looked at, by one function each.

    Args:
        conditions: what is asked of each place, which may be another condition than the index goes by.
        answers: for each place one answer for each clause, given where that is the first that is not true.
    """

    def __init__(self, index: Index, conditions: Sequence[Sequence[Node]], answers: Sequence[Sequence[Answer]]) -> None:
        self._index = index
        self._conditions, self._answers = conditions, answers
        self._shelves: dict[int, Callable[[Scope], list[Answer | None]]] = {}

    def look(self, scope: Scope) -> tuple[Sequence[int], list[Answer | None]]:
        """The places worth a look with their answers; None where every clause is true. The order is always the same."""
        places, found = self._index.rest, self._rest(scope)
        opened = self._index.open(scope)
        if not opened:
            return places, found
        together = list(places)
        for number in sorted(opened):
            together += self._index.shelves[number]
            found += self._shelf(number)(scope)
        if len(opened) == 1:
            return together, found
        once = dict(zip(together, found, strict=True))
        return list(once), list(once.values())

    def prepare(self) -> None:
        """Compile all now instead of each part when it is first needed."""
        for number in range(len(self._index.shelves)):
            self._shelf(number)

    def _shelf(self, number: int) -> Callable[[Scope], list[Answer | None]]:
        ask = self._shelves.get(number)
        if ask is None:
            ask = self._shelves[number] = self._compiled(self._index.shelves[number])
        return ask

    @cached_property
    def _rest(self) -> Callable[[Scope], list[Answer | None]]:
        return self._compiled(self._index.rest)

    def _compiled(self, places: Sequence[int]) -> Callable[[Scope], list[Answer | None]]:
        parts = []
        for start in range(0, len(places), _TOGETHER):
            part = places[start : start + _TOGETHER]
            parts.append(compile_screen([self._conditions[at] for at in part], [self._answers[at] for at in part]))
        if len(parts) == 1:
            return parts[0]
        return lambda scope: [answer for part in parts for answer in part(scope)]


def _sizes(choices: Iterable[Access]) -> Mapping[FieldKey, int]:
    """How many different values each field is taken to have."""
    seen: dict[FieldKey, set[Json]] = defaultdict(set)
    least: dict[FieldKey, int] = {}
    for test in chain.from_iterable(choices):
        seen[test.key] |= test.values
        type_ = type_of(test.field)
        least[test.key] = 2 if type_.kind == "bool" else len(type_.enum) or _OPEN
    return {key: max(least[key], len(values)) for key, values in seen.items()}


def _share(access: Access, sizes: Mapping[FieldKey, int]) -> float:
    return sum(len(test.values) / sizes[test.key] for test in access)
