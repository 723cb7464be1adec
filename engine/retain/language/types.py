"""The types of the condition language, and what a schema declares with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "bool", "int", "number", "money", "text", "instant", "date", "duration", "text_set", "number_set", "opaque"
]

NUMERIC: frozenset[str] = frozenset({"int", "number", "money"})
SETS: frozenset[str] = frozenset({"text_set", "number_set"})
ORDERED: frozenset[str] = frozenset({"int", "number", "money", "instant", "date", "duration"})


@dataclass(frozen=True, slots=True)
class Type:
    """The type of a field or an expression.

    `money` is any number declared with `multipleOf`: held as an exact integer of `scale` parts of one (100 for cents).
    `enum` lists the allowed texts where there are any. `opaque` can only be tested for present or missing, and
    inserted with `{{ }}`. A set is never missing: a missing set is the empty set.
    """

    kind: Kind
    nullable: bool = False
    enum: tuple[str, ...] = ()
    scale: int = 0

    def as_nullable(self, nullable: bool = True) -> Type:
        """The same type, possibly missing."""
        return self if self.nullable == nullable else Type(self.kind, nullable, self.enum, self.scale)


@dataclass(frozen=True, slots=True)
class Schema:
    """The declared fields of customers and of each event; nested objects are flattened with dots.

    `address.city` is a field of its own; an array of objects `products` gives `products.category`, the set of that
    field over the items.
    """

    customer: Mapping[str, Type] = field(default_factory=dict)
    events: Mapping[str, Mapping[str, Type]] = field(default_factory=dict)


# Kinds of types as messages name them.
KIND_WORDS = {
    "bool": "true or false",
    "int": "a whole number",
    "number": "a number",
    "money": "an amount",
    "text": "a text",
    "instant": "an instant",
    "date": "a date",
    "duration": "a duration",
    "text_set": "a set of texts",
    "number_set": "a set of numbers",
    "opaque": "a value without a simple type",
}
