"""Rules indexed for deciding: which rules an event can concern, and which facts must be loaded for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import cached_property

from retain.language.candidates import Asked, Candidate, Candidates
from retain.language.condition import Needs, needs_of
from retain.language.index import Index
from retain.language.rules import BecomesTrigger, EventTrigger, Rule, RuleSet, ScheduleTrigger
from retain.language.scope import Scope
from retain.language.screening.masks import places_of
from retain.language.screening.screen import Screen
from retain.language.syntax.ast import Node
from retain.language.types import Schema
from retain.model import Millis, digest
from retain.registry import RecordKind, Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What retain.yaml sets for every rule."""

    zone: tzinfo = UTC
    max_lateness: Millis = 24 * 3_600_000
    breaker_count: int = 0  # 0 is no site-wide breaker
    breaker_per: Millis = 3_600_000
    max_depth: int = 8  # events in a row that rules cause
    max_chain: int = 1000  # events in all that rules cause, directly or not, by one event or timer
    max_queue: int = 100


@dataclass(frozen=True, slots=True)
class Watch:
    """A `becomes` trigger of a rule, looked at when what it reads changes and at computed instants."""

    rule: Rule
    trigger: BecomesTrigger

    @property
    def id(self) -> str:
        """The identity of its state, the same as long as the condition means the same."""
        return self.trigger.watch

    @property
    def order(self) -> tuple[str, str]:
        """Watches are looked at in this order."""
        return self.rule.id, self.trigger.path


