"""Triggers: of `when`, of `exit_when` and `goal`, and of `wait_for`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from retain.errors import did_you_mean, nearest
from retain.instants import DAY
from retain.language.condition import Condition
from retain.language.documents.nodes import ListNode, MapNode, Node, Scalar
from retain.language.documents.shapes import misfit, read_duration, read_flag, read_texts, refuse_unknown
from retain.language.environment import Environment
from retain.language.load.conditions import read_conditions
from retain.language.load.context import CUSTOMER, STARTED, UNREAD, Draft, known_event
from retain.language.load.schedules import read_schedule
from retain.language.rules import BecomesTrigger, EventTrigger, Goal, Trigger
from retain.model import Problem, slug

_KINDS = ("event", "becomes", "schedule")
_AWAITED = ("event", "becomes")
START_KEYS = {"event": ("event", "if"), "becomes": ("becomes", "for", "backfill"), "schedule": ("schedule",)}
AWAITED_KEYS = {"event": ("event", "if", "same"), "becomes": ("becomes",)}
GOAL_WITHIN = 7 * DAY


def read_starts(node: Node, draft: Draft) -> tuple[Trigger, ...]:
    """The triggers of `when`: one map, or a list of them. Says in the draft which events can start the rule."""
    triggers: list[Trigger] = []
    events: list[str] = []
    customer = True
    for index, item in enumerate(_items(node, "when", draft)):
        kind = _kind(item, _KINDS, draft)
        if kind is None or not isinstance(item, MapNode):
            events.append(UNREAD)
            continue
        refuse_unknown(item, START_KEYS[kind], f"this trigger ({kind})", draft.problems)
        trigger = _read_start(item, kind, f"when[{index}]", draft)
        named = item.get("event")
        events.append((slug(named.text) if isinstance(named, Scalar) else UNREAD) if kind == "event" else "")
        if kind == "schedule":
            customer = customer and _names_customers(item)
        if trigger is not None:
            triggers.append(trigger)
    draft.starts = (tuple(events) if any(events) else None) if events else (UNREAD,)
    draft.has_customer = customer
    return tuple(triggers)


def read_exits(node: Node, draft: Draft) -> tuple[EventTrigger | BecomesTrigger, ...]:
    """The triggers of `exit_when`: one map, or a list of them."""
    env = replace(draft.env, roots=draft.env.roots & STARTED)
    items = _items(node, "exit_when", draft)
    found = [read_awaited(item, f"exit_when[{index}]", env, draft) for index, item in enumerate(items)]
    return tuple(trigger for trigger in found if trigger is not None)


def read_goal(node: Node, draft: Draft) -> Goal | None:
    """A trigger with `within`."""
    within = node.get("within") if isinstance(node, MapNode) else None
    millis = read_duration(within, "within", draft.problems)
    env = replace(draft.env, roots=draft.env.roots & STARTED)
    trigger = read_awaited(node, "goal", env, draft, more=("within",))
    return Goal(trigger=trigger, within=millis or GOAL_WITHIN) if trigger else None


def read_awaited(
    node: Node, path: str, env: Environment, draft: Draft, *, more: Iterable[str] = ()
) -> EventTrigger | BecomesTrigger | None:
    """A trigger that a run waits for; `becomes` is a level here: true at any check counts."""
    kind = _kind(node, _AWAITED, draft)
    if kind is None or not isinstance(node, MapNode):
        return None
    refuse_unknown(node, (*AWAITED_KEYS[kind], *more), f"this trigger ({kind})", draft.problems)
    if kind == "becomes":
        condition = read_conditions(node.entries[kind], replace(env, events=None), f"{path}.becomes", draft.keep)
        return BecomesTrigger(path=path, condition=condition, place=node.place) if condition else None
    return _read_event(node, path, env, draft)


def _items(node: Node, what: str, draft: Draft) -> list[Node]:
    if isinstance(node, MapNode):
        return [node]
    if isinstance(node, ListNode) and node.items:
        return node.items
    if isinstance(node, ListNode):
        draft.problems.append(node.complain("E210", f"{what} names no trigger", f"write {what}: {{event: NAME}}"))
        return []
    draft.problems.append(misfit(node, "a trigger or a list of triggers", what, f"write {what}: {{event: NAME}}"))
    return []


def _kind(node: Node, kinds: tuple[str, ...], draft: Draft) -> str | None:
    given = [kind for kind in _KINDS if isinstance(node, MapNode) and kind in node.entries]
    if len(given) == 1 and given[0] in kinds:
        return given[0]
    if given:
        what = " and ".join(given)
        wrong = f"{what} in one trigger" if len(given) > 1 else f"a {what} cannot be waited for"
        cure = "write a list of triggers" if len(given) > 1 else f"use one of {', '.join(kinds)}"
        draft.problems.append(node.complain("E309", wrong, cure))
        return None
    near = ""
    if isinstance(node, MapNode) and node.keys:
        near = nearest(next(iter(node.keys)), kinds)
    cure = f"did you mean {near}?" if near else f"use one of {', '.join(kinds)}: {{event: order_completed}}"
    draft.problems.append(node.complain("E309", "this is no trigger", cure))
    return None


def _read_start(node: MapNode, kind: str, path: str, draft: Draft) -> Trigger | None:
    if kind == "event":
        env = draft.names.environment(STARTED)
        return _read_event(node, path, env, draft)
    if kind == "becomes":
        return _read_becomes(node, path, draft)
    return read_schedule(node.entries[kind], path, draft)


def _names_customers(node: MapNode) -> bool:
    schedule = node.get("schedule")
    keys = set(schedule.entries) if isinstance(schedule, MapNode) else set()
    return "cron" not in keys or bool(keys & {"each", "yearly", "date"})


def _read_event(node: MapNode, path: str, env: Environment, draft: Draft) -> EventTrigger | None:
    name = known_event(node.entries["event"], draft.names, draft.problems)
    test = node.get("if")
    condition: Condition | None = None
    if test is not None:
        said = node.entries["event"]
        events = (name or (slug(said.text) if isinstance(said, Scalar) else ""),)  # an unknown one is told once
        condition = read_conditions(test, replace(env, events=events), f"{path}.if", draft.keep)
    same_node = node.get("same")
    same = read_texts(same_node, "same", draft.problems)
    if same and name and same_node is not None:
        draft.problems.extend(_same_problems(same_node, name, draft))
    if not name:
        return None
    return EventTrigger(path=path, event=name, condition=condition, same=same, place=node.place)


def _same_problems(node: Node, event: str, draft: Draft) -> Iterable[Problem]:
    """What keeps the fields of `same` from being compared with those of the event that started the run."""
    schema = draft.names.schema
    starts = draft.starts
    for item in node.items if isinstance(node, ListNode) else [node]:
        name = getattr(item, "text", "")
        if starts is None or "" in starts:
            what = "`same` compares with the event that starts the rule, and there may be none"
            yield item.complain("E316", what, "leave same out, or start the rule by events only")
            continue
        lacking = [start for start in dict.fromkeys(starts) if name not in schema.events.get(start, {name: None})]
        if lacking:
            cure = did_you_mean(name, schema.events[lacking[0]])
            yield item.complain("E316", f"{lacking[0]}, which starts the rule, has no field {name!r}", cure)
        elif name not in schema.events[event]:
            what = f"{event} has no field {name!r}, so every {event} of the customer counts"
            yield item.complain("W210", what, "leave it out of `same`, or declare the field")


def _read_becomes(node: MapNode, path: str, draft: Draft) -> BecomesTrigger | None:
    held = read_duration(node.get("for"), "for", draft.problems) or 0
    backfill = read_flag(node.get("backfill"), "backfill", draft.problems)
    env = draft.names.environment(CUSTOMER)
    condition = read_conditions(node.entries["becomes"], env, f"{path}.becomes", draft.keep)
    if condition is None:
        return None
    return BecomesTrigger(
        path=path,
        condition=condition,
        held=held,
        backfill=backfill,
        state_id=draft.state_id,
        place=node.place,
    )
