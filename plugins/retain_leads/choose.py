"""Whose turn it is: three ways to share leads out, each a pure function of the members who are able and a turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, TypeAlias

from retain.model import Fields, Json
from retain_leads.members import Member

Strategy: TypeAlias = Literal["round_robin", "weighted", "least_loaded"]
_WEIGHT_UNIT = 1000  # weights are kept to a thousandth, so that the state is whole numbers and never drifts


@dataclass(frozen=True, slots=True)
class Turn:
    """What a team remembers between two leads.

    Args:
        last: name of the member who had the last lead.
        given: how many leads each member was ever given.
        credit: what each member is owed under `weighted`, in units of a thousandth of a weight; the sum is 0.
    """

    last: str = ""
    given: Mapping[str, int] = field(default_factory=dict)
    credit: Mapping[str, int] = field(default_factory=dict)

    @staticmethod
    def of(fields: Fields) -> Turn:
        """The turn as it was stored."""
        return Turn(fields.get("last", ""), fields.get("given", {}), fields.get("credit", {}))

    def fields(self) -> dict[str, Json]:
        """The turn as it is stored."""
        return {"last": self.last, "given": dict(self.given), "credit": dict(self.credit)}


def choose(
    strategy: Strategy, able: Sequence[Member], turn: Turn, open_leads: Mapping[str, int]
) -> tuple[Member, Turn] | None:
    """The member who takes the next lead, and the turn after it; None where nobody can.

    round_robin: the next name after the last one. weighted: see `_weighted`. least_loaded: the fewest open leads, of
    equals the one who was given fewest so far, then by name, so that quickly closed leads still go round.
    """
    if strategy == "weighted":
        able = [member for member in able if _weight(member) > 0]
    if not able:
        return None
    able = sorted(able, key=lambda member: member.name)
    if strategy == "round_robin":
        return _taken(_after(able, turn.last), turn)
    if strategy == "least_loaded":
        return _taken(
            min(able, key=lambda member: (open_leads.get(member.email, 0), turn.given.get(member.email, 0))), turn
        )
    return _weighted(able, turn)


def _taken(member: Member, turn: Turn, credit: Mapping[str, int] | None = None) -> tuple[Member, Turn]:
    given = {**turn.given, member.email: turn.given.get(member.email, 0) + 1}
    return member, Turn(member.name, given, turn.credit if credit is None else credit)


def _after(able: Sequence[Member], last: str) -> Member:
    return next((member for member in able if member.name > last), able[0])


def _weighted(able: Sequence[Member], turn: Turn) -> tuple[Member, Turn]:
    """Weighted turns in which nobody is ever a whole lead away from the exact share.

    Each lead adds every able member's weight to the member's credit and takes the sum of weights from the one who
    gets it. Among those with enough credit the lead goes to the one whose credit runs over soonest (Tijdeman 1980,
    "The chairman assignment problem"); the common smooth weighted round robin takes the largest credit instead and
    can be 1.3 leads off with nine members. Whoever is absent keeps the credit and catches nothing up.
    """
    total = sum(_weight(member) for member in able)
    credit = dict(turn.credit)
    for member in able:
        credit[member.email] = credit.get(member.email, 0) + _weight(member)
    slack = max(1, 2 * len(able) - 2)
    ready = [member for member in able if slack * credit[member.email] >= total] or able

    def runs_over(member: Member) -> Fraction:
        return Fraction(total * (slack - 1) - slack * credit[member.email], _weight(member))

    member = min(ready, key=runs_over)
    credit[member.email] -= total
    return _taken(member, turn, credit)


def _weight(member: Member) -> int:
    return round(member.weight * _WEIGHT_UNIT)
