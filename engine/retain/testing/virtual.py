"""The real engine in memory on a virtual clock: same pipeline, same store, effects answered by a script."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from retain.decide.facts import Moment, Performed
from retain.decide.scopes import event_scope
from retain.instants import SECOND
from retain.language.condition import Needs
from retain.language.plan import Plan
from retain.model import DecisionRow, Effect, EffectState, Fields, Instant, Json, Message, MessageKind, slug
from retain.pipeline import Options, Pipeline
from retain.pipeline.load import load_customers
from retain.pipeline.operating import migrate
from retain.registry import Action, EffectResult
from retain.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an action answers in a test.

    Args:
        status: `later` leaves the effect without a result until `VirtualEngine.answer` gives it.
        retry_in: milliseconds until the next attempt of a `retry`.
    """

    status: Literal["done", "retry", "dead", "in_doubt", "later"] = "done"
    output: Fields = field(default_factory=dict)
    reason: str = ""
    retry_in: Instant = 5 * SECOND


@dataclass(slots=True)
class VirtualEngine:
    """An engine whose clock moves only when told.

    Args:
        plan: what is decided.
        start: where the clock begins.
        batch: the pipeline's batch size; what happens must not depend on it.
        answers: scripted answers by action, used up in order; after them the declared example.
    """

    plan: Plan
    start: Instant
    batch: int = 50
    answers: dict[str, deque[Answer]] = field(default_factory=dict)
    store: Store = field(default_factory=Store.in_memory)
    performed: list[Performed] = field(default_factory=list)
    tally: Counter[tuple[str, str]] = field(default_factory=Counter)
    visits: set[tuple[str, str]] = field(default_factory=set)
    now: Instant = field(init=False)
    pipeline: Pipeline = field(init=False)
    _sent: int = 0

    def __post_init__(self) -> None:
        self.now = self.start
        options = Options(
            batch=self.batch,
            virtual=True,
            respond=self._respond,
            observe=self.performed.append,
            tally=self.tally,
            visits=self.visits,
        )
        self.pipeline = Pipeline(self.store, self.plan, self.start, options)

    def use(self, plan: Plan) -> None:
        """Deploy other rules, as a reload does; runs that wait follow, what is true already is taken note of now."""
        self.plan = plan
        self.pipeline.use(plan, self.now)
        migrate(self.pipeline, self.now)
        self.move_to(self.now)

    def move_to(self, at: Instant) -> None:
        """Let time pass up to an instant, everything due on the way included."""
        while self.pipeline.step(at).more:
            pass
        self.now = max(self.now, at)

    def be_down_until(self, at: Instant) -> None:
        """Let time pass with the engine stopped; what was missed is decided at the end of it."""
        options = self.pipeline.options
        self.pipeline.options = replace(options, virtual=False)
        self.move_to(at)
        self.pipeline.options = options

    def send(self, *messages: Message) -> None:
        """Accept messages in one batch and decide them."""
        self.store.accept(messages, self.now)
        self.move_to(self.now)

    def event(
        self, customer: str, name: str, data: Fields | None = None, *, occurred_at: Instant | None = None
    ) -> None:
        """Something happens to a customer now (or happened earlier and is heard of now)."""
        self.send(self.message(customer, MessageKind.TRACK, slug(name), data or {}, occurred_at))

    def identify(self, customer: str, traits: Fields) -> None:
        """A customer's fields change now."""
        self.send(self.message(customer, MessageKind.IDENTIFY, "customer_updated", traits))

    def consent(self, customer: str, answers: Mapping[str, bool]) -> None:
        """A customer grants or withdraws purposes now."""
        for purpose, granted in answers.items():
            fields = {"purpose": purpose, "granted": granted}
            self.send(self.message(customer, MessageKind.CONSENT, "consent_changed", fields))

    def message(
        self, customer: str, kind: MessageKind, name: str, fields: Fields, occurred_at: Instant | None = None
    ) -> Message:
        """A message received now; a customer named `anonymous:X` has no user id."""
        self._sent += 1
        prefix, _, anonymous = customer.partition(":")
        is_anonymous = prefix == "anonymous" and bool(anonymous)
        return Message(
            kind=kind,
            name=name,
            fields=dict(fields),
            occurred_at=min(self.now, self.now if occurred_at is None else occurred_at),
            received_at=self.now,
            source="test",
            message_id=f"m{self._sent}",
            user_id="" if is_anonymous else customer,
            anonymous_id=anonymous if is_anonymous else "",
        )

    def answer(self, action: str, answer: Answer) -> int:
        """Give the result of every effect of an action that is still without one; how many there were."""
        waiting = [
            effect for effect in self.store.list_effects(states=[EffectState.SENDING]) if effect.action == action
        ]
        self.pipeline.finish([self._result(effect, answer) for effect in waiting], self.now)
        self.move_to(self.now)
        return len(waiting)

    def fields_of(self, customer: str) -> dict[str, Json]:
        """A customer's fields as they are now."""
        row = self.store.find_customer(customer)
        return {} if row is None else row.fields

    def is_in(self, customer: str, segment: str) -> bool:
        """Whether a customer is a member of a segment now, what has just happened included."""
        row = self.store.find_customer(customer)
        if row is None:
            return False
        condition = self.plan.ruleset.segments[segment].condition
        facts = self.pipeline.facts()
        facts.recall = None  # of whom is kept no more is known than the rules need
        facts.plan = replace(self.plan, needs=Needs.union(self.plan.needs, condition.needs))
        load_customers(self.store, facts, {row.id}, self.now)
        return condition.is_true(event_scope(facts.customer(row.id), Moment(self.now, self.now + 1)))

    def decisions(self, rule: str | None = None) -> list[DecisionRow]:
        """The full rows of the decision log, oldest first."""
        return self.store.decisions_of(rule=rule)[::-1]

    def _respond(self, effect: Effect, action: Action, at: Instant) -> EffectResult | None:
        script = self.answers.get(action.name)
        answer = script.popleft() if script else Answer(output=action.example.output)
        if answer.status == "later":
            return None
        return self._result(effect, answer, at)

    def _result(self, effect: Effect, answer: Answer, at: Instant | None = None) -> EffectResult:
        assert answer.status != "later"
        return EffectResult(
            effect_id=effect.id,
            status=answer.status,
            attempt=effect.attempt,
            output=answer.output,
            reason=answer.reason,
            retry_at=(self.now if at is None else at) + answer.retry_in if answer.status == "retry" else None,
        )
