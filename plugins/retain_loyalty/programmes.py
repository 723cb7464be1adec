"""Loyalty programmes as written under `tiers` in the rule files, and the conditions that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from retain.errors import NotFoundError
from retain.model import Json

DEFAULT_WINDOW = "365d"
DEFAULT_GRACE = "30d"


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a programme: reached at `least` of qualifying spend."""

    name: str
    least: float


@dataclass(frozen=True, slots=True)
class Programme:
    """A loyalty programme.

    Args:
        levels: from the lowest to the highest.
        spend: the expression that qualifies, one definition for upgrades, downgrades and letters.
        grace: how long a tier is kept once the spend has fallen below it, as a duration of the language.
    """

    name: str
    levels: tuple[Level, ...]
    spend: str
    grace: str

    def rank(self, tier: str | None) -> int:
        """How high a tier is: 0 for none, for an unknown one and for a level that costs nothing, then 1, 2, …"""
        paid = [level.name for level in self.levels if level.least > 0]
        return paid.index(tier) + 1 if tier in paid else 0

    def level(self, tier: str) -> Level:
        """The level of that name.

        Raises:
            NotFoundError: the programme has none.
        """
        found = next((level for level in self.levels if level.name == tier), None)
        if found is None:
            raise NotFoundError(f"tier of programme {self.name}", tier, [level.name for level in self.levels])
        return found


def read_programme(name: str, written: Mapping[str, Json]) -> Programme:
    """A programme as written: `levels` with `name` and `from`, and what qualifies.

    `qualifies` is an expression. Without it, orders count less refunds, both within `window` (365d if not written).
    `grace` is 30d if not written.
    """
    levels = sorted((Level(level["name"], level["from"]) for level in written["levels"]), key=lambda level: level.least)
    within = f"in last {_duration(written.get('window', DEFAULT_WINDOW))}"
    spend = written.get("qualifies") or f"sum(order_completed.total {within}) - sum(order_refunded.total {within})"
    return Programme(name, tuple(levels), f"({spend})", _duration(written.get("grace", DEFAULT_GRACE)))


def spend(arguments: Mapping[str, Json], named: Mapping[str, Json]) -> str:
    """`spend(programme)`: the spend that qualifies, now."""
    return _named(arguments, named).spend


def tier_for(arguments: Mapping[str, Json], named: Mapping[str, Json]) -> str:
    """`tier_for(programme)`: the name of the level that the spend reaches; missing below the lowest."""
    programme = _named(arguments, named)
    whens = [
        f"when {programme.spend} >= {level.least} then {_quoted(level.name)}"
        for level in reversed(programme.levels)
        if level.least > 0
    ]
    free = next((f" else {_quoted(level.name)}" for level in programme.levels if level.least <= 0), "")
    return f"case {' '.join(whens)}{free} end"


def level_for(arguments: Mapping[str, Json], named: Mapping[str, Json]) -> str:
    """`level_for(programme)`: how high the level is that the spend reaches, 0 for the lowest."""
    programme = _named(arguments, named)
    whens = [
        f"when {programme.spend} >= {level.least} then {programme.rank(level.name)}"
        for level in reversed(programme.levels)
        if level.least > 0
    ]
    return f"case {' '.join(whens)} else 0 end"


def level(arguments: Mapping[str, Json], named: Mapping[str, Json]) -> str:
    """`level(programme)`: how high the customer's present tier is, 0 for none and for the lowest."""
    programme = _named(arguments, named)
    whens = [
        f"when customer.tier == {_quoted(level.name)} then {programme.rank(level.name)}"
        for level in programme.levels
        if level.least > 0
    ]
    return f"case {' '.join(whens)} else 0 end"


def grace(arguments: Mapping[str, Json], named: Mapping[str, Json]) -> str:
    """`grace(programme)`: how long a tier is kept once the spend has fallen below it."""
    return _named(arguments, named).grace


def _named(arguments: Mapping[str, Json], named: Mapping[str, Json]) -> Programme:
    name, tiers = arguments["programme"], named.get("tiers", {})
    if name not in tiers:
        raise NotFoundError("loyalty programme", name, tiers)
    return read_programme(name, tiers[name])


def _duration(written: Json) -> str:
    """A duration of the language, whether it comes in milliseconds or as it was written."""
    return f"{written}ms" if isinstance(written, int) else str(written)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
