"""One rule: its keys, and what they mean together."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from retain.language.checking.expressions import read_value
from retain.language.codes.table import CODES
from retain.language.condition import Condition
from retain.language.documents.nodes import ListNode, MapNode, Node, Scalar
from retain.language.documents.shapes import (
    Problems,
    good_name,
    read_choice,
    read_keys,
    read_limit,
    read_share,
    read_text,
    read_texts,
)
from retain.language.load.conditions import guarded, read_conditions
from retain.language.load.context import RUNNING, STARTED, UNREAD, Draft, Names
from retain.language.load.pinning import Pin
from retain.language.load.steps import read_steps
from retain.language.load.triggers import read_exits, read_goal, read_starts
from retain.language.rules import (
    Limit,
    Mode,
    OnChange,
    Rule,
    Runs,
    Status,
    Step,
)
from retain.language.syntax.ast import Field

KEYS = (
    "description", "owner", "tags", "status", "when", "if", "runs", "exit_when", "goal", "holdout", "breaker",
    "liveness", "then", "on_change", "was", "allow",
)  # fmt: skip
RUNS_KEYS = ("per", "mode", "at_most")
STATUS = ("live", "shadow", "off")
MODES = ("single", "restart", "queue", "parallel")
WARNINGS = tuple(code for code in CODES if code.startswith("W"))
ON_CHANGE = ("finish", "move", "exit")


def read_rule(key: Scalar, node: Node, names: Names) -> tuple[Rule | None, Problems, set[str]]:
    """A rule, what is wrong with it, and those of the names it uses that have an error themselves."""
    problems: Problems = []
    good_name(key, "a rule", problems)
    read = read_keys(node, KEYS, f"rule {key.text}", problems, required=("when", "then"), at=key)
    if read is None:
        return None, problems, set()
    was = read_text(read.get("was"), "was", problems)
    draft = Draft(id=key.text, state_id=was or key.text, names=names, problems=problems, env=names.environment(RUNNING))
    rule = _read(key, read, was, draft)
    failed = draft.blamed or any(problem.severity == "error" for problem in problems)
    told = [problem for problem in problems if problem.code not in rule.allow]
    return (None if failed else rule), told, draft.blamed


def _read(key: Scalar, node: MapNode, was: str, draft: Draft) -> Rule:
    problems = draft.problems
    when = node.get("when")
    if when is None:
        draft.starts = (UNREAD,)
    triggers = read_starts(when, draft) if when is not None else ()
    roots = RUNNING if draft.has_customer else RUNNING - {"customer", "metrics"}
    draft.env = draft.names.environment(roots, draft.starts, has_start=True)
    test = node.get("if")
    start = draft.names.environment(roots & STARTED, draft.starts)
    condition = read_conditions(test, start, "if", draft.keep) if test is not None else None
    runs = _read_runs(node.get("runs"), draft)
    exits = node.get("exit_when")
    exit_when = read_exits(exits, draft) if exits is not None else ()
    goal_node = node.get("goal")
    goal = read_goal(goal_node, draft) if goal_node is not None else None
    then = node.get("then")
    steps = _read_body(then, condition, draft, is_known=test is None or condition is not None)
    on_change = read_choice(node.get("on_change"), ON_CHANGE, "on_change", problems) or "finish"
    if on_change == "move":
        for wait in draft.waits_without_id:
            problems.append(
                wait.complain("W205", "a run that waits here cannot move to an edited rule", "give it an id")
            )
    return Rule(
        id=key.text,
        place=key.place,
        description=read_text(node.get("description"), "description", problems),
        owner=read_text(node.get("owner"), "owner", problems),
        tags=read_texts(node.get("tags"), "tags", problems),
        status=cast(Status, read_choice(node.get("status"), STATUS, "status", problems) or "live"),
        was=was,
        triggers=triggers,
        condition=condition,
        runs=runs,
        exit_when=exit_when,
        goal=goal,
        holdout=read_share(node.get("holdout"), "holdout", problems),
        breaker=read_limit(node.get("breaker"), "breaker", problems),
        liveness=read_limit(node.get("liveness"), "liveness", problems, "runs"),
        steps=steps,
        on_change=cast(OnChange, on_change),
        allow=_read_allow(node.get("allow"), problems),
        calendars={
            name: calendar for name, calendar in draft.names.calendars.items() if f"calendar {name}" in draft.mentions
        },
        uses=tuple(draft.actions),
        pin=Pin(node, draft),
    )


def _read_body(node: Node | None, condition: Condition | None, draft: Draft, *, is_known: bool) -> tuple[Step, ...]:
    """The steps; while `if` has an error nobody knows what it makes sure of, and no missing value is told."""
    if node is None:
        return ()
    told = len(draft.problems)
    steps = read_steps(node, "then", guarded(draft.env, condition), draft)[0]
    if not is_known:
        draft.problems[told:] = [problem for problem in draft.problems[told:] if problem.code != "W206"]
    return steps


def _read_allow(node: Node | None, problems: Problems) -> tuple[str, ...]:
    """Codes of warnings that are not told of this rule; an error cannot be allowed."""
    items = node.items if isinstance(node, ListNode) else [node] if node is not None else []
    return tuple(read_choice(item, WARNINGS, "an allowed warning", problems) for item in items)


def _read_runs(node: Node | None, draft: Draft) -> Runs:
    if node is None:
        return Runs()
    read = read_keys(node, RUNS_KEYS, "runs", draft.problems)
    if read is None:
        return Runs()
    mode = read_choice(read.get("mode"), MODES, "mode", draft.problems) or "single"
    at_most: Limit | None = read_limit(read.get("at_most"), "at_most", draft.problems)
    if at_most and mode == "restart":
        what = "a start that at_most refuses does not restart the run that waits"
        cure = "it goes on with the data it began with; leave out at_most if every start shall restart it"
        draft.problems.append(read.keys["at_most"].complain("W204", what, cure))
    per_node = read.get("per")
    per = _read_key(per_node, draft) if per_node is not None else ""
    return Runs(per=per, mode=cast(Mode, mode), at_most=at_most)


def _read_key(node: Node, draft: Draft) -> str:
    """The field whose value tells the runs of one customer apart."""
    cure = "write per: event.cart_id, or per: customer.company"
    if not isinstance(node, Scalar):
        draft.problems.append(node.complain("E210", "per must be one field", cure))
        return ""
    env = replace(draft.env, roots=draft.env.roots & STARTED)
    checked, found = read_value(node, env)
    draft.keep(found, node.text)
    if checked is None:
        return ""
    if not isinstance(checked, Field) or checked.root not in ("event", "customer"):
        draft.problems.append(node.complain("E210", "per must be one field of the event or the customer", cure))
        return ""
    if checked.type is not None and checked.type.kind in ("text_set", "number_set", "opaque"):
        draft.problems.append(node.complain("E312", f"{node.text} holds more than one value, and a key is one", cure))
    return f"{checked.root}.{checked.path}"
