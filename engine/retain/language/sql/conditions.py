"""A condition as SQL: for whom it is surely true, and for whom it may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_

from retain.language.sql.dialect import Dialect
from retain.language.sql.history import HistoryReading
from retain.language.sql.postgres import Postgres
from retain.language.sql.setting import Setting
from retain.language.sql.source import Sql
from retain.language.sql.sqlite import Sqlite
from retain.language.sql.zones import Zones
from retain.language.syntax.ast import Node

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (Sqlite(), Postgres())}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One condition as tests in which NULL is no. Where the two are the same object the database decides alone.

    Args:
        may: holds for all for whom it is true, and perhaps for others.
        sure: holds only for those for whom it is true.
    """

    may: Sql
    sure: Sql

    @property
    def is_exact(self) -> bool:
        """Whether the database decides alone."""
        return self.may is self.sure


class SqlCompiler:
    """Translates the conditions of one statement.

    Args:
        dialect: "sqlite" or "postgresql".
    """

    def __init__(self, dialect: str, setting: Setting) -> None:
        self.dialect = DIALECTS[dialect]
        self.setting = setting
        self.zones = Zones(setting.zone)

    def verdict(self, nodes: Sequence[Node], want: bool = True) -> Verdict:
        """Whether all of some clauses are true; of one clause also whether it is false."""
        found = [self._verdict(node, want) for node in nodes]
        may = and_(*(part.may for part in found)) if len(found) != 1 else found[0].may
        if all(part.is_exact for part in found):
            return Verdict(may, may)
        return Verdict(may, and_(*(part.sure for part in found)))

    def _verdict(self, node: Node, want: bool) -> Verdict:
        reading = HistoryReading(self.dialect, self.setting, self.zones, sure=False)
        may = reading.test(node, want)
        if reading.is_exact:
            return Verdict(may, may)
        return Verdict(may, HistoryReading(self.dialect, self.setting, self.zones, sure=True).test(node, want))
