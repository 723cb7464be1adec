"""The working set: every fact that a batch of decisions may read, and everything that they change.

It is plain memory. `pipeline` fills it with a fixed handful of queries and writes its changes in one transaction;
`decide` reads and changes it event by event, so that each decision sees those before it. Nothing here does I/O.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import NamedTuple, TypeAlias

from retain.decide.outcomes import Outcomes
from retain.decide.records import RecordBook
from retain.errors import NeedsError
from retain.language.plan import Plan, Watch
from retain.language.rules import Rule
from retain.language.scope import History
from retain.model import (
    Arm,
    Change,
    DecisionRow,
    Effect,
    Event,
    Fields,
    Instant,
    Json,
    Outcome,
    Run,
)
from retain.registry import Action, EffectResult, Veto

Respond: TypeAlias = Callable[[Effect, Action, Instant], EffectResult | None]  # None: the answer comes later
BeforeEffect: TypeAlias = Callable[[Effect, Fields, Instant], Veto | None]
Recall: TypeAlias = "Callable[[Collection[int], Instant], dict[int, CustomerFacts]]"

HELD_UNTIL: Instant = 1 << 52  # due_at of an effect that waits for a person to resume something

_DERIVED = 1 << 60

OUTCOMES = tuple(Outcome)
OUTCOME_NUMBER = {outcome: number for number, outcome in enumerate(OUTCOMES)}


class Moment(NamedTuple):
    """When a decision is made: `at` is what durations count from, `now` what conditions are evaluated at.

    For an event `now` is one millisecond after `at`, so that history includes the event itself.
    """

    at: Instant
    now: Instant
    seq: int = 0  # of the event being decided; 0 for a timer
    depth: int = 0

    @staticmethod
    def of_event(event: Event) -> Moment:
        """The moment of an event: received_at, seen one millisecond later."""
        return Moment(event.received_at, event.received_at + 1, event.seq, event.depth)

    @staticmethod
    def of_timer(at: Instant) -> Moment:
        """The moment of a timer: the instant at which it is decided."""
        return Moment(at, at)


@dataclass(frozen=True, slots=True)
class Performed:
    """One action that was carried out, or stood in for: what `simulate --effects` and tests look at."""

    at: Instant
    rule: str
    customer: str
    run: str
    step: str
    action: str
    inputs: Fields
    arm: Arm


@dataclass(slots=True)
class CustomerFacts:
    """One customer in the working set."""

    id: int
    key: str
    fields: dict[str, Json]
    stamps: dict[str, Instant]
    first_seen: Instant
    zone: tzinfo
    watches: dict[str, Json] = field(default_factory=dict)
    recheck_at: Instant | None = None
    first_seq: int = 0  # the event that made it
    is_new: bool = False  # made by an event of this batch
    history: History = field(default_factory=History)
    runs: dict[str, Run] = field(default_factory=dict)
    consents: dict[str, bool] = field(default_factory=dict)
    answered_at: dict[str, Instant] = field(default_factory=dict)  # when each of these answers was given
    sends: list[tuple[Instant, str, Arm]] = field(default_factory=list)  # (sent_at, channel, arm)
    metrics: dict[str, Json] = field(default_factory=dict)
    metrics_at: Instant = -1
    edits: int = 0  # grows with every change that a condition can see
    known_since: Instant = 0  # what deciding from then on needs is known

    def answer(self, purpose: str, granted: bool, at: Instant) -> None:
        """Note an answer about one purpose: the newest counts, of equal ones the withdrawal."""
        before = self.answered_at.get(purpose)
        if before is not None and (at < before or (at == before and granted)):
            return
        self.consents[purpose] = granted
        self.answered_at[purpose] = at

    def live_runs(self) -> list[Run]:
        """Runs that hold their key or still look for their goal, oldest first."""
        if not self.runs:
            return []
        found = [run for run in self.runs.values() if run.ended_by == "" or run.goal_until is not None]
        found = [run for run in found if run.state.value != "ended"]
        found.sort(key=_age)
        return found


def _age(run: Run) -> tuple[Instant, int, str]:
    # Derived events count down from -1 until the store numbers them, behind all that are accepted.
    seq = run.started_seq if run.started_seq >= 0 else _DERIVED - run.started_seq
    return run.started_at, seq, run.id


@dataclass(slots=True)
class Changes:
    """What the decisions of one batch want written."""

    customers: set[int] = field(default_factory=set)
    runs: dict[str, Run] = field(default_factory=dict)
    effects: dict[str, Effect] = field(default_factory=dict)
    cancelled: list[tuple[str, str]] = field(default_factory=list)  # (run id, reason): its pending effects
    events: list[Event] = field(default_factory=list)  # derived, with negative working numbers
    posted: list[Event] = field(default_factory=list)  # made for another customer, to be decided in their own turn
    summaries: list[tuple[int, Instant, Outcomes, list[Change]]] = field(default_factory=list)
    decisions: list[DecisionRow] = field(default_factory=list)
    consents: list[tuple[int, str, bool, Instant, str]] = field(default_factory=list)
    suppressions: list[tuple[str, str, str, Instant]] = field(default_factory=list)
    merges: list[tuple[int, int, Instant]] = field(default_factory=list)
    opened: set[str] = field(default_factory=set)  # runs that began in this batch
    looked_at_others: bool = False  # an action has read what belongs to more than its customer
    trips: list[tuple[str, str, Instant]] = field(default_factory=list)  # (rule, reason, at): breakers that opened
    channel_pauses: list[tuple[str, str, Instant]] = field(default_factory=list)


class FirstLook(NamedTuple):
    """Whom a new watch has still to look at, which starts nothing for those of whom it is true already."""

    watch: Watch
    since: Instant  # when it came
    after: int  # customers up to this number are looked at


@dataclass(slots=True, kw_only=True)
class Facts:
    """The working set of one batch."""

    plan: Plan
    customers: dict[int, CustomerFacts] = field(default_factory=dict)
    effects: dict[str, Effect] = field(default_factory=dict)
    records: RecordBook = field(default_factory=RecordBook)
    breakers: dict[str, deque[Instant]] = field(default_factory=dict)  # live starts per rule, ascending
    now: Instant = 0  # the present instant; 0 on a virtual clock, where it is that of what is decided
    paused: dict[tuple[str, str], str] = field(default_factory=dict)  # (scope, name) -> reason
    renamed: Mapping[str, str] = field(default_factory=dict)  # ids that rules had -> those that they have
    repeated: Collection[str] = ()  # ids of runs that ended long ago and whose cause has come again
    first_looks: Mapping[str, FirstLook] = field(default_factory=dict)  # by watch; backfills that are not done
    suppressed: dict[str, set[str]] = field(default_factory=dict)  # channel -> addresses
    refusing: dict[str, dict[str, Instant]] = field(default_factory=dict)  # channel -> domain -> when it refused us
    only_to: Callable[[str, str], bool] | None = None  # (channel, address) -> may be written to
    respond: Respond | None = None  # answers every effect at once, in `simulate` and tests; None = the outbox
    before_effect: BeforeEffect | None = None
    observed: list[Performed] | None = None  # the actions that were carried out, for whoever asks
    changes: Changes = field(default_factory=Changes)
    wakes: list[tuple[Instant, str, str]] = field(default_factory=list)  # (instant, kind, id) set by decisions
    derived: deque[Event] = field(default_factory=deque)  # events made by decisions, to be decided directly after
    applied: dict[int, list[Change]] = field(default_factory=dict)  # changes of derived events that already count
    tally: Counter[tuple[str, str]] | None = None  # (rule, outcome) of every start that was judged
    refused_alike: Counter[tuple[str, int]] = field(default_factory=Counter)  # beside the tally: (event, candidates)
    visits: set[tuple[str, str]] | None = None  # (rule, place in it) that was reached, for coverage
    recall: Recall | None = None  # customers as an earlier batch left them
    chain: int = 0  # events that decisions have made since the event or timer at hand
    next_number: int = -1  # working number of the next derived event

    def customer(self, customer_id: int) -> CustomerFacts:
        """A customer of this batch.

        Raises:
            NeedsError: it was not loaded for this batch.
        """
        found = self.customers.get(customer_id)
        if found is None:
            raise NeedsError(
                f"customer {customer_id} was not loaded for this batch", cure="report this: it is a fault of Retain"
            )
        return found

    def rule_of(self, run: Run) -> Rule:
        """The text that a run is pinned to.

        Raises:
            NeedsError: its revision was not loaded.
        """
        rule = self.plan.revisions.get(run.revision)
        if rule is None:
            raise NeedsError(f"revision {run.revision} of rule {run.rule} was not loaded", where=f"run {run.id}")
        return rule

    def rule_today(self, rule_id: str) -> Rule | None:
        """The rule as it is now, under whatever id; None where it is gone."""
        return self.plan.rules.get(self.renamed.get(rule_id, rule_id))

    def pause_reason(self, rule_id: str) -> str:
        """Why a rule is paused, by this id or the one before it was renamed; "" where it is not."""
        if not self.paused:
            return ""
        rule = self.rule_today(rule_id)
        names = {rule_id, rule.id, rule.was} if rule is not None else {rule_id}
        return self.paused.get(("all", ""), "") or next(
            (self.paused["rule", name] for name in sorted(names) if ("rule", name) in self.paused), ""
        )

    def pause(self, scope: str, name: str, reason: str) -> None:
        """Let the rest of the batch know that something is paused."""
        self.paused[scope, name] = reason

    def save(self, run: Run) -> None:
        """Write a run at the end of the batch, and wake for it within the batch where it is due."""
        self.changes.runs[run.id] = run
        if run.wake_at is not None:
            self.wakes.append((run.wake_at, "run", run.id))

    def save_effect(self, effect: Effect) -> None:
        """Write an effect at the end of the batch."""
        self.effects[effect.id] = effect
        self.changes.effects[effect.id] = effect

    def save_customer(self, customer: CustomerFacts) -> None:
        """Write a customer at the end of the batch; what was computed from its facts is forgotten."""
        self.changes.customers.add(customer.id)
        customer.metrics.clear()
        customer.edits += 1

    def nobody(self) -> CustomerFacts:
        """The stand-in for the customer of a run that has none."""
        return self.customers.setdefault(
            0, CustomerFacts(id=0, key="", fields={}, stamps={}, first_seen=0, zone=self.plan.defaults.zone)
        )

    def breaker_of(self, rule: Rule) -> tuple[int, int]:
        """How many live starts in how many milliseconds the rule's breaker allows; (0, 0) for none."""
        if rule.breaker is not None:
            return rule.breaker.count, rule.breaker.per
        defaults = self.plan.defaults
        return (defaults.breaker_count, defaults.breaker_per) if defaults.breaker_count else (0, 0)

    def breaker_is_full(self, rule: Rule, at: Instant) -> bool:
        """Whether one more live start would be above the breaker."""
        count, per = self.breaker_of(rule)
        starts = self.breakers.get(rule.id)
        if not count or starts is None or len(starts) < count:
            return False  # a large breaker's starts are not gone through each time
        return sum(start >= at - per for start in starts) >= count

    def count_start(self, rule_id: str, at: Instant) -> None:
        """Note a live start, for the rule's breaker."""
        rule = self.rule_today(rule_id)
        count, per = self.breaker_of(rule) if rule is not None else (0, 0)
        if rule is None or not count:
            return
        starts = self.breakers.setdefault(rule.id, deque())
        starts.append(at)
        while starts[0] < at - per:
            starts.popleft()

    def performed(self, run: Run, customer: CustomerFacts, step: str, action: str, inputs: Fields, at: Instant) -> None:
        """Note that an action was carried out, or stood in for."""
        if self.observed is not None:
            self.observed.append(Performed(at, run.rule, customer.key, run.id, step, action, inputs, run.arm))

    def visit(self, rule: str, place: str) -> None:
        """Note that a place in a rule was reached: `then[2]`, `then[2]:else`, `exit_when[0]`, `goal`."""
        if self.visits is not None:
            self.visits.add((rule, place))

    def suppress(self, channel: str, address: str) -> None:
        """Let the rest of the batch know that an address is suppressed."""
        self.suppressed.setdefault(channel, set()).add(address)

    def number_event(self) -> int:
        """A working number for a derived event."""
        number = self.next_number
        self.next_number -= 1
        return number
