"""What a text may name: the surroundings in which a condition or value is checked."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from retain.language.checking.guards import Guards
from retain.language.syntax.ast import Node
from retain.language.types import Schema, Type
from retain.model import Json
from retain.registry import Function

ALL_ROOTS: frozenset[str] = frozenset({"customer", "event", "steps", "trigger", "metrics"})
TRIGGER: Mapping[str, Type] = {
    "kind": Type("text", enum=("event", "becomes", "schedule")),
    "planned_at": Type("instant", nullable=True),
    "name": Type("text", nullable=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Schema, names and roots that a text may use; callers vary it with `dataclasses.replace`.

    Args:
        events: the event types that `event.` can be; a field must be usable for every one of them. None: there is no
            event (segments, `becomes`, schedules). An empty text among them stands for a trigger without an event.
        roots: which of customer, event, steps, trigger, metrics may be used; without customer there is no history.
        steps: by step id, the typed outputs.
        segments: checked conditions by name.
        metrics: checked values by name.
        named: what rule files define for functions of plugins: `tiers`, `teams`.
        has_start: whether there is a run, so that `since start` means something.
        guards: what conditions joined to this one by `and` already test for missing.
        memo: what was read before without a word, shared by all that `replace` makes of this; None keeps nothing.
    """

    schema: Schema = field(default_factory=Schema)
    events: tuple[str, ...] | None = None
    roots: frozenset[str] = ALL_ROOTS
    steps: Mapping[str, Mapping[str, Type]] = field(default_factory=dict)
    segments: Mapping[str, Node] = field(default_factory=dict)
    metrics: Mapping[str, Node] = field(default_factory=dict)
    functions: Mapping[str, Function] = field(default_factory=dict)
    named: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    has_start: bool = False
    guards: Guards = field(default_factory=Guards)
    memo: dict[Hashable, tuple[Environment, Node]] | None = field(default=None, compare=False)

    def remembered(self, kind: str, text: str) -> Node | None:
        """The tree that this text had in the same surroundings, where no more was known than now."""
        known = self.memo.get(self._key(kind, text)) if self.memo is not None else None
        if known is None or known[0].guards | self.guards != self.guards:
            return None
        return known[1]

    def remember(self, kind: str, text: str, node: Node) -> None:
        """Keep the tree of a text that has no problem; it must not be changed any more."""
        if self.memo is not None:
            self.memo[self._key(kind, text)] = self, node

    def _key(self, kind: str, text: str) -> Hashable:
        """All that the meaning depends on; the entry keeps this environment, so that no identity is used again."""
        parts = (self.schema, self.segments, self.metrics, self.functions, self.named)
        steps = id(self.steps) if "steps" in text.lower() else 0
        return kind, text, self.events, self.roots, self.has_start, steps, *map(id, parts)
