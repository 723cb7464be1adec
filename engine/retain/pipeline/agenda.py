"""What is to be decided next, in one global order that does not depend on the size of a batch.

Items go by (instant, kind, id): an event at its received_at, before the timers that are due at that same instant. A
source that was cut off by the batch size cuts the agenda at its last item, so that nothing later overtakes it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from retain.model import Effect, Event, Instant
from retain.store.store import Store

EVENT, RUN, EFFECT, LOOK = range(4)
KIND_NAMES = ("event", "run", "effect", "look")
_KINDS = {"run": RUN, "effect": EFFECT, "look": LOOK}

Key: TypeAlias = tuple[Instant, int, int, str]
FAR: Key = (1 << 60, 0, 0, "")


@dataclass(slots=True)
class Agenda:
    """The items of one batch, and the customers whose facts they need."""

    heap: list[Key] = field(default_factory=list)
    events: dict[int, Event] = field(default_factory=dict)
    effects: dict[str, Effect] = field(default_factory=dict)
    run_customers: dict[str, int] = field(default_factory=dict)
    cut: Key = FAR
    truncated: bool = False
    looks: bool = True

    def customers(self) -> set[int]:
        """Everyone whose facts are needed."""
        found = {key[2] for key in self.heap if key[1] == LOOK}
        found.update(self.run_customers.values())
        found.update(effect.customer for effect in self.effects.values())
        for event in self.events.values():
            found.add(event.customer)
            if event.merged_from is not None:
                found.add(event.merged_from)
        return found

    def pop(self, wakes: list[tuple[Instant, str, str]]) -> Key | None:
        """The next item up to the cut; None when the batch is done.

        Args:
            wakes: timers that decisions have set since the last item; they are taken out.
        """
        if wakes:
            self.wake(wakes)
            wakes.clear()
        while self.heap:
            key = heapq.heappop(self.heap)
            if key > self.cut:
                return None
            if not self.heap or self.heap[0] != key:
                return key
        return None

    def wake(self, wakes: Iterable[tuple[Instant, str, str]]) -> None:
        """Add timers that decisions of this batch have set; those past the cut are found by the next batch."""
        for at, kind, name in wakes:
            if kind == "look" and not self.looks:
                continue
            key = (at, LOOK, int(name), "") if kind == "look" else (at, _KINDS[kind], 0, name)
            if key <= self.cut:
                heapq.heappush(self.heap, key)

    def keep_first(self) -> None:
        """Only the first item: how a batch that failed is decided again, one by one."""
        if self.heap:
            self.cut = min(self.cut, self.heap[0])
            self.heap = [self.heap[0]]
            self.truncated = True
            kept = self.heap[0]
            self.events = {seq: event for seq, event in self.events.items() if kept[1] == EVENT and seq == kept[2]}


def make_agenda(
    store: Store,
    until: Instant,
    limit: int,
    held: frozenset[str] | None,
    *,
    inline: bool,
    looks: bool = True,
    ahead: bool = False,
) -> Agenda:
    """Everything due up to an instant, at most `limit` of each kind.

    Args:
        held: rules whose runs do not wake now; None = no run wakes.
        inline: delayed effects are decided here too; otherwise the outbox claims them.
        looks: whether time may start something; without, only runs that wait go on.
        ahead: events that were received later are due too: the clock was set back, or another worker's is ahead.
    """
    agenda = Agenda(cut=(until, LOOK + 1, 0, ""))
    keys: list[Key] = []
    reached = 0
    events = store.undecided(limit, None if ahead else until)
    for event in events:
        reached = min(max(reached, event.received_at), until)
        keys.append((reached, EVENT, event.seq, ""))
        agenda.events[event.seq] = event
    _cut(agenda, keys, limit if store.has_more else len(events), limit)
    runs = store.due_runs(until, limit, held)
    keys += (run_keys := [(at, RUN, 0, run_id) for at, run_id, _ in runs])
    agenda.run_customers = {run_id: customer for _, run_id, customer in runs}
    _cut(agenda, run_keys, len(runs), limit)
    due = store.due_customers(until, limit) if looks else []
    keys += (look_keys := [(at, LOOK, customer, "") for at, customer in due])
    _cut(agenda, look_keys, len(due), limit)
    agenda.looks = looks
    if inline:
        effects = store.due_effects(until, limit)
        agenda.effects = {effect.id: effect for effect in effects}
        keys += (effect_keys := [(effect.due_at, EFFECT, 0, effect.id) for effect in effects])
        _cut(agenda, effect_keys, len(effects), limit)
    agenda.heap = [key for key in keys if key <= agenda.cut]
    heapq.heapify(agenda.heap)
    if len(agenda.heap) < len(keys):
        _drop_past_cut(agenda)
    return agenda


def _cut(agenda: Agenda, keys: list[Key], found: int, limit: int) -> None:
    if found >= limit and keys:
        agenda.cut = min(agenda.cut, keys[-1])
        agenda.truncated = True


def _drop_past_cut(agenda: Agenda) -> None:
    kept = set(agenda.heap)
    seqs = {key[2] for key in kept if key[1] == EVENT}
    names = {key[3] for key in kept}
    agenda.events = {seq: event for seq, event in agenda.events.items() if seq in seqs}
    agenda.run_customers = {run: customer for run, customer in agenda.run_customers.items() if run in names}
    agenda.effects = {name: effect for name, effect in agenda.effects.items() if name in names}
