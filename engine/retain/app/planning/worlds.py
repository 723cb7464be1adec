"""Worlds: scratch stores in which a rule set plays on, on a virtual clock, and what it does there to whom."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from retain.app.simulation.feeding import Given, Knowing, drain, feed, stand_in
from retain.decide.facts import Changes, Performed
from retain.language.plan import Plan
from retain.model import Effect, EffectState, Instant, Json, Message, MessageKind, Run, RunState
from retain.pipeline import Options, Pipeline
from retain.pipeline.operating import migrate, wake_held
from retain.store.copying import copy_state
from retain.store.store import Store

BATCH = 500
_NOT_DONE = (EffectState.REFUSED, EffectState.DEAD)
_ID = re.compile(r'"[0-9a-f]{16,40}(?:\.\d+)?"')
_UNSTARTED = (RunState.QUEUED, RunState.PARKED)


class Act(NamedTuple):
    """One thing that a run did: an action, an action that was refused or failed, new fields, an event.

    Args:
        what: `email.send`, `email.send refused: cap`, `set`, `emit NAME`.
        detail: its inputs, with the text of the message template that they name.
    """

    at: Instant
    what: str
    detail: str
    channel: str = ""
    is_done: bool = True


class Deed(NamedTuple):
    """One run that acts, and how it ended; `fate` is what ended it, else how it stands."""

    rule: str
    customer: int
    started_at: Instant
    fate: str
    ended_at: Instant | None
    acts: tuple[Act, ...]
    cause: str


@dataclass(slots=True)
class Log:
    """What happens in one world, told by its pipeline.

    Args:
        channels: of each action that is a message.
        letters: a digest of each message template's text.
    """

    channels: Mapping[str, str]
    letters: Mapping[str, str]
    _runs: dict[str, Run] = field(default_factory=dict)
    _acts: dict[str, list[Act]] = field(default_factory=lambda: defaultdict(list))
    _refused: dict[str, Act] = field(default_factory=dict)
    _refused_of: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    touched: set[int] = field(default_factory=set)  # customers whose fields a rule has set

    def performed(self, one: Performed) -> None:
        """An action was carried out, or stood in for."""
        if one.arm == "live":
            act = Act(one.at, one.action, self._detail(one.inputs), self.channels.get(one.action, ""))
            self._acts[one.run].append(act)

    def committed(self, changes: Changes) -> None:
        """A batch of decisions was written."""
        self._runs.update(changes.runs)
        for effect in changes.effects.values():
            if effect.state in _NOT_DONE and effect.arm == "live" and effect.id not in self._refused:
                self._refused[effect.id] = self._refusal(effect)
                self._refused_of[effect.run].append(effect.id)
        for event in (*changes.events, *changes.posted):
            if event.kind is MessageKind.SET:
                self.touched.add(event.customer)
                self._acts[event.origin].append(Act(event.received_at, "set", _text(event.fields)))
            elif event.origin and event.depth:
                self._acts[event.origin].append(Act(event.received_at, f"emit {event.name}", _text(event.fields)))

    def deeds(self) -> dict[str, Deed]:
        """The runs that act, by id; those of shadow rules and of control groups touch nobody."""
        return {
            run.id: Deed(
                rule=run.rule,
                customer=run.customer,
                started_at=run.started_at,
                fate=_fate(run),
                ended_at=run.ended_at,
                acts=(*self._acts.get(run.id, ()), *(self._refused[name] for name in self._refused_of[run.id])),
                cause=run.cause,
            )
            for run in self._runs.values()
            if run.arm == "live"
        }

    def _refusal(self, effect: Effect) -> Act:
        verb = "refused" if effect.state is EffectState.REFUSED else "failed"
        return Act(
            effect.created_at, f"{effect.action} {verb}: {effect.reason}", self._detail(effect.inputs), is_done=False
        )

    def _detail(self, inputs: Mapping[str, Json]) -> str:
        letter = self.letters.get(str(inputs.get("template", "")), "")
        return f"{_text(inputs)} {letter}" if letter else _text(inputs)


@dataclass(slots=True)
class World:
    """One rule set on a scratch store, from an instant on."""

    store: Store
    pipeline: Pipeline
    log: Log

    @staticmethod
    def of(store: Store, plan: Plan, log: Log, at: Instant) -> World:
        """A rule set on a store where it has been deployed, and what it has done there."""
        options = Options(batch=BATCH, virtual=True, respond=stand_in, observe=log.performed, committed=log.committed)
        return World(store, Pipeline(store, plan, at, options), log)

    @staticmethod
    def begin(store: Store, plan: Plan, letters: Mapping[str, str], at: Instant) -> World:
        """Deploy a rule set on a store, as a start of the daemon does: runs that wait follow their `on_change`."""
        channels = {name: action.channel for name, action in plan.registry.actions.items() if action.channel}
        world = World.of(store, plan, Log(channels, letters), at)
        wake_held(world.pipeline, at)
        migrate(world.pipeline, at)
        drain(world.pipeline, at)  # new watches look at everybody now, not when the next event comes
        return world

    def play(
        self,
        messages: Iterable[Message],
        until: Instant,
        given: Knowing,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Decide messages and what time brings up to an instant; how many messages were new."""
        events = feed(self.pipeline, given, messages, progress=progress)
        drain(self.pipeline, until)
        return events


def past_world(path: Path, plan: Plan, messages: Iterable[Message], until: Instant, given: Given) -> Knowing:
    """Make a store that knows what was received before an instant, though no rule has started on it."""
    with Store.open(path, scratch=True, log=False) as store:
        knowing = Knowing(store, given)
        pipeline = Pipeline(store, plan, 0, Options(batch=BATCH, virtual=True, respond=stand_in))
        feed(pipeline, knowing, messages)
        drain(pipeline, until)
        return knowing


def copy_of(store: Store, path: Path) -> Store:
    """A scratch copy of a store."""
    copy = Store.open(path, scratch=True, log=False)
    copy_state(store, copy)
    return copy


def _fate(run: Run) -> str:
    if run.ended_by:
        return run.ended_by
    return run.state.value if run.state in (*_UNSTARTED, RunState.HELD) else "waiting"


def _text(value: Json) -> str:
    """A value for comparing; ids that follow from a run's are left out, since an edited `becomes` names runs anew."""
    return _ID.sub('"…"', json.dumps(value, ensure_ascii=False, sort_keys=True, default=str))
