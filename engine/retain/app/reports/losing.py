"""How many customers each clause of a segment or a rule loses: customer by customer, over the whole store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from retain.decide.facts import CustomerFacts, Facts, Moment
from retain.decide.scopes import event_scope
from retain.errors import NotFoundError
from retain.language.condition import Clause, Condition, Needs
from retain.language.evaluation.interpreter import evaluate
from retain.language.plan import Plan
from retain.language.rules import BecomesTrigger, ScheduleTrigger
from retain.model import Instant, Json
from retain.pipeline.load import load_customers
from retain.store.store import Store

_CHUNK = 500


@dataclass(slots=True)
class ClauseLoss:
    """What one clause does.

    Args:
        lost: who came as far as this clause and no farther.
        alone: who passes every other clause, so that this one alone keeps them out.
        unknown: those of `lost` for whom it is unknown, because a value is missing.
    """

    label: str
    text: str
    lost: int = 0
    alone: int = 0
    unknown: int = 0


@dataclass(slots=True)
class Losses:
    """The clauses of one condition in written order, and how many customers pass all of them."""

    name: str
    at: Instant
    customers: int = 0
    passing: int = 0
    clauses: list[ClauseLoss] = field(default_factory=list)

    def as_json(self) -> dict[str, Json]:
        """The losses for machines."""
        clauses = [
            {"label": one.label, "text": one.text, "lost": one.lost, "unknown": one.unknown, "alone": one.alone}
            for one in self.clauses
        ]
        return {"name": self.name, "customers": self.customers, "passing": self.passing, "clauses": clauses}


def losses_of(
    plan: Plan, store: Store, name: str, at: Instant, *, progress: Callable[[int], None] | None = None
) -> Losses:
    """Whom each clause of a segment, or of a rule's trigger and `if`, loses now.

    A condition on the event that a rule starts on is unknown here, because no event is being decided.

    Raises:
        NotFoundError: neither a segment nor a rule is called so.
    """
    clauses = list(_clauses(plan, name))
    needs = Needs.union(plan.needs, *(condition.needs for _, _, condition in clauses))
    told = Losses(name, at, clauses=[ClauseLoss(label, clause.text) for label, clause, _ in clauses])
    for customer in _everybody(replace(plan, needs=needs), store, at):
        scope = event_scope(customer, Moment.of_timer(at))
        verdicts = [evaluate(clause.node, scope) for _, clause, _ in clauses]
        told.customers += 1
        _count(told, verdicts)
        if progress is not None and not told.customers % _CHUNK:
            progress(told.customers)
    return told


def _count(told: Losses, verdicts: list[Json]) -> None:
    failing = [number for number, verdict in enumerate(verdicts) if verdict is not True]
    if not failing:
        told.passing += 1
        return
    first = told.clauses[failing[0]]
    first.lost += 1
    first.unknown += verdicts[failing[0]] is None
    if len(failing) == 1:
        first.alone += 1


def _clauses(plan: Plan, name: str) -> Iterator[tuple[str, Clause, Condition]]:
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


def _labelled(label: str, condition: Condition) -> Iterator[tuple[str, Clause, Condition]]:
    for number, clause in enumerate(condition.clauses, 1):
        yield f"{label} {number}", clause, condition


def _everybody(plan: Plan, store: Store, at: Instant) -> Iterator[CustomerFacts]:
    position = 0
    while ids := store.customer_ids_after(position, _CHUNK):
        facts = Facts(plan=plan)
        load_customers(store, facts, ids, at)
        for customer in ids:
            if customer in facts.customers:
                yield facts.customers[customer]
        position = ids[-1]
