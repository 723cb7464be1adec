"""How many customers each clause of a segment or a rule loses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from retain.errors import NotFoundError
from retain.language.condition import Clause, Condition
from retain.language.plan import Plan
from retain.language.rules import BecomesTrigger, ScheduleTrigger
from retain.model import Instant, Json
from retain.pipeline.members import Loss, Members
from retain.store.store import Store


@dataclass(frozen=True, slots=True)
class ClauseLoss:
    """What one clause costs, and where it stands: "if 2", "becomes 1"."""

    label: str
    text: str
    loss: Loss


@dataclass(frozen=True, slots=True)
class Losses:
    """The clauses of one condition in written order, and how many customers pass all of them."""

    name: str
    customers: int
    clauses: list[ClauseLoss]

    @property
    def passing(self) -> int:
        """How many no clause loses."""
        return self.customers - sum(one.loss.lost for one in self.clauses)

    def as_json(self) -> dict[str, Json]:
        """The losses for machines."""
        clauses: list[Json] = [
            {
                "label": one.label,
                "text": one.text,
                "true": one.loss.held,
                "lost": one.loss.lost,
                "unknown": one.loss.unknown,
                "alone": one.loss.alone,
            }
            for one in self.clauses
        ]
        return {"name": self.name, "customers": self.customers, "passing": self.passing, "clauses": clauses}


def losses_of(plan: Plan, store: Store, name: str, at: Instant) -> Losses:
    """Whom each clause of a segment, or of a rule's trigger and `if`, loses at an instant, as the store knows them now.

    A condition on the event that a rule starts on is unknown here, because no event is being decided.

    Raises:
        NotFoundError: neither a segment nor a rule is called so.
    """
    labelled = list(_clauses(plan, name))
    if not labelled:
        return Losses(name, store.counts().customers, [])
    condition = Condition(tuple(clause for _, clause in labelled))
    customers, losses = Members(store, condition, plan.defaults.zone, at).losses()
    told = zip(labelled, losses, strict=True)
    return Losses(name, customers, [ClauseLoss(label, clause.text, loss) for (label, clause), loss in told])


def _clauses(plan: Plan, name: str) -> Iterator[tuple[str, Clause]]:
    segments, rules = plan.ruleset.segments, plan.rules
    if name in segments:
        yield from _labelled("if", segments[name].condition)
        return
    if name not in rules:
        raise NotFoundError("segment or rule", name, {*segments, *rules})
    rule = rules[name]
    for trigger in rule.triggers:
        if isinstance(trigger, BecomesTrigger):
            yield from _labelled("becomes", trigger.condition)
        elif isinstance(trigger, ScheduleTrigger) and trigger.each is not None:
            yield from _labelled("each", trigger.each)
    if rule.condition is not None:
        yield from _labelled("if", rule.condition)


def _labelled(label: str, condition: Condition) -> Iterator[tuple[str, Clause]]:
    for number, clause in enumerate(condition.clauses, 1):
        yield f"{label} {number}", clause
