"""What is the same for all customers of a time zone: local midnights and calendar bounds, computed here, joined on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from functools import lru_cache
from zoneinfo import available_timezones

from sqlalchemy import BigInteger, Text, column, func, values

from retain.language.sql.operand import NotInSqlError, Operand, bound, constant, raw
from retain.language.sql.source import ZONES, From
from retain.language.time.zones import zone_or_none
from retain.model import Json


@lru_cache(maxsize=1)
def _every_zone() -> dict[str, tzinfo]:
    found = {name: zone_or_none(name) for name in sorted(available_timezones())}
    return {name: zone for name, zone in found.items() if zone is not None}


class Zones:
    """The table of local values of one statement; a customer without a valid zone has those of the default."""

    def __init__(self, default: tzinfo) -> None:
        self._default = default
        self._columns: dict[tuple[Json, ...], tuple[str, Json, dict[str, Json]]] = {}

    def local(self, key: tuple[Json, ...], of: Callable[[tzinfo], Json]) -> Operand:
        """A value that depends on the customer's zone alone.

        Args:
            key: what tells it from others of the same statement.
            of: computes it for one zone.

        Raises:
            NotInSqlError: it is missing in some zones only.
        """
        known = self._columns.get(key)
        if known is None:
            default = of(self._default)
            others = {name: value for name, zone in _every_zone().items() if (value := of(zone)) != default}
            if not others:
                return constant(default)
            if default is None or None in others.values():
                raise NotInSqlError
            known = self._columns[key] = (f"v{len(self._columns)}", default, others)
        name, default, _ = known
        return Operand(func.coalesce(raw(f"{ZONES}.{name}", BigInteger), bound(default)))

    @property
    def is_needed(self) -> bool:
        """Whether the statement must join the table."""
        return bool(self._columns)

    def table(self) -> From:
        """The zones in which some value is not the default's."""
        columns = list(self._columns.values())
        names = sorted({zone for _, _, others in columns for zone in others})
        rows = [(name, *(others.get(name, default) for _, default, others in columns)) for name in names]
        numbers = [column(name, BigInteger) for name, _, _ in columns]
        return values(column("name", Text), *numbers, name="zone_values").data(rows).cte(ZONES)
