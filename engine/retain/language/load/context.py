"""What reading one thing of a rule file has to know of all the others."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from jsonschema.protocols import Validator

from retain.errors import nearest
from retain.language.documents.nodes import MapNode, Node, Part, Scalar
from retain.language.documents.shapes import Problems
from retain.language.environment import Environment
from retain.language.load.values import json_schema_of, validator_of
from retain.language.message_templates import MessageTemplates
from retain.language.rules import Policy
from retain.language.time.schedules import Calendar
from retain.language.types import Schema, Type
from retain.model import Json, Problem, slug
from retain.registry import Action, ActionUse, Registry

CUSTOMER = frozenset({"customer", "metrics"})
STARTED = frozenset({"customer", "metrics", "event", "trigger"})
RUNNING = STARTED | {"steps"}
EACH_CURE = "give the schedule an `each`, or use a step that needs no customer"
UNREAD = "?"  # the event of a trigger that cannot be read: nothing is told that only follows from that

_MENTION = re.compile(r"(?:metrics\s*\.|segment)\s*([A-Za-z_]\w*)", re.IGNORECASE)


@dataclass(slots=True, kw_only=True)
class Names:
    """Everything that rules can name: filled in kind by kind, before the rules are read."""

    schema: Schema
    registry: Registry
    templates: MessageTemplates | None = None
    env: Environment  # with segments, metrics and functions; without an event
    calendars: dict[str, Calendar] = field(default_factory=dict)
    calendar_sources: dict[str, Json] = field(default_factory=dict)
    teams: dict[str, Mapping[str, Json]] = field(default_factory=dict)
    tiers: dict[str, Mapping[str, Json]] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    sources: dict[str, Json] = field(default_factory=dict)  # "segment vip", "metric spend" -> as written
    uses: dict[str, frozenset[str]] = field(default_factory=dict)  # of those, what each names, also through others
    broken: dict[str, str] = field(default_factory=dict)  # of those, which have an error, and where
    _environments: dict[Hashable, tuple[Environment, Environment]] = field(default_factory=dict)
    _validators: dict[str | Type, Validator] = field(default_factory=dict)

    def environment(
        self, roots: frozenset[str], events: tuple[str, ...] | None = None, *, has_start: bool = False
    ) -> Environment:
        """The base environment with other roots and events; the same object for the same ones."""
        base, found = self._environments.get((roots, events, has_start), (None, self.env))
        if base is not self.env:
            found = replace(self.env, roots=roots, events=events, has_start=has_start)
            self._environments[roots, events, has_start] = self.env, found
        return found

    def validator(self, action: Action) -> Validator:
        """The compiled schema of an action's inputs."""
        found = self._validators.get(action.name)
        if found is None:
            found = self._validators[action.name] = validator_of(action.inputs)
        return found

    def validator_of_type(self, kind: Type) -> Validator:
        """The compiled schema of what a customer field can be set to."""
        found = self._validators.get(kind)
        if found is None:
            found = self._validators[kind] = validator_of(json_schema_of(kind))
        return found


@dataclass(slots=True, kw_only=True)
class Draft:
    """One rule while it is being read."""

    id: str
    state_id: str  # the id under which its state is kept, also after a renaming
    names: Names
    problems: Problems
    starts: tuple[str, ...] | None = None  # events that can start it; None where something else can too
    has_customer: bool = True
    env: Environment  # of the steps
    step_ids: set[str] = field(default_factory=set)
    mentions: set[str] = field(default_factory=set)  # segments, metrics and calendars that it names
    blamed: set[str] = field(default_factory=set)  # those of them that have an error
    vague_steps: set[str] = field(default_factory=set)  # ids of steps whose output nobody knows, as they have an error
    actions: list[ActionUse] = field(default_factory=list)
    waits_without_id: list[Node] = field(default_factory=list)

    def keep(self, found: Iterable[Problem], text: str) -> None:
        """Keep what was found in a text, unless it only follows from an error that was told where it is."""
        names = mentioned(text) & self.names.sources.keys()
        self.mentions |= names
        hurt = names & self.names.broken.keys()
        self.blamed |= hurt
        if any(f"steps.{step_id}." in text for step_id in self.vague_steps):
            return
        self.problems.extend(problem for problem in found if not hurt or problem.severity == "warning")

    def mention(self, name: str) -> None:
        """Note that the rule names a calendar."""
        self.mentions.add(name)
        if name in self.names.broken:
            self.blamed.add(name)

    def text_of(self, node: Part) -> str:
        """A node as it stands in its file."""
        return node.file.text[node.start : node.end]


@dataclass(frozen=True, slots=True)
class StepText:
    """One step as written: its map, the key that says what it does, its path in the rule and its id."""

    node: MapNode
    key: Scalar
    path: str
    id: str

    @property
    def value(self) -> Node:
        """What stands at the key."""
        return self.node.entries[self.key.text]


def mentioned(text: str) -> set[str]:
    """Names that could be segments or metrics of an expression: `segment vip`, `metric spend`."""
    lower = text.lower()
    if "metrics" not in lower and "segment" not in lower:
        return set()
    return {f"{'metric' if found[0][0] in 'mM' else 'segment'} {found[1]}" for found in _MENTION.finditer(text)}


def known_event(node: Node, names: Names, problems: Problems) -> str:
    """The slug of a declared event's name; empty where there is none of that name."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or not node.text.strip():
        problems.append(node.complain("E210", "an event is named by a text", "write event: order_completed"))
        return ""
    name = slug(node.text)
    if name in names.schema.events:
        return name
    near = nearest(name, names.schema.events)
    cure = f"did you mean {near}?" if near else f"declare it in schemas/events/{name or 'NAME'}.json"
    problems.append(node.complain("E112", f"no event is called {node.text!r}", cure))
    return ""


def optional(types: Mapping[str, Type]) -> dict[str, Type]:
    """The same fields, each possibly missing."""
    return {name: kind.as_nullable() for name, kind in types.items()}