class WatchGroup:
    """Watches that one event name or one field can move, indexed by what their conditions imply about the customer."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self.all = sorted(watches, key=lambda watch: watch.order)
        self._places: dict[str, list[int]] = defaultdict(list)
        for place, watch in enumerate(self.all):
            self._places[watch.id].append(place)
        conditions = [watch.trigger.condition.nodes for watch in self.all]
        still = [[node for node in nodes if _stands_still(node)] for nodes in conditions]
        self.asked = Asked(Index(conditions).filed, still)

    @cached_property
    def _screen(self) -> Screen:
        return Screen(*self.asked)

    def possible(self, scope: Scope) -> int:
        """Bits of those of which no part is not true that only a change of a field can make true."""
        look = self._screen.look(scope)
        return look.looked_at ^ look.failing

    def worth_a_look(self, worth: int, states: Iterable[str]) -> list[Watch]:
        """Those that can be true now, and those of which the customer has a state that may have to go.

        A watch is left out where a part of its condition is not true that only a change of a field can make true: that
        change will look at it. While time or an event can, its next look must be computed.

        Args:
            worth: bits of those that are possible.
            states: identities of the watches of which there is a state.
        """
        for state in states:
            for place in self._places.get(state, ()):
                worth |= 1 << place
        return [self.all[place] for place in places_of(worth)] if worth else []


def _stands_still(node: Node) -> bool:
    """Whether neither time nor an event can change a condition."""
    needs = needs_of(node)
    return not needs.uses_time and not needs.events


@dataclass(frozen=True)
class Planned:
    """A `schedule` trigger of a rule."""

    rule: Rule
    trigger: ScheduleTrigger

    @property
    def is_personal(self) -> bool:
        """Whether each customer has an own planned instant: by a date field, or by cron in the customer's zone."""
        return self.trigger.field_schedule is not None or bool(self.trigger.timezone_field)

    @cached_property
    def id(self) -> str:
        """The identity of its state; a new text of the schedule is a new state."""
        trigger = self.trigger
        text = f"{trigger.cron}|{trigger.field_schedule}|{trigger.timezone}|{trigger.timezone_field}"
        return "s" + digest(self.rule.was or self.rule.id, trigger.path, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A rule set with its indexes. `pinned` adds older revisions that waiting runs still follow."""

    rules: Mapping[str, Rule]
    ruleset: RuleSet
    schema: Schema
    registry: Registry
    defaults: Defaults
    by_event: Mapping[str, tuple[Candidate, ...]]  # in the order of rule ids and triggers
    watches: tuple[Watch, ...]
    watches_by_event: Mapping[str, tuple[Watch, ...]]
    watches_by_field: Mapping[str, tuple[Watch, ...]]  # by first part of the customer field
    personal_schedules: tuple[Planned, ...]  # by each customer's own dates or zone
    crons: tuple[Planned, ...]  # at one instant for everybody
    closed_by: Mapping[str, tuple[RecordKind, ...]]  # by name of the event that closes such records
    state_ids: frozenset[str]  # of all watches and personal schedules
    needs: Needs
    revisions: dict[str, Rule] = field(default_factory=dict)  # by revision hash; pinned ones are added when met
    counted: dict[str, Millis] = field(default_factory=dict)  # rule id -> how far back its at_most counts runs
    found: dict[tuple[str, bool], Candidates] = field(default_factory=dict)  # indexes; made when first asked for
    watched: dict[tuple[str, bool], WatchGroup] = field(default_factory=dict)

    def pin(self, rule: Rule) -> None:
        """Add a text that runs follow."""
        self.revisions[rule.revision] = rule
        if rule.runs.at_most is not None:
            longest = max(self.counted.get(rule.id, 0), rule.runs.at_most.per)
            self.counted.update(dict.fromkeys(filter(None, (rule.id, rule.was)), longest))

    def candidates(self, event: str, *, every: bool = False) -> Candidates:
        """The rules that an event may start, indexed by what their conditions imply.

        Args:
            every: whether none is left out, for whoever counts what was refused.
        """
        found = self.found.get((event, every))
        if found is None:
            watched = self.watch_group(event).asked
            found = Candidates(event, self.by_event.get(event, ()), every=every, watched=watched)
            self.found[event, every] = found
        return found

    def watch_group(self, name: str, *, is_field: bool = False) -> WatchGroup:
        """The watches that an event of a name, or a change of a field by the first part of its name, can move."""
        found = self.watched.get((name, is_field))
        if found is None:
            watches = self.watches_by_field if is_field else self.watches_by_event
            found = self.watched[name, is_field] = WatchGroup(watches.get(name, ()))
        return found


def make_plan(ruleset: RuleSet, schema: Schema, registry: Registry, defaults: Defaults) -> Plan:
    """Index a rule set. Rules keep the order of their ids everywhere, so that decisions do not depend on files."""
    rules = dict(sorted(ruleset.rules.items()))
    by_event: dict[str, list[Candidate]] = defaultdict(list)
    watches: list[Watch] = []
    schedules: list[Planned] = []
    for rule in rules.values():
        for index, trigger in enumerate(rule.triggers):
            if isinstance(trigger, EventTrigger):
                by_event[trigger.event].append(Candidate.of(rule, index))
            elif isinstance(trigger, BecomesTrigger):
                watches.append(Watch(rule, trigger))
            else:
                schedules.append(Planned(rule, trigger))
    plan = Plan(
        rules=rules,
        ruleset=ruleset,
        schema=schema,
        registry=registry,
        defaults=defaults,
        by_event={name: tuple(found) for name, found in by_event.items()},
        watches=tuple(watches),
        watches_by_event=_watches_by(watches, lambda needs: needs.events),
        watches_by_field=_watches_by(watches, lambda needs: {name.split(".")[0] for name in needs.customer}),
        personal_schedules=tuple(planned for planned in schedules if planned.is_personal),
        crons=tuple(planned for planned in schedules if not planned.is_personal),
        closed_by=_closed_by(registry),
        state_ids=frozenset(
            [watch.id for watch in watches] + [planned.id for planned in schedules if planned.is_personal]
        ),
        needs=Needs.union(*(rule.needs for rule in rules.values())),
    )
    for rule in rules.values():
        plan.pin(rule)
    return plan


def _closed_by(registry: Registry) -> Mapping[str, tuple[RecordKind, ...]]:
    found: dict[str, list[RecordKind]] = defaultdict(list)
    for kind in registry.record_kinds.values():
        for event in kind.closed_by:
            found[event].append(kind)
    return {event: tuple(kinds) for event, kinds in found.items()}


def _watches_by(watches: Iterable[Watch], names: Callable[[Needs], Iterable[str]]) -> Mapping[str, tuple[Watch, ...]]:
    found: dict[str, list[Watch]] = defaultdict(list)
    for watch in watches:
        for name in names(watch.trigger.condition.needs):
            found[name].append(watch)
    return {name: tuple(entry) for name, entry in found.items()}
