"""What databases say differently: how stored JSON is read as typed values, and arithmetic that never fails."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Select, select

from retain.language.sql.operand import Operand, compared, raw
from retain.language.sql.source import From, Sql


@dataclass(frozen=True, slots=True)
class Members:
    """The members of an array as rows: what to select from, and of which rows the value counts."""

    joined: From
    tables: tuple[From, ...]
    value: Sql
    counts: tuple[Sql, ...]

    def hold(self, item: Sql) -> Sql:
        """Whether a value is among them."""
        found: Select[tuple[object]] = select(raw("1")).select_from(self.joined)
        return found.where(compared(self.value, "=", item), *self.counts).correlate_except(*self.tables).exists()


class Dialect(ABC):
    """One database. A document is a column of JSON; a path is dotted names that a schema declares."""

    name: ClassVar[str]
    reads_whole: ClassVar[bool]  # whether every look into a document reads all of it anew

    @abstractmethod
    def document(self, column: Sql) -> Sql:
        """A column of JSON text, as the other methods want it."""

    @abstractmethod
    def opened(self, name: str) -> Sql:
        """The same where the statement has read it under this name before."""

    @abstractmethod
    def flag(self, doc: Sql, path: str, want: bool) -> Sql:
        """Whether the value is exactly true, or exactly false."""

    @abstractmethod
    def number(self, doc: Sql, path: str, *, integer: bool) -> Operand:
        """A number; with `integer` one without a fraction."""

    @abstractmethod
    def in_range(self, doc: Sql, path: str, low: float, high: float) -> Sql:
        """Whether the value is a number from `low` to `high`, both included; an index of `number` can answer it."""

    @abstractmethod
    def is_integer(self, doc: Sql, path: str) -> Sql:
        """Whether a value that is a number has no fraction."""

    @abstractmethod
    def money(self, doc: Sql, path: str, scale: int) -> Operand:
        """A number as whole parts, half to even."""

    @abstractmethod
    def text(self, doc: Sql, path: str) -> Operand:
        """A text; an index of its `value` can answer comparisons."""

    @abstractmethod
    def day(self, doc: Sql, path: str) -> Operand:
        """The date that a text is or begins with, in days since 1970."""

    @abstractmethod
    def instant(self, doc: Sql, path: str) -> Operand:
        """A text as an instant: known where it is canonical and has an offset, else in doubt."""

    @abstractmethod
    def is_present(self, doc: Sql, path: str) -> Sql:
        """Whether there is any value but null; NULL is no."""

    @abstractmethod
    def has_member(self, doc: Sql, path: str, item: Sql, *, text: bool) -> Sql:
        """Whether an array, also one reached through arrays of objects, holds a text or number; NULL is no."""

    @abstractmethod
    def members(self, doc: Sql, path: str, *, text: bool) -> Members:
        """The members of an array that is reached through objects alone."""

    @abstractmethod
    def real(self, value: Sql) -> Sql:
        """A number as a double."""

    @abstractmethod
    def plus(self, left: Sql, right: Sql, *, real: bool, sign: str = "+") -> Sql:
        """A sum or difference; NULL where a double leaves its range."""

    @abstractmethod
    def times(self, left: Sql, right: Sql, *, real: bool) -> Sql:
        """A product; NULL where a double leaves its range."""

    @abstractmethod
    def over(self, left: Sql, right: Sql) -> Sql:
        """A quotient as a double; NULL for a division by zero and out of range."""

    @abstractmethod
    def rounded(self, value: Sql, places: int) -> Sql:
        """A double rounded to places, a half away from zero."""

    @abstractmethod
    def rounded_parts(self, value: Sql, part: int) -> Sql:
        """An integer rounded to a multiple, a half away from zero."""

    @abstractmethod
    def as_integer(self, value: Sql) -> Sql:
        """A double without fraction as an integer."""

    @abstractmethod
    def extreme(self, values: Sequence[Sql], *, least: bool) -> Sql:
        """The least or greatest of values, NULL where one is missing."""

    @abstractmethod
    def calendar_number(self, day: Sql) -> Sql:
        """A day since 1970 as the number yyyymmdd."""

    @abstractmethod
    def starts(self, value: Sql, part: Sql) -> Sql:
        """Whether a text starts with another, case and all."""

    @abstractmethod
    def ends(self, value: Sql, part: Sql) -> Sql:
        """Whether a text ends with another."""

    @abstractmethod
    def once(self, values: Sequence[Sql], then: Callable[..., Sql]) -> Sql:
        """An expression that names each of some values several times and computes them once."""

    @abstractmethod
    def floor_over(self, value: Sql, divisor: int) -> Sql:
        """A non-negative integer divided by another, cut off."""
