"""The rules that one kind of event may start: which of them to look at, and which of those their `if` refuses.

Those that an index finds are asked together by generated functions, so that what fails at its `if` costs no call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from retain.language.condition import Condition
from retain.language.index import Answer, Index, Screen
from retain.language.rules import EventTrigger, Rule
from retain.language.scope import Scope
from retain.language.syntax.ast import Node
from retain.model import Outcome

Refusal: TypeAlias = Answer  # revision, number of the outcome, clause

CONDITION = list(Outcome).index(Outcome.CONDITION)
_MOST_CLAUSES = 30  # of a condition that is asked together with others


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
        every: whether none is left out.
    """

    def __init__(self, candidates: Sequence[Candidate], *, every: bool = False) -> None:
        self.all = candidates
        self.index = Index([() if every else candidate.nodes for candidate in candidates])
        asked = [_asked(candidate) for candidate in candidates]
        refusals = [
            [(candidate.rule.revision, CONDITION, clause) for clause in range(len(nodes))]
            for candidate, nodes in zip(candidates, asked, strict=True)
        ]
        self.screen = Screen(self.index, asked, refusals)

    def look(self, scope: Scope) -> tuple[Sequence[int], list[Refusal | None]]:
        """The places of those worth a look, and for each why its `if` refuses it; None where more must be asked."""
        return self.screen.look(scope)

    def places(self, scope: Scope) -> list[int]:
        """The places of those worth a look, in order."""
        return sorted([*self.index.rest, *self.index.hits(scope)])


def _asked(candidate: Candidate) -> tuple[Node, ...]:
    condition = candidate.rule.condition
    if condition is None or not candidate.is_plain or len(condition.nodes) > _MOST_CLAUSES:
        return ()
    return condition.nodes
