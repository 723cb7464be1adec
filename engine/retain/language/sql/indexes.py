"""Indexes of customers' fields: the very expressions by which conditions as SQL read them."""

from __future__ import annotations

from sqlalchemy import Text, column
from sqlalchemy.dialects import postgresql, sqlite

from retain.language.sql.conditions import DIALECTS
from retain.language.types import Type
from retain.model import digest

_CORE = {"sqlite": sqlite.dialect, "postgresql": postgresql.dialect}


def index_name(path: str, type_: Type) -> str:
    """The name of the index of a customer's field."""
    kind = "text" if type_.kind == "text" else "number"
    plain = path.replace(".", "__")
    return f"customers_by_{plain if plain.isascii() and len(plain) < 40 else digest(path, size=12)}_{kind}".lower()


def index_statement(database: str, path: str, type_: Type) -> str:
    """The statement that makes the index of a customer's field."""
    dialect = DIALECTS[database]
    doc = dialect.document(column("fields", Text))
    read = dialect.text(doc, path) if type_.kind == "text" else dialect.number(doc, path, integer=False)
    expression = read.value.compile(dialect=_CORE[database](), compile_kwargs={"literal_binds": True})
    return f"CREATE INDEX IF NOT EXISTS {index_name(path, type_)} ON customers (({expression}))"
