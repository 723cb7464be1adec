"""A condition: clauses joined by and, checked, compiled on first use, the same in every evaluator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

from retain.language.change.motion import NEVER, earliest
from retain.language.change.next_change import NextChange, compile_next_change
from retain.language.change.turning import next_turn_of
from retain.language.codegen.conditions import compile_condition, compile_test, compile_value
from retain.language.evaluation.interpreter import evaluate
from retain.language.evaluation.render import render
from retain.language.evaluation.values import to_json, type_of
from retain.language.evaluation.windows import reach
from retain.language.scope import Scope
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.model import Instant, Json, Millis, Place, digest

MAX_TURNS = 20  # instants of single clauses to try; from then on each is followed to its next change
MAX_FOLLOWED = 50  # instants to try on the way to the one at which the whole is another


@dataclass(frozen=True, slots=True)
class Needs:
    """Which facts an expression reads, so that they can be loaded before deciding and nothing else is; and its names.

    Args:
        customer: dotted customer fields.
        events: event name to how far back it is looked at in milliseconds; None is all history.
        event_fields: dotted fields of the event being decided.
        uses_time: whether time alone can change the value.
        names: segments and metrics that it stands on, as "segment vip" or "metric spend", also inside others.
    """

    customer: frozenset[str] = frozenset()
    events: Mapping[str, Millis | None] = field(default_factory=dict)
    event_fields: frozenset[str] = frozenset()
    uses_time: bool = False
    names: frozenset[str] = frozenset()

    @staticmethod
    def union(*needs: Needs) -> Needs:
        """All that any of them needs; of two windows the longer."""
        if len(needs) == 1:
            return needs[0]
        events: dict[str, Millis | None] = {}
        for need in needs:
            for name, far in need.events.items():
                known = events.get(name, 0)
                events[name] = None if far is None or known is None else max(far, known)
        return Needs(
            frozenset().union(*(need.customer for need in needs)),
            events,
            frozenset().union(*(need.event_fields for need in needs)),
            any(need.uses_time for need in needs),
            frozenset().union(*(need.names for need in needs)),
        )


class Pinned(NamedTuple):
    """What a waiting run holds on to, and what must be loaded to decide it."""

    revision: str  # names the text with everything that a waiting run is pinned to
    source: Mapping[str, Json]  # the rule as written, and what it names: pinned text
    needs: Needs  # of everything in it


def needs_of(node: Node) -> Needs:
    """The facts that an expression reads, also through segments, metrics and functions."""
    return Needs.union(*(_own_needs(part) for part in _everything(node) if isinstance(part, _READING)))


_READING = (ast.Field, ast.History, ast.MetricRef, ast.InSegment, ast.Call)


def _everything(node: Node) -> Iterator[Node]:
    """This node and all below it, shared bodies of metrics and segments once."""
    seen: set[int] = set()
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, (ast.MetricRef, ast.InSegment)):
            if id(part.body) in seen:
                continue
            seen.add(id(part.body))
        yield part
        waiting.extend(part.children())


def _own_needs(node: Node) -> Needs:
    match node:
        case ast.Field(root="customer", path=path):
            return Needs(customer=frozenset({path}))
        case ast.Field(root="event", path=path):
            return Needs(event_fields=frozenset({path}))
        case ast.History(event=event, event2=event2, window=window):
            moves = window is not None and window.form not in ("since", "start")
            events = {name: reach(window) for name in (event, event2) if name}
            return Needs(events=events, uses_time=moves or node.function == "days_since")
        case ast.MetricRef(name=name):
            return Needs(names=frozenset({f"metric {name}"}))
        case ast.InSegment(name=name):
            return Needs(names=frozenset({f"segment {name}"}))
        case ast.Call(function="known_days" | "days_since" | "days_until" | "age"):
            return Needs(uses_time=True)
        case _:
            return Needs()


@dataclass(frozen=True, slots=True)
class Clause:
    """One item of a list of conditions: a test, or a group of further clauses; `node` is the whole as one tree.

    Args:
        path: in its rule, e.g. "if[1].any[0]".
        text: as written; of a group its word.
        group: `any` is or, `all` is and, `none` is not (a or b), in Kleene's logic.
    """

    path: str
    text: str
    place: Place
    node: Node
    group: Literal["test", "any", "all", "none"] = "test"
    children: tuple[Clause, ...] = ()

    @staticmethod
    def of_group(group: Literal["any", "all", "none"], path: str, place: Place, children: tuple[Clause, ...]) -> Clause:
        """A group, with its tree made from those of its children."""
        return Clause(path, group, place, _joined(group, tuple(child.node for child in children)), group, children)


def _joined(group: Literal["any", "all", "none"], parts: tuple[Node, ...]) -> Node:
    type_ = type_of(parts[0]).as_nullable(any(type_of(part).nullable for part in parts))
    if group == "all":
        return ast.And(start=0, end=0, type=type_, parts=parts)
    any_of = ast.Or(start=0, end=0, type=type_, parts=parts)
    return any_of if group == "any" else ast.Not(start=0, end=0, type=type_, part=any_of)


@dataclass(frozen=True)
class Condition:
    """Clauses joined by and: true only if each is true."""

    clauses: tuple[Clause, ...]

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The tree of each clause."""
        return tuple(clause.node for clause in self.clauses)

    @cached_property
    def needs(self) -> Needs:
        """The facts that it reads."""
        return Needs.union(*map(needs_of, self.nodes))

    @cached_property
    def first_failing(self) -> Callable[[Scope], int]:
        """Generated code: the index of the first clause that is not true, or -1."""
        return compile_condition(self.nodes)

    def is_true(self, scope: Scope) -> bool:
        """Whether every clause is true; an unknown is not."""
        return self.first_failing(scope) < 0

    def verdict(self, scope: Scope) -> bool | None:
        """True, false, or None where a missing value leaves it open."""
        verdicts = [evaluate(node, scope) for node in self.nodes]
        return False if False in verdicts else None if None in verdicts else True

    def next_change(self, scope: Scope) -> Instant | None:
        """The earliest instant after now at which the verdict can change with no new fact; None is never.

        It may be early, never late.
        """
        if not self.needs.uses_time and not self.needs.events:
            return None
        return self._next_change(scope)

    @cached_property
    def _next_change(self) -> NextChange:
        return compile_next_change(self._whole, self.verdict)

    @cached_property
    def _whole(self) -> Node:
        return ast.And(start=0, end=0, parts=self.nodes)

    def next_look(self, scope: Scope, failing: int) -> Instant | None:
        """The next instant worth a look for whoever only asks whether it is true; None is never.

        While one clause is not true the whole cannot be, so only that clause is followed, and where it turns true, the
        next one that is not.

        Args:
            failing: what `first_failing` says at this instant.
        """
        if not self.needs.uses_time:
            return None
        at: Instant | None = None
        is_true = failing < 0
        for tried in range(MAX_FOLLOWED):
            following = self._next_turns if tried < MAX_TURNS else self._next_changes
            at = following[failing](scope) if failing >= 0 else earliest(*(follow(scope) for follow in following))
            if at is None or at >= NEVER:
                return None
            scope = scope.at(at)
            failing = self.first_failing(scope)
            if (failing < 0) is not is_true:
                return at
        return at

    @cached_property
    def _next_changes(self) -> tuple[NextChange, ...]:
        """Of each clause, when it turns true or ceases to be."""
        return tuple(compile_next_change(node, compile_test(node)) for node in self.nodes)

    @cached_property
    def _next_turns(self) -> tuple[NextChange, ...]:
        """Of each clause, an instant before which it does neither."""
        changes = enumerate(next_turn_of(node) for node in self.nodes)
        return tuple(turn or self._next_changes[index] for index, turn in changes)

    @cached_property
    def can_be_unknown(self) -> bool:
        """Whether a missing value can leave the verdict open."""
        return any(type_of(node).nullable for node in self.nodes)

    @cached_property
    def key(self) -> str:
        """A digest of the meaning: segments, metrics and functions written out, spelling and places left out."""
        return digest(*(render(node, inline=True) for node in self.nodes))


@dataclass(frozen=True)
class Expression:
    """One value: a metric, a key, the inside of `{{ }}`."""

    text: str
    node: Node
    place: Place

    @cached_property
    def needs(self) -> Needs:
        """The facts that it reads."""
        return needs_of(self.node)

    @cached_property
    def value(self) -> Callable[[Scope], Json]:
        """Generated code: the value as the language holds it (money as an integer of its parts), None where missing."""
        return compile_value(self.node)

    def json(self, scope: Scope) -> Json:
        """The value as JSON: money as a decimal number, instants and dates as ISO texts."""
        return to_json(self.value(scope), type_of(self.node), scope.zone)

    @cached_property
    def key(self) -> str:
        """A digest of the meaning, as of a condition."""
        return digest(render(self.node, inline=True))
