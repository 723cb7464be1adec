"""What rule files define beside rules: policies, teams, tiers, calendars, tests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, time
from typing import Literal

from retain.errors import did_you_mean
from retain.instants import parse_instant
from retain.language.checking.expressions import read_value
from retain.language.documents.nodes import ListNode, MapNode, Node, Scalar, plain
from retain.language.documents.shapes import (
    Problems,
    misfit,
    read_choice,
    read_count,
    read_duration,
    read_keys,
    read_limit,
    read_list,
    read_map,
    read_number,
    read_text,
    read_texts,
)
from retain.language.load.context import CUSTOMER, Names
from retain.language.rules import Limit, Policy, QuietHours
from retain.language.time.schedules import Calendar, parse_hours, zone_or_none
from retain.language.time.wallclock import parse_span
from retain.language.types import NUMERIC
from retain.model import Json

POLICY_KEYS = ("consent", "unknown", "caps", "quiet")
TEAM_KEYS = ("members", "timezone", "description")
MEMBER_KEYS = ("name", "email", "territory", "weight", "capacity", "away")
TIER_KEYS = ("levels", "qualifies", "window", "grace", "description")
CALENDAR_KEYS = ("zone", "hours", "holidays")


def read_policy(key: Scalar, node: Node, names: Names, problems: Problems) -> Policy | None:
    """What a channel asks of every message."""
    known = names.registry.channels
    if key.text not in known:
        reason = names.registry.broken.get(key.text)
        cure = f"plugin {key.text} is disabled because {reason}" if reason else did_you_mean(key.text, known)
        problems.append(key.complain("E408", f"no channel is called {key.text!r}", cure))
    read = read_keys(node, POLICY_KEYS, f"policy {key.text}", problems)
    if read is None:
        return None
    consent = read_text(read.get("consent"), "consent", problems)
    unknown = read_choice(read.get("unknown"), ("allow", "refuse"), "unknown", problems)
    if consent and "unknown" not in read.entries:
        cure = "add unknown: refuse, or allow, for customers who never answered"
        problems.append(read.keys["consent"].complain("E212", f"policy {key.text} needs 'unknown'", cure))
    stance: Literal["allow", "refuse"] = "allow" if unknown == "allow" else "refuse"
    caps = read.get("caps")
    limits = [read_limit(item, "a cap", problems) for item in _items(caps)]
    quiet = _read_quiet(read.get("quiet"), problems)
    return Policy(
        channel=key.text,
        consent=consent,
        unknown=stance,
        caps=tuple(limit for limit in limits if isinstance(limit, Limit)),
        quiet=quiet,
        place=key.place,
    )


def _items(node: Node | None) -> list[Node]:
    if node is None:
        return []
    return node.items if isinstance(node, ListNode) else [node]


def _read_quiet(node: Node | None, problems: Problems) -> QuietHours | None:
    text = read_text(node, "quiet", problems)
    if not text or node is None:
        return None
    try:
        start, end = parse_span(text)
    except ValueError as error:
        what, _, cure = str(error).partition("; ")
        problems.append(node.complain("E311", what, cure))
        return None
    if start == end:
        problems.append(node.complain("E311", "quiet hours that end when they begin are none", "write 21:00-08:00"))
    return QuietHours(start=start, end=end)


def read_team(key: Scalar, node: Node, problems: Problems) -> Mapping[str, Json] | None:
    """A team as plain JSON; its members are a list, or a map by name."""
    read = read_keys(node, TEAM_KEYS, f"team {key.text}", problems, required=("members",), at=key)
    if read is None:
        return None
    _read_zone(read.get("timezone"), problems)
    members = read.get("members")
    pairs: Iterable[Node] = ()
    if isinstance(members, MapNode):
        pairs = members.entries.values()
    elif members is not None:
        pairs = read_list(members, "members", problems) or ()
    emails: set[str] = set()
    for member in pairs:
        _read_member(member, emails, problems)
    if members is not None and not list(pairs):
        problems.append(members.complain("E210", "a team needs at least one member", "write members: [NAME]"))
    team: Mapping[str, Json] = plain(read)
    return team


def _read_member(node: Node, emails: set[str], problems: Problems) -> None:
    read = read_keys(node, MEMBER_KEYS, "a member", problems, required=("email",))
    if read is None:
        return
    email_node = read.get("email")
    email = read_text(email_node, "email", problems)
    if email_node is not None and email and (email in emails or "@" not in email):
        what = f"{email!r} is in this team already" if email in emails else f"{email!r} is no e-mail address"
        problems.append(email_node.complain("E210", what))
    emails.add(email)
    read_text(read.get("name"), "name", problems)
    read_texts(read.get("territory"), "territory", problems)
    read_number(read.get("weight"), "weight", problems)
    read_count(read.get("capacity"), "capacity", problems, 0)
    for span in _items(read.get("away")):
        away = read_keys(span, ("from", "to"), "away", problems, required=("from", "to"))
        ends = [_read_day(away.get(name), name, problems) for name in ("from", "to")] if away else []
        if len(ends) == 2 and None not in ends and str(ends[0]) > str(ends[1]):
            problems.append(
                span.complain("E216", "this absence ends before it begins", "write the earlier day as from")
            )


def _read_day(node: Node | None, what: str, problems: Problems) -> str | None:
    text = read_text(node, what, problems)
    if node is not None and text and parse_instant(text) is None:
        problems.append(node.complain("E311", f"{what} must be a date, not {text!r}", "write 2026-12-24"))
        return None
    return text or None


def _read_zone(node: Node | None, problems: Problems) -> str:
    text = read_text(node, "time zone", problems)
    if text and node is not None and zone_or_none(text) is None:
        problems.append(node.complain("E311", f"there is no time zone {text!r}", "write a name such as Europe/Berlin"))
        return ""
    return text


def read_tier(key: Scalar, node: Node, problems: Problems) -> Mapping[str, Json] | None:
    """A loyalty programme as plain JSON; `check_qualifies` reads its expression once metrics are known."""
    read = read_keys(node, TIER_KEYS, f"programme {key.text}", problems, required=("levels",), at=key)
    if read is None:
        return None
    read_duration(read.get("window"), "window", problems)
    read_duration(read.get("grace"), "grace", problems, zero=True)
    levels = read_list(read.get("levels"), "levels", problems) or []
    last = -1.0
    seen: set[str] = set()
    for item in levels:
        level = read_keys(item, ("name", "from"), "a level", problems, required=("name", "from"))
        if level is None:
            continue
        name, start = read_text(level.get("name"), "name", problems), read_number(level.get("from"), "from", problems)
        if name in seen:
            problems.append(
                item.complain("E217", f"this programme has a level {name!r} already", "keep one of the two")
            )
        if start is not None and start <= last:
            what = f"level {name!r} begins at {start:g}, not above the one before"
            problems.append(item.complain("E216", what, "write the levels in order, each above the one before"))
        seen.add(name)
        last = start if start is not None else last
    if "levels" in read.entries and not levels:
        problems.append(read.entries["levels"].complain("E210", "a programme needs at least one level"))
    programme: Mapping[str, Json] = plain(read)
    return programme


def check_qualifies(node: Node, names: Names, problems: Problems) -> None:
    """Whether what qualifies in a programme is a number."""
    value = node.get("qualifies") if isinstance(node, MapNode) else None
    if value is None:
        return
    if not isinstance(value, Scalar):
        problems.append(misfit(value, "an expression", "qualifies"))
        return
    checked, found = read_value(value, names.environment(CUSTOMER))
    problems.extend(found)
    if checked is not None and checked.type is not None and checked.type.kind not in NUMERIC:
        problems.append(
            value.complain("E210", "qualifies must be a number", "write sum(order_completed.total in last 365d)")
        )


def read_calendar(key: Scalar, node: Node, problems: Problems) -> Calendar | None:
    """Business hours in a zone, and the days on which nothing opens."""
    read = read_keys(node, CALENDAR_KEYS, f"calendar {key.text}", problems, required=("zone", "hours"), at=key)
    if read is None:
        return None
    zone = zone_or_none(_read_zone(read.get("zone"), problems) or "UTC")
    hours = _read_hours(read_map(read.get("hours"), "hours", problems), problems)
    holidays: set[date] = set()
    for item in _items(read.get("holidays")):
        try:
            holidays.add(date.fromisoformat(read_text(item, "a holiday", problems)))
        except ValueError:
            problems.append(item.complain("E311", "a holiday must be a date", "write 2026-12-25"))
    if zone is None or not hours:
        return None
    return Calendar(name=key.text, zone=zone, hours=hours, holidays=frozenset(holidays))


def _read_hours(node: MapNode | None, problems: Problems) -> dict[int, list[tuple[time, time]]]:
    hours: dict[int, list[tuple[time, time]]] = {}
    for name, value in (node.entries if node else {}).items():
        try:
            for weekday, spans in parse_hours({name: list(read_texts(value, name, problems))}).items():
                hours.setdefault(weekday, []).extend(spans)
        except ValueError as error:
            what, _, cure = str(error).partition("; ")
            problems.append(value.complain("E311", what, cure))
    if node is not None and not node.entries:
        problems.append(
            node.complain("E210", "a calendar must open on at least one weekday", "write mon-fri: 09:00-17:00")
        )
    return hours


def read_test(
    key: Scalar, node: Node, rule_ids: Collection[str], problems: Problems, unread: Collection[str] = ()
) -> Mapping[str, Json] | None:
    """A test as plain JSON with its place; whoever runs it reads the rest.

    Args:
        unread: names that may stand in files that could not be read; of such a rule nothing is said.
    """
    read = node
    if not isinstance(read, MapNode):
        problems.append(key.complain("E501", f"test {key.text!r} is not a map", "write rule: NAME and steps: [...]"))
        return None
    rule = read.get("rule")
    if rule is None and "rules" not in read.entries:
        problems.append(key.complain("E502", "this test names no rule", "add rule: NAME"))
    elif isinstance(rule, Scalar) and rule.text not in rule_ids and rule.text not in unread:
        problems.append(
            rule.complain(
                "E502", f"no rule is called {rule.text!r}", did_you_mean(rule.text, rule_ids) or "write it under rules:"
            )
        )
    place = key.place
    steps = read.get("steps")
    return {
        "place": {"file": place.file, "line": place.line, "column": place.column},
        "lines": [step.place.line for step in steps.items] if isinstance(steps, ListNode) else [],
        "test": plain(read),
    }
