"""A project with a past, edits of its rules, and what really happens where an edit is deployed in a copy."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from decide_help import NOON
from retain.app.projects.project import Project, open_project
from retain.instants import DAY, HOUR
from retain.language.plan import Plan, make_plan
from retain.model import Instant, Message, MessageKind
from retain.store.store import Store
from retain.testing.virtual import VirtualEngine

RULES = """\
version: 1
segments:
  regular:
    if: [count(order_completed in last 30d) >= 2]
metrics:
  spend: default(sum(order_completed.total in last 60d), 0)
policies:
  email: {unknown: allow, caps: [3 per 7d], quiet: "22:00-06:00"}
teams:
  sales:
    members:
      - {email: ada@example.test}
      - {email: ben@example.test}
rules:
  cart:
    when: {event: cart_updated}
    if: [event.total >= 40]
    runs: {per: event.cart_id, mode: restart}
    exit_when: [{event: order_completed}]
    then:
      - wait: 4h
        id: first
      - email.send: {template: hello, to: "{{ customer.email }}"}
      - wait: 9d
        id: second
      - log.write: {message: "cart {{ event.cart_id }}"}
  quiet:
    when: {becomes: [days_since(order_completed) >= 12]}
    if: [metrics.spend >= 60]
    runs: {at_most: 1 per 20d}
    then:
      - log.write: {message: quiet}
      - set: {activated: false}
  digest:
    when: {schedule: {cron: "0 9 * * 1", each: [customer in segment regular]}}
    then:
      - email.send: {template: digest, to: "{{ customer.email }}"}
  owner:
    when: {event: signed_up}
    then:
      - split: {short: {weight: 50, then: [{wait: 2d}]}, long: {weight: 50, then: [{wait: 8d}]}}
        id: pace
      - lead.assign: {team: sales}
  thanks:
    when: {event: order_completed}
    if: [event.total >= 50]
    then:
      - emit: {event: thanked}
  after-thanks:
    when: {event: thanked}
    then:
      - wait: 5d
      - log.write: {message: thanked}
"""

EXIT = "exit_when: [{event: order_completed}]"
GOAL = "goal: {event: order_completed, within: 5d}"
MORE = "  more:\n    when: {event: signed_up}\n    then: [{log.write: {message: welcome}}]\n"

# Twenty kinds of edit: what is written instead of what.
EDITS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "a condition is tightened": (("event.total >= 40", "event.total >= 70"),),
    "a condition is added": (("if: [event.total >= 40]", "if: [event.total >= 40, not exists(order_completed)]"),),
    "a wait grows for new runs": (("- wait: 4h", "- wait: 30h"),),
    "a wait grows and runs move": ((EXIT, "on_change: move\n    " + EXIT), ("wait: 9d", "wait: 11d")),
    "runs exit": ((EXIT, "on_change: exit\n    " + EXIT), ("wait: 9d", "wait: 10d")),
    "a step is added": (("      - wait: 9d\n", "      - log.write: {message: soon}\n      - wait: 9d\n"),),
    "a step is removed": (('      - log.write: {message: "cart {{ event.cart_id }}"}\n', ""),),
    "an input is reworded": (("message: quiet", "message: silence"),),
    "another template": (("template: digest, ", "template: hello, "),),
    "another trigger": (("when: {event: signed_up}", "when: [{event: signed_up}, {event: nps_answered}]"),),
    "an exit is taken out": ((f"    {EXIT}\n", ""),),
    "a goal is added": (("    then:\n      - wait: 5d", f"    {GOAL}\n    then:\n      - wait: 5d"),),
    "a rule is added": (("rules:\n", f"rules:\n{MORE}"),),
    "a rule is removed": ((RULES[RULES.index("  after-thanks:") :], ""),),
    "a rule turns shadow": (("  quiet:\n", "  quiet:\n    status: shadow\n"),),
    "a rule is switched off": (("  after-thanks:\n", "  after-thanks:\n    status: off\n"),),
    "a holdout": (("  digest:\n", "  digest:\n    holdout: 40%\n"),),
    "a segment is redefined": (("in last 30d) >= 2", "in last 30d) >= 3"),),
    "a metric is redefined": (("in last 60d), 0)", "in last 10d), 0)"),),
    "a cap is lowered": (("caps: [3 per 7d]", "caps: [1 per 7d]"),),
    "quiet hours are longer": (("22:00-06:00", "18:00-09:30"),),
    "at_most is lengthened": (("at_most: 1 per 20d", "at_most: 1 per 60d"),),
    "another mode": (("mode: restart", "mode: single"),),
    "a threshold of time": ((">= 12]", ">= 15]"),),
    "another hour": (('"0 9 * * 1"', '"0 15 * * 2"'),),
    "other weights": (("short: {weight: 50", "short: {weight: 80"), ("long: {weight: 50", "long: {weight: 20")),
    "a team member less": (("      - {email: ben@example.test}\n", ""),),
    "an emitted event is held back": (("if: [event.total >= 50]", "if: [event.total >= 90]"),),
    "only a comment": (("  thanks:\n", "  thanks:   # whoever buys much\n"),),
}  # fmt: skip
DAYS, SINCE, AHEAD = 50, 30 * DAY, 20 * DAY
END = NOON + DAYS * DAY


def edited(name: str) -> str:
    """The rules after one kind of edit."""
    text = RULES
    for old, new in EDITS[name]:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def folder(path: Path, rules: str, **letters: str) -> Project:
    """A project's folder with these rules."""
    (path / "rules").mkdir(parents=True)
    (path / "templates").mkdir()
    (path / "schemas" / "events").mkdir(parents=True)
    (path / "schemas" / "events" / "thanked.json").write_text('{"type": "object", "properties": {}}')
    (path / "retain.yaml").write_text("version: 1\n")
    (path / "rules" / "rules.yaml").write_text(rules)
    for name, text in {"hello": "hello", "digest": "digest", **letters}.items():
        (path / "templates" / f"{name}.txt").write_text(f"Subject: {name}\n\n{text}\n")
    project = open_project(path)
    assert not project.errors_of_deciding, [problem.render() for problem in project.errors_of_deciding]
    return project


