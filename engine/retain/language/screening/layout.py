"""Where each clause of many conditions is answered: in a table of the value that it compares, or on its own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from retain.language.codegen.conditions import Table
from retain.language.index import Filed
from retain.language.screening.atoms import Atom, Form, atoms_of, key_of, parts_of
from retain.language.screening.masks import Test, mask_of, table_of
from retain.language.syntax import ast
from retain.language.syntax.ast import Node

_SHARED = 0.5  # of the conditions that are looked at so many must ask for a value, before it is found for all of them
_MOST_CHOICES = 4  # parts of an `or`

Choices: TypeAlias = list[list[Atom]]  # all atoms of at least one of them hold where the clause is true
Dear: TypeAlias = list[tuple[int, int, Table]]  # places, number of the value, which of them fail by it


class Value(NamedTuple):
    """An expression that many conditions compare; of a test it is whether that is true."""

    node: Node
    is_test: bool


@dataclass(slots=True)
class Row:
    """The clauses of one number, over all conditions.

    Args:
        shift: where its bits begin among those that fail.
        powers: the binary digits of its number that are 1.
        either: places whose clause fails only where all its choices do.
        dear: values that are asked for only while one of their places is undecided.
        alone: places that are asked one by one.
    """

    shift: int
    powers: tuple[int, ...]
    either: int = 0
    dear: Dear = field(default_factory=list)
    alone: int = 0


class Layout:
    """Rows and tables of some conditions. What an index does not find fails in a row before the first.

    What it finds by one of several fields has a row of its own, in which the bit says that it is found.

    Args:
        conditions: the clauses of each.
        filed: how they are found.
    """

    def __init__(self, conditions: Sequence[Sequence[Node]], filed: Sequence[Filed]) -> None:
        self._size = len(conditions)
        self.rows = [
            Row((number + 1) * self._size, digits_of(number)) for number in range(max(map(len, conditions), default=0))
        ]
        self._weights: dict[str, float] = defaultdict(float)
        self._cheap: dict[str, list[Test]] = defaultdict(list)
        self._dear: dict[tuple[str, int], list[Test]] = defaultdict(list)
        self.several = mask_of(place for place, (access, _) in enumerate(filed) if len(access) > 1)
        self._over = len(self.rows) + 1 + (self.several != 0)  # the first row of further choices
        self._place_found(filed)
        read = [[_read(node) for node in nodes] for nodes in conditions]
        self._weigh(read, [one.odds for one in filed])
        most = self._place(read)
        # Shifts of all choices but the first.
        self.choices = [(self._over + number) * self._size for number in range(most)]
        self.values = [_value(tests) for tests in self._cheap.values()]
        self.tables = [table_of(tests) for tests in self._cheap.values()]
        self.dear = self._place_dear()
        del self._cheap, self._dear, self._weights

    @property
    def found(self) -> int:
        """Where the bits of those begin that the index finds by one of several fields; they are set where it does."""
        return (len(self.rows) + 1) * self._size

    def _place_found(self, filed: Sequence[Filed]) -> None:
        """File by what values the index finds conditions; these values are asked for in any case."""
        for place, (access, _) in enumerate(filed):
            for test in access:
                form: Form = "one of" if len(access) == 1 else "found by"
                atom = Atom(test.field, key_of(test.field), form, test.values)
                self._cheap[atom.key].append((place if len(access) == 1 else self.found + place, atom))
                self._weights[atom.key] = _SHARED

    def _weigh(self, read: Sequence[Sequence[Choices]], odds: Sequence[float]) -> None:
        """Sum up how likely each value is to be asked for; what only one condition asks for counts nothing."""
        asking: Counter[str] = Counter()
        for clauses, chance in zip(read, odds, strict=True):
            for key in {atom.key for choices in clauses for atom in _flat(choices)}:
                asking[key] += 1
                self._weights[key] += chance
        for key, count in asking.items():
            if count == 1 and key not in self._cheap:
                self._weights[key] = 0.0

    def _place(self, read: Sequence[Sequence[Choices]]) -> int:
        """File the atoms of every clause; how many rows the further choices take."""
        over, most, spare = self._over, 0, dict[int, int]()
        for place, clauses in enumerate(read):
            for number, choices in enumerate(clauses):
                row = self.rows[number]
                if not self._is_shared(choices) or (len(choices) > 1 and place in spare):
                    row.alone |= 1 << place
                    continue
                for choice, atoms in enumerate(choices):
                    for atom in atoms:
                        self._file(atom, number + 1 if choice == 0 else over + choice - 1, place)
                if len(choices) > 1:
                    row.either |= 1 << place
                    spare[place] = len(choices) - 1
                    most = max(most, len(choices) - 1)
        # A choice that a clause does not have fails always.
        self.always = mask_of(
            (over + number) * self._size + place for place, used in spare.items() for number in range(used, most)
        )
        return most

    def _file(self, atom: Atom, row: int, place: int) -> None:
        if _is_dear(atom):
            self._dear[atom.key, row].append((place, atom))
        else:
            self._cheap[atom.key].append((row * self._size + place, atom))

    def _is_shared(self, choices: Choices) -> bool:
        """Whether tables can answer a clause: its values are looked up, and each decides one thing in it."""
        if len(choices) > 1 and (len(choices) > _MOST_CHOICES or any(_is_dear(atom) for atom in _flat(choices))):
            return False
        if any(len({atom.key for atom in atoms}) < len(atoms) for atoms in choices):
            return False
        return all(self._weights[atom.key] >= _SHARED for atom in _flat(choices))

    def _place_dear(self) -> list[Value]:
        """Give each row its dear values, by their numbers in the list of all."""
        numbers: dict[str, int] = {}
        values: list[Value] = []
        for (key, row), tests in self._dear.items():
            if key not in numbers:
                numbers[key] = len(values)
                values.append(_value(tests))
            self.rows[row - 1].dear.append((mask_of(place for place, _ in tests), numbers[key], table_of(tests)))
        return values


def digits_of(number: int) -> tuple[int, ...]:
    """The places of the binary digits that are 1."""
    return tuple(power for power in range(number.bit_length()) if number >> power & 1)


def _read(node: Node) -> Choices:
    """A clause as atoms, or else as choices of atoms, or else as one atom that is whether it is true."""
    atoms = atoms_of(node)
    if atoms is not None:
        return [atoms]
    parts = parts_of(node)
    return [_as_atoms(part, want) for part, want in parts] if parts else [_as_atoms(node, True)]


def _as_atoms(node: Node, want: bool) -> list[Atom]:
    """The atoms of a part, or else one atom that is whether the part is true."""
    atoms = atoms_of(node, want)
    if atoms is not None:
        return atoms
    whole = node if want else ast.Not(start=node.start, end=node.end, type=node.type, part=node)
    return [Atom(whole, f"true: {key_of(whole)}", "is true")]


def _value(tests: Sequence[Test]) -> Value:
    atom = tests[0][1]
    return Value(atom.node, atom.form == "is true")


def _is_dear(atom: Atom) -> bool:
    """Whether it is asked for late; to count events in a window takes no more than two look-ups."""
    return any(
        isinstance(part, ast.MetricRef | ast.InSegment)
        or (isinstance(part, ast.History) and (part.function not in ("count", "exists") or part.where is not None))
        for part in atom.node.walk()
    )


def _flat(choices: Choices) -> Iterator[Atom]:
    return (atom for atoms in choices for atom in atoms)
