"""The rules that one kind of event may start: which of them to look at, and which of those their `if` refuses.

Those that an index finds are asked together, so that what fails at its `if` costs no call.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from retain.language.condition import Condition
from retain.language.index import Index
from retain.language.rules import EventTrigger, Rule
from retain.language.scope import Scope
from retain.language.screening.screen import Look, Screen
from retain.language.syntax.ast import Node
from retain.model import Outcome

Refusal: TypeAlias = tuple[str, int, int]  # revision, number of the outcome, clause

CONDITION = list(Outcome).index(Outcome.CONDITION)
_MOST_CLAUSES = 16  # of a condition that is asked together with others


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule that one of its triggers may start, with what the first checks ask for at hand.

    Args:
        index: of the trigger in the rule.
        own_if: the trigger's own condition.
        compared: fields of the starting event that a later event must have in common with it.
    """

    rule: Rule
    index: int
    own_if: Condition | None = None
    compared: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[str, int]:
        """Candidates are judged in this order."""
        return self.rule.id, self.index

    @property
    def is_plain(self) -> bool:
        """Whether nothing but its `if` can refuse a start of an event that is not late."""
        return self.rule.status != "off" and self.own_if is None and not self.compared and not self.rule.runs.per

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All that must be true for a start: the trigger's own condition and the rule's `if`."""
        conditions = (self.own_if, self.rule.condition)
        return tuple(node for condition in conditions if condition is not None for node in condition.nodes)

    @staticmethod
    def of(rule: Rule, index: int) -> Candidate:
        """One trigger of a rule."""
        trigger = rule.triggers[index]
        if not isinstance(trigger, EventTrigger):
            return Candidate(rule, index)
        awaited = (*rule.exit_when, *((rule.goal.trigger,) if rule.goal else ()))
        compared = [name for later in awaited if isinstance(later, EventTrigger) for name in later.same]
        return Candidate(rule, index, trigger.condition, tuple(dict.fromkeys(compared)))


class Candidates:
    """The candidates of one event name, in the order of rule ids and triggers.

    Args:
        event: the name.
        every: whether none is left out.
    """

    def __init__(self, event: str, candidates: Sequence[Candidate], *, every: bool = False) -> None:
        self.event, self.all = event, candidates
        self.index = Index([() if every else candidate.nodes for candidate in candidates])
        self.screen = Screen(self.index, [_asked(candidate) for candidate in candidates])
        self._orders = [candidate.order for candidate in candidates]

    def look(self, scope: Scope) -> Look:
        """Which of them are worth a look, and at which clause the `if` of which refuses."""
        return self.screen.look(scope)

    def places(self, scope: Scope) -> list[int]:
        """The places of those worth a look, in order."""
        return self.index.places(scope)

    def up_to(self, order: tuple[str, int]) -> int:
        """Bits of all that are not behind an order."""
        return (1 << bisect_right(self._orders, order)) - 1


def _asked(candidate: Candidate) -> tuple[Node, ...]:
    condition = candidate.rule.condition
    if condition is None or not candidate.is_plain or len(condition.nodes) > _MOST_CLAUSES:
        return ()
    return condition.nodes
