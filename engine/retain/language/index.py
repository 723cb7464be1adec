"""Conditions found by what they imply about single fields, so that most of them need no look.

What an index gives is a superset: every condition that can be true is among it. Each condition is filed under the
access that is expected to hold least often; those that imply nothing about single fields are looked at always.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import NamedTuple, TypeAlias

from retain.language.access import Access, FieldTest, accesses
from retain.language.codegen.conditions import compile_values
from retain.language.evaluation.values import type_of
from retain.language.scope import Scope
from retain.language.screening.masks import by_value, mask_of, places_of
from retain.language.syntax.ast import Node
from retain.language.types import SETS
from retain.model import Json

_OPEN = 50  # how many values a field is taken to have at least, where its type does not say

FieldKey: TypeAlias = tuple[str, str, int]


class Filed(NamedTuple):
    """Under what a condition is filed, and how likely it is to be looked at."""

    access: Access
    odds: float


class Index:
    """The conditions of a list, by the values of fields.

    Args:
        conditions: of each the clauses that are joined by `and`; one without clauses is always looked at.
    """

    def __init__(self, conditions: Sequence[Sequence[Node]]) -> None:
        choices = [accesses(nodes) for nodes in conditions]
        sizes = _sizes(chain.from_iterable(choices))
        chosen = [min(choice, key=lambda access: _share(access, sizes), default=()) for choice in choices]
        self.filed = tuple(Filed(access, min(1.0, _share(access, sizes)) if access else 1.0) for access in chosen)

    def places(self, scope: Scope) -> list[int]:
        """The places in the list of all that can be true, in order."""
        rest, others = self._places
        return places_of(rest | others.found(scope))

    def text(self, place: int) -> str:
        """By what a condition is found, as people read it: `event.category == 'x'`; "" where it is always looked at."""
        return " or ".join(str(test) for test in self.filed[place].access)

    @cached_property
    def _places(self) -> tuple[int, _Places]:
        accesses_ = [filed.access for filed in self.filed]
        return mask_of(place for place, access in enumerate(accesses_) if not access), _Places(enumerate(accesses_))


class _Places:
    """Places by the values of fields under which they are filed."""

    def __init__(self, entries: Iterable[tuple[int, Access]]) -> None:
        fields: dict[FieldKey, FieldTest] = {}
        filed: dict[FieldKey, dict[Json, list[int]]] = defaultdict(lambda: defaultdict(list))
        for place, access in entries:
            for test in access:
                fields.setdefault(test.key, test)
                for value in test.values:
                    filed[test.key][value].append(place)
        self._fields = [test.field for test in fields.values()]
        self._tables = [(by_value(dict(filed[key])), type_of(test.field).kind in SETS) for key, test in fields.items()]

    @cached_property
    def _values(self) -> Callable[[Scope], tuple[Json, ...]]:
        return compile_values([(field, False) for field in self._fields])

    def found(self, scope: Scope) -> int:
        """Bits of the places under whose values a customer and an event stand."""
        found = 0
        if self._tables:
            for value, (filed, is_set) in zip(self._values(scope), self._tables, strict=True):
                if is_set:
                    for member in value:
                        found |= filed[member]
                elif value is not None:
                    found |= filed[value]
        return found


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