def messages(people: int = 24) -> list[Message]:
    """Fifty days of carts, orders and answers, in the order of their receipt."""
    found: list[Message] = []

    def add(user: int, kind: MessageKind, name: str, at: Instant, fields: Mapping[str, Any]) -> None:
        found.append(
            Message(
                kind=kind, name=name, fields=fields, occurred_at=at, received_at=at, source="test",
                message_id=f"m{len(found)}", user_id=f"u{user}",
            )
        )  # fmt: skip

    for user in range(people):
        first = NOON + user * 31 * HOUR
        zone = ("UTC", "Europe/Berlin", "America/New_York")[user % 3]
        add(user, MessageKind.IDENTIFY, "customer_updated", first, {"email": f"u{user}@example.test", "timezone": zone})
        add(user, MessageKind.TRACK, "signed_up", first + 1, {})
        for number in range(9):
            at = first + (number * (50 + user * 7 % 60) + user % 11) * HOUR + number
            if number % 3 == 2:
                fields = {"order_id": f"o{user}.{number}", "total": 20 + (user * 17 + number * 31) % 90}
                add(user, MessageKind.TRACK, "order_completed", at, fields)
            else:
                fields = {"cart_id": f"k{number % 2}", "total": 10 + (user * 13 + number * 29) % 90}
                add(user, MessageKind.TRACK, "cart_updated", at, fields)
        if user % 5 == 0:
            add(user, MessageKind.TRACK, "nps_answered", first + 20 * DAY, {"score": 3})
    return sorted((one for one in found if one.received_at < END), key=lambda one: one.received_at)


def live(plan: Plan, store: Store, given: Sequence[Message], start: Instant) -> VirtualEngine:
    """An engine that has taken messages one by one, each at its time."""
    world = VirtualEngine(plan, start, batch=1, store=store)
    tell(world, given)
    return world


def tell(world: VirtualEngine, given: Sequence[Message]) -> None:
    """Take messages one by one, each at its time."""
    for message in given:
        world.move_to(message.received_at - 1)
        world.now = message.received_at
        world.send(message)


def past(project: Project) -> None:
    """Let the project's daemon have run under its rules all the time; its store is where retain.yaml says."""
    with Store.open(project.dir / "retain.db", scratch=True) as store:
        world = live(project.plan(), store, messages(), NOON)
        world.move_to(END)


def deployed(project: Project, path: Path, rules: Plan) -> dict[str, Any]:
    """What happens to each person once these rules are deployed in a copy of the project's store and run on."""
    shutil.copy(project.dir / "retain.db", path)
    with Store.open(path, scratch=True) as store:
        world = VirtualEngine(project.plan(), END, batch=1, store=store)
        world.use(rules)
        world.move_to(END + AHEAD)
    return happened(path, END)


def played(path: Path, rules: Plan) -> dict[str, Any]:
    """What would have happened to each person, had these rules been deployed thirty days before the end."""
    start = END - SINCE
    nothing = make_plan(replace(rules.ruleset, rules={}), rules.schema, rules.registry, rules.defaults)
    found = messages()
    with Store.open(path, scratch=True) as store:
        world = live(nothing, store, [one for one in found if one.received_at < start], NOON)
        world.move_to(start)
        world.use(rules)
        tell(world, [one for one in found if one.received_at >= start])
        world.move_to(END)
    return happened(path, start)


def happened(path: Path, since: Instant) -> dict[str, Any]:
    """What rules did to each person since an instant, read from the tables alone."""
    with sqlite3.connect(path) as db:
        keys = {number: key.removeprefix("user:") for number, key in db.execute("SELECT id, key FROM customers")}
        found: dict[str, list[Any]] = defaultdict(list)
        for customer, rule, count in db.execute(
            "SELECT customer, rule, count(*) FROM runs WHERE started_at >= ? AND arm = 'live' GROUP BY 1, 2", (since,)
        ):
            found[keys[customer]].append(["runs", rule, count])
        for customer, rule, action, inputs, at in db.execute(
            "SELECT customer, rule, action, inputs, sent_at FROM effects"
            " WHERE sent_at >= ? AND arm = 'live' AND state = 'done'", (since,),
        ):  # fmt: skip
            found[keys[customer]].append(["sent", rule, action, json.loads(inputs), at])
        for customer, rule, at, seen in db.execute(
            "SELECT customer, rule, at, seen FROM decisions WHERE kind = 'effect' AND outcome = 'applied' AND at >= ?",
            (since,),
        ):
            found[keys[customer]].append(["applied", rule, at, json.loads(seen)])
        for customer, name, body, at in db.execute(
            "SELECT customer, name, body, occurred_at FROM events WHERE cause_seq IS NOT NULL AND depth > 0"
            " AND occurred_at >= ?", (since,),
        ):  # fmt: skip
            found[keys[customer]].append(["made", name, json.loads(body), at])
        for number, fields in db.execute("SELECT id, fields FROM customers"):
            found[keys[number]].append(["fields", json.loads(fields)])
        for customer, kind, owner, state in db.execute("SELECT customer, kind, owner, state FROM records"):
            if customer is not None:
                found[keys[customer]].append(["record", kind, owner, state])
    return {name: Counter(json.dumps(one, sort_keys=True) for one in entries) for name, entries in found.items()}


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """The people to whom something else happens."""
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}
