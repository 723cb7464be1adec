"""The people of a team, and which of them can take a lead at an instant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from retain.instants import parse_instant
from retain.model import Instant, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One person of a team, as written under `teams` in the rule files.

    Args:
        territory: what the member covers; empty covers whatever nobody names.
        weight: share of the leads under `weighted`; 0 takes none.
        capacity: open leads at which the member is full; None is no limit.
        away: half-open spans of instants in which the member takes nothing.
    """

    email: str
    name: str
    territory: frozenset[str] = frozenset()
    weight: float = 1
    capacity: int | None = None
    away: tuple[tuple[Instant, Instant], ...] = ()

    def is_away(self, now: Instant) -> bool:
        """Whether `now` lies in an absence."""
        return any(start <= now < end for start, end in self.away)

    def is_full(self, open_leads: Mapping[str, int]) -> bool:
        """Whether the member has as many open leads as the capacity allows."""
        return self.capacity is not None and open_leads.get(self.email, 0) >= self.capacity


def read_members(team: Mapping[str, Json]) -> tuple[Member, ...]:
    """The members of a team, by name. Days of absence are days in the team's `timezone`, else in UTC."""
    zone = _zone(team.get("timezone"))
    members = team.get("members", ())
    if isinstance(members, Mapping):
        members = [{"name": name, **member} for name, member in members.items()]
    return tuple(sorted((_read_member(member, zone) for member in members), key=lambda member: member.name))


def able(
    members: Sequence[Member], *, territory: str, open_leads: Mapping[str, int], now: Instant, but_not: str = ""
) -> tuple[Member, ...]:
    """Those who can take a lead now: present, not full, and of the territory.

    Members who name the territory come first; only where none of them is able do members without a territory stand
    in. A lead without a territory can go to anyone.
    """
    present = [
        member
        for member in members
        if not member.is_away(now) and not member.is_full(open_leads) and member.email != but_not
    ]
    if not territory:
        return tuple(present)
    named = tuple(member for member in present if territory in member.territory)
    return named or tuple(member for member in present if not member.territory)


def _read_member(member: Mapping[str, Json], zone: tzinfo) -> Member:
    territory = member.get("territory") or []
    away = member.get("away") or []
    return Member(
        email=member["email"],
        name=member.get("name") or member["email"],
        territory=frozenset(map(str, territory if isinstance(territory, list) else (territory,))),
        weight=member.get("weight", 1),
        capacity=member.get("capacity"),
        away=tuple(_spans([away] if isinstance(away, Mapping) else away, zone)),
    )


def _spans(away: Iterable[Mapping[str, str]], zone: tzinfo) -> Iterable[tuple[Instant, Instant]]:
    for span in away:
        start = parse_instant(span["from"], zone)
        end = parse_instant(_day_after(span["to"]), zone)
        if start is not None and end is not None:
            yield start, end


def _day_after(text: str) -> str:
    """An absence that ends on a day lasts to the end of that day; one that ends at a time ends then."""
    try:
        return (date.fromisoformat(text) + timedelta(days=1)).isoformat()
    except ValueError:
        return text


def _zone(name: str | None) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
