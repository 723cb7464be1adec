"""The `schedule` trigger: by cron, or by a date field of each customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import Literal, cast

from retain.errors import nearest
from retain.language.condition import Condition
from retain.language.documents.nodes import MapNode, Node, Scalar
from retain.language.documents.shapes import read_choice, read_clock_time, read_duration, read_keys, read_text
from retain.language.load.conditions import read_clause, read_conditions
from retain.language.load.context import CUSTOMER, Draft
from retain.language.rules import IfMissed, ScheduleTrigger
from retain.language.time.schedules import Cron, FieldSchedule, parse_cron, zone_or_none
from retain.language.types import Type
from retain.model import Millis, Problem

KEYS = ("cron", "yearly", "date", "before", "after", "at", "timezone", "each", "if_missed", "within")
KINDS = ("cron", "yearly", "date")
IF_MISSED = ("run_once", "skip", "run_all")
_IN = "customer in "


def read_schedule(node: Node, path: str, draft: Draft) -> ScheduleTrigger | None:
    """The trigger that the map below `schedule` is."""
    problems = draft.problems
    read = read_keys(node, KEYS, "schedule", problems)
    if read is None:
        return None
    kinds = [kind for kind in KINDS if kind in read.entries]
    if not kinds and not {nearest(key, KEYS) for key in read.keys if key not in KEYS}.isdisjoint(KINDS):
        return None  # a kind that is misspelt was told as such
    if len(kinds) != 1:
        what = f"{' and '.join(kinds)} in one schedule" if kinds else "a schedule needs cron, yearly or date"
        problems.append(node.complain("E309", what, 'write cron: "0 9 * * 1-5", or yearly: customer.birth_date'))
        return None
    each_node = read.get("each")
    each = _read_each(each_node, f"{path}.each", draft) if each_node is not None else None
    zone, zone_field = _read_zone(read.get("timezone"), draft)
    if_missed = read_choice(read.get("if_missed"), IF_MISSED, "if_missed", problems) or "run_once"
    within = read_duration(read.get("within"), "within", problems)
    cron = _read_cron(read, draft) if kinds == ["cron"] else None
    field_schedule = None if kinds == ["cron"] else _read_field_schedule(read, kinds[0], draft)
    if cron is None and field_schedule is None:
        return None
    return ScheduleTrigger(
        path=path,
        cron=cron,
        field_schedule=field_schedule,
        timezone=zone,
        timezone_field=zone_field,
        each=each,
        if_missed=cast(IfMissed, if_missed),
        within=within,
        place=node.place,
    )


def _read_cron(node: MapNode, draft: Draft) -> Cron | None:
    for key in ("before", "after", "at"):
        if key in node.entries:
            cure = "cron says the time itself" if key == "at" else "it goes with yearly or date"
            draft.problems.append(node.keys[key].complain("E219", f"{key!r} does not go with cron", cure))
    value = node.entries["cron"]
    text = read_text(value, "cron", draft.problems)
    if not text:
        return None
    try:
        return parse_cron(text)
    except ValueError as error:
        what, _, cure = str(error).partition("; ")
        draft.problems.append(value.complain("E310", what, cure))
        return None


def _read_field_schedule(node: MapNode, kind: str, draft: Draft) -> FieldSchedule | None:
    problems = draft.problems
    if "before" in node.entries and "after" in node.entries:
        problems.append(node.keys["after"].complain("E219", "'before' and 'after' in one schedule", "keep one of them"))
    before = read_duration(node.get("before"), "before", problems, zero=True) or 0
    after = read_duration(node.get("after"), "after", problems, zero=True) or 0
    at = read_clock_time(node.get("at"), "at", problems) or time(9)
    field = _customer_field(node.entries[kind], kind, ("date", "instant"), "a date", draft)
    if not field:
        return None
    offset: Millis = after - before
    declared: Literal["date", "instant"] = "date" if draft.names.schema.customer[field].kind == "date" else "instant"
    return FieldSchedule(
        kind="yearly" if kind == "yearly" else "date", field=field, offset=offset, at=at, declared=declared
    )


def _read_zone(node: Node | None, draft: Draft) -> tuple[str, str]:
    """A zone's name, or the customer field that holds one."""
    text = read_text(node, "timezone", draft.problems)
    if not text or node is None:
        return "", ""
    if text.startswith("customer."):
        return "", _customer_field(node, "timezone", ("text",), "a text", draft)
    if zone_or_none(text) is None:
        cure = "write a name such as Europe/Berlin, or customer.timezone"
        draft.problems.append(node.complain("E311", f"there is no time zone {text!r}", cure))
    return text, ""


def _customer_field(node: Node, what: str, kinds: tuple[str, ...], wanted: str, draft: Draft) -> str:
    text = read_text(node, what, draft.problems)
    name = text.removeprefix("customer.")
    known = draft.names.schema.customer
    if not text:
        return ""
    declared: Type | None = known.get(name) if name != text else None
    if declared is None:
        near = nearest(name, known)
        cure = f"did you mean customer.{near}?" if near else f"write {what}: customer.FIELD"
        draft.problems.append(node.complain("E102", f"no customer field is called {text!r}", cure))
        return ""
    if declared.kind not in kinds:
        found = f"{text} is declared as {declared.kind.replace('_', ' ')}, not as {wanted}"
        draft.problems.append(node.complain("E312", found, "declare it in schemas/customer.json, or use another field"))
        return ""
    return name


@dataclass(frozen=True, slots=True)
class _Membership:
    """`segment NAME` read as `customer in segment NAME`."""

    node: Scalar

    @property
    def text(self) -> str:
        """The condition that it stands for."""
        return _IN + self.node.text

    def problem(self, code: str, message: str, start: int, end: int, help: str = "") -> Problem:
        """A problem at the characters [start, end) of the longer text."""
        start, end = max(0, start - len(_IN)), max(1, end - len(_IN))
        return self.node.problem(code, message, start, end, help)


def _read_each(node: Node, path: str, draft: Draft) -> Condition | None:
    """Who is meant: `segment NAME`, or conditions over customers."""
    env = draft.names.environment(CUSTOMER)
    if not isinstance(node, Scalar):
        return read_conditions(node, env, path, draft.keep)
    if not node.text.startswith("segment "):
        cure = "write each: segment NAME, or a list of conditions"
        draft.problems.append(node.complain("E210", f"each must be a segment or conditions, not {node.text!r}", cure))
        return None
    clause = read_clause(_Membership(node), env, path, node.place, draft.keep)
    return Condition((clause,)) if clause else None
