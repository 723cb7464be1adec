"""A value inside a statement: its expression, when it is present, and between what bounds it lies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import BigInteger, Double, Text, and_, case, false, literal, literal_column, null, true
from sqlalchemy.types import TypeEngine

from retain.language.sql.source import Sql
from retain.model import Json


class NotInSqlError(Exception):
    """A part that the database cannot decide by itself: what stands around it asks Python about the rest."""


@dataclass(frozen=True, slots=True)
class Operand:
    """A value, NULL where missing.

    Args:
        value: its expression, or where only bounds are known, the lower one.
        guards: what must hold for it to be present; each may be NULL, which is no.
        high: the upper bound; None where the value itself is known.
        doubt: never NULL; where it holds, nothing is known about the value. Goes with `high`.
        constant: the value itself, where it depends on no row.
        is_constant: whether `constant` is meant.
    """

    value: Sql
    guards: tuple[Sql, ...] = ()
    high: Sql | None = None
    doubt: Sql | None = None
    constant: Json = None
    is_constant: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether the value itself is known."""
        return self.high is None

    @property
    def is_missing(self) -> bool:
        """Whether it is missing for everybody."""
        return self.is_constant and self.constant is None

    @property
    def upper(self) -> Sql:
        """The upper bound, the value itself where that is known."""
        return self.value if self.high is None else self.high

    def whole(self) -> Sql:
        """One expression, NULL where it is missing.

        Raises:
            NotInSqlError: only bounds are known.
        """
        if not self.is_exact:
            raise NotInSqlError
        return case((and_(*self.guards), self.value)) if self.guards else self.value

    def mapped(self, change: Callable[[Sql], Sql]) -> Operand:
        """The value after an operation that keeps the order; missing stays missing."""
        high = None if self.high is None else change(self.high)
        return Operand(change(self.value), self.guards, high, self.doubt)


def constant(value: Json) -> Operand:
    """A value that depends on no row, bound as a parameter."""
    return Operand(bound(value), constant=value, is_constant=True)


def bound(value: Json) -> Sql:
    """A parameter of the type that the language holds the value in."""
    if value is None:
        return null()
    if value is True:
        return true()
    if value is False:
        return false()
    kind: TypeEngine[Json] = BigInteger() if type(value) is int else Double() if type(value) is float else Text()
    return literal(value, kind)


def raw(text: str, type_: type[TypeEngine[Json]] | TypeEngine[Json] | None = None) -> Sql:
    """SQL as it stands: literals of this package and names that a schema declares, never a value from outside."""
    return literal_column(text, type_)


def infix(left: Sql, sign: str, right: Sql, type_: TypeEngine[Json] | None = None) -> Sql:
    """`left sign right` exactly so, without what SQLAlchemy would add for a dialect."""
    return left.op(sign, return_type=type_ or left.type)(right)


def compared(left: Sql, sign: str, right: Sql) -> Sql:
    """`left sign right` as a test."""
    return left.bool_op(sign)(right)
