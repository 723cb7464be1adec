"""The rules that one kind of event may start: which of them to look at, and which of those their `if` refuses.

Those that an index finds are asked together, so that what fails at its `if` costs no call.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from retain.language.condition import Condition
from retain.language.index import Filed, Index
from retain.language.rules import EventTrigger, Rule
from retain.language.scope import Scope
from retain.language.screening.screen import Screen
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


class Asked(NamedTuple):
    """Conditions among many: how an index finds each of them, and the clauses that are asked once it is found."""

    filed: Sequence[Filed]
    clauses: Sequence[Sequence[Node]]


_NOTHING = Asked((), ())


class Sight(NamedTuple):
    """What came of a look.

    Args:
        looked_at, failing, digits: of the candidates, as in `Look`; there may be further bits in the digits.
        watched: bits of the conditions looked at beside them, of which no clause fails.
    """

    looked_at: int
    failing: int
    digits: Sequence[int]
    watched: int


_UNSEEN = Sight(0, 0, (), 0)


class Candidates:
    """The candidates of one event name, in the order of rule ids and triggers.

    Args:
        event: the name.
        every: whether none is left out.
        watched: conditions that are looked at beside them, because the same event may move them.
    """

    def __init__(
        self, event: str, candidates: Sequence[Candidate], *, every: bool = False, watched: Asked = _NOTHING
    ) -> None:
        self.event, self.all = event, candidates
        self._index = Index([() if every else candidate.nodes for candidate in candidates])
        clauses = [_asked(candidate) for candidate in candidates]
        self.screen = Screen([*self._index.filed, *watched.filed], [*clauses, *watched.clauses])
        self._orders = [candidate.order for candidate in candidates]
        self._own = (1 << len(candidates)) - 1
        self._width = max(max(map(len, clauses), default=0) - 1, 0).bit_length()
        self._is_any = bool(candidates or watched.clauses)

    def look(self, scope: Scope) -> Sight:
        """Which of them are worth a look, at which clause the `if` of which refuses, and what is watched beside."""
        if not self._is_any:
            return _UNSEEN
        looked_at, failing, digits = self.screen.look(scope)
        watched = (looked_at ^ failing) >> len(self.all)
        return Sight(looked_at & self._own, failing & self._own, digits[: self._width], watched)

    def places(self, scope: Scope) -> list[int]:
        """The places of those worth a look, in order."""
        return self._index.places(scope)

    def up_to(self, order: tuple[str, int]) -> int:
        """Bits of all that are not behind an order."""
        return (1 << bisect_right(self._orders, order)) - 1


def _asked(candidate: Candidate) -> tuple[Node, ...]:
    condition = candidate.rule.condition
    if condition is None or not candidate.is_plain or len(condition.nodes) > _MOST_CLAUSES:
        return ()
    return condition.nodes
