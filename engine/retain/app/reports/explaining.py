"""`explain`: any rule, any customer, any past instant, entered or not, from what was known then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from retain.app.reports.asof import AsOf
from retain.app.reports.explanation import Explanation
from retain.app.reports.occasions import Found, Occasions, revision_at
from retain.app.reports.supposing import Supposed, suppose
from retain.app.reports.unsent import unsent_of
from retain.decide.explain import Line, Reasoning, holding, next_look, reason
from retain.decide.facts import CustomerFacts, Facts, Moment
from retain.decide.judge import Occasion, is_late, refusal, run_id_of
from retain.decide.scopes import event_scope
from retain.errors import NotFoundError
from retain.instants import DAY, format_instant
from retain.language.candidates import Candidate
from retain.language.load.files import load_revision
from retain.language.plan import Plan
from retain.language.rules import BecomesTrigger, EventTrigger, Rule, ScheduleTrigger
from retain.model import Event, Instant, Outcome, Run
from retain.pipeline.load import decode
from retain.store.rows import CustomerRow
from retain.store.store import Store

__all__ = ["Explanation", "Question", "explain_rule", "find_event"]
_ALL = 10_000
_CRON_REACH = 400 * DAY


@dataclass(slots=True)
class Question:
    """What is asked: a rule, a customer, an instant; perhaps about one event, perhaps with something supposed."""

    plan: Plan
    store: Store
    rule: Rule
    row: CustomerRow
    at: Instant
    supposed: Supposed = field(default_factory=Supposed)

    def answer(self, event: Event | None = None) -> Explanation:
        """Why the rule did or did not start.

        Args:
            event: the one that is asked about; None = whatever was newest.
        """
        occasions = Occasions(self.plan, self.store, self.rule, self.row)
        found = occasions.newest(self.at) if event is None else occasions.of_event(event)
        if self.supposed.event and (found is None or found.event is None):
            found = self._supposed_event()
        elif found is not None and found.event is not None and not self.supposed.is_any:
            self._take_text_of(found.event)
        moment = Moment.of_timer(self.at) if found is None else _moment(found)
        facts, known = AsOf(self.plan, self.store, self.row, self.rule, moment, found.event if found else None).facts()
        if known is None:
            return self._unknown()
        seen = found.event if found is not None else None
        if self.supposed.is_any:
            known, seen = self.supposed.applied(known, seen)
        reasoned = self._reasoned(facts, known, found, seen, moment)
        if found is None and not self.supposed.is_any:
            reasoned = replace(reasoned, lines=self._noted(occasions, known, reasoned.lines))
        return self._told(found, known, reasoned, moment)

    def _take_text_of(self, event: Event) -> None:
        """Of an event that was decided by an older text of the rule, that text is what counts."""
        revision = revision_at(self.store, self.rule.id, event)
        if revision in ("", self.rule.revision):
            return
        stored = self.store.load_revision(revision)
        if stored is not None:
            self.rule = load_revision(
                decode(stored[1].encode()), self.plan.schema, self.plan.registry, self.plan.ruleset
            )

    def _reasoned(
        self, facts: Facts, known: CustomerFacts, found: Found | None, seen: Event | None, moment: Moment
    ) -> Reasoning:
        if found is None:
            index, planned_at = self._first_untold(known)
            return reason(facts, known, self.rule, index, None, moment, planned_at=planned_at)
        known.runs = {name: run for name, run in known.runs.items() if run.cause != found.cause}
        is_edge = found.trigger.get("kind") != "event"
        late = seen is not None and not is_edge and not self.supposed.is_any and is_late(facts, seen)
        occasion = Occasion(found.cause, found.trigger, None if is_edge else seen, late)
        scope = event_scope(known, moment, seen.fields if seen is not None else {}, found.changed)
        indexes = (found.index, *found.others)
        index = next(
            (one for one in indexes if refusal(Candidate.of(self.rule, one), known, occasion, scope) is None),
            indexes[-1],
        )
        return reason(facts, known, self.rule, index, occasion, moment, seen=seen, changed=found.changed)

    def _told(self, found: Found | None, known: CustomerFacts, reasoned: Reasoning, moment: Moment) -> Explanation:
        run = None
        if found is not None and not self.supposed.is_any:
            run_id = run_id_of(self.rule, known, reasoned.key, found.cause)
            run = self.store.runs_by_id([run_id]).get(run_id)
        effects = () if run is None else tuple(reversed(self.store.list_effects(run=run.id, limit=_ALL)))
        now_line, look = self._now(found, moment)
        return Explanation(
            rule=self.rule.id,
            customer=self.row.key,
            at=self.at,
            decided_at=None if found is None else moment.at,
            revision=self.rule.revision,
            verdict=_verdict(reasoned, run, supposed=self.supposed.is_any),
            outcome=reasoned.outcome.value if reasoned.outcome is not None else "no_trigger",
            lines=(*reasoned.lines, *now_line),
            would_start_if=reasoned.would_start_if,
            next_look=look or reasoned.next_look,
            supposed=self.supposed.texts,
            run=run,
            effects=effects,
            unsent=() if run is None else tuple(unsent_of(self.store, self.rule, run, effects, known.zone)),
            zone=str(known.zone),
        )

    def _now(self, found: Found | None, moment: Moment) -> tuple[tuple[Line, ...], str]:
        """Of an edge that is past: whether the conditions still hold at the instant that is asked about."""
        if found is None or self.supposed.is_any or self.at <= moment.at:
            return (), ""
        trigger = self.rule.triggers[found.index]
        if not isinstance(trigger, BecomesTrigger):
            return (), ""
        at = Moment.of_timer(self.at)
        _, known = AsOf(self.plan, self.store, self.row, self.rule, at, None).facts()
        if known is None:
            return (), ""
        scope = event_scope(known, at)
        line = holding(trigger, scope)
        holds = trigger.condition.is_true(scope)
        shown = replace(line, label="now", mark="ok" if holds else "NO", detail="still true" if holds else line.detail)
        return (shown,), next_look(trigger, scope)

    def _noted(self, occasions: Occasions, known: CustomerFacts, lines: tuple[Line, ...]) -> tuple[Line, ...]:
        """Where nothing has come: what was noted without a start when the rule began, or when history was imported."""
        if all(isinstance(trigger, EventTrigger) for trigger in self.rule.triggers):
            return lines
        trigger = self.rule.triggers[self._first_untold(known)[0]]
        imported = occasions.imported(self.at)
        when, *others = lines
        if isinstance(trigger, BecomesTrigger) and trigger.watch in occasions.noted:
            began = "it began" if imported is None else "history was imported"
            when = replace(when, detail=f"true already when {began}")
        if imported is not None:
            text = f"imported {format_instant(imported, known.zone)}"
            detail = "starts nothing, nor does what turned before"
            others.append(Line(label="history", text=text, mark="NO", detail=detail))
        return when, *others

    def _first_untold(self, known: CustomerFacts) -> tuple[int, Instant | None]:
        """The trigger to speak of where nothing has come, and a cron's newest instant."""
        for index, trigger in enumerate(self.rule.triggers):
            if isinstance(trigger, ScheduleTrigger) and trigger.cron is not None:
                instants = list(trigger.cron.between(self.at - _CRON_REACH, self.at, known.zone))[-1:]
                return index, instants[0] if instants else None
        return 0, None

    def _supposed_event(self) -> Found | None:
        """The event that the rule starts on, as if it came at the instant that is asked about."""
        made = self.supposed.event_of(self.rule, self.row, self.at)
        if made is None:
            return None
        index, event = made
        trigger = {"kind": "event", "name": event.name, "planned_at": self.at}
        return Found(at=self.at, index=index, cause=event.cause, trigger=trigger, event=event)

    def _unknown(self) -> Explanation:
        line = Line(label="customer", text=self.row.key, mark="NO", detail="was not known by then")
        return Explanation(
            rule=self.rule.id,
            customer=self.row.key,
            at=self.at,
            revision=self.rule.revision,
            verdict="no run started",
            outcome="no_customer",
            lines=(line,),
            next_look="on the customer's first event",
        )


def explain_rule(
    plan: Plan,
    store: Store,
    rule_id: str,
    customer: str,
    at: Instant,
    *,
    event: str = "",
    supposing: Mapping[str, str] | None = None,
) -> Explanation:
    """Why a rule did or did not start for a customer, as known at an instant.

    The question is about the newest event, edge or planned instant by then that could start the rule; without one,
    about the trigger itself.

    Args:
        customer: a user id, an anonymous id, an e-mail address or a key such as `user:17`.
        event: the message id or number of one event of the customer, to ask about that one.
        supposing: values that are supposed instead, by name: `customer.country`, `event.total`.

    Raises:
        NotFoundError: no such rule, customer or event, or field to suppose.
    """
    rule = plan.rules.get(rule_id)
    if rule is None:
        raise NotFoundError("rule", rule_id, plan.rules)
    row = store.find_customer(customer)
    if row is None:
        raise NotFoundError("customer", customer)
    question = Question(plan, store, rule, row, at, suppose(plan, rule, supposing or {}))
    if not event:
        return question.answer()
    found = find_event(store, row, event)
    question.at = found.received_at
    return question.answer(found)


def find_event(store: Store, row: CustomerRow, name: str) -> Event:
    """One event of a customer by its message id, or by `#` and its number.

    Raises:
        NotFoundError: the customer has none of that name.
    """
    for event in store.events_of(row.id, limit=1_000_000):
        if name in (event.message_id, f"#{event.seq}"):
            return event
    raise NotFoundError("event", name)


def _moment(found: Found) -> Moment:
    return Moment.of_timer(found.at) if found.event is None else Moment.of_event(found.event)


def _verdict(found: Reasoning, run: Run | None, *, supposed: bool) -> str:
    if run is not None:
        ended = f", ended by {run.ended_by}" if run.ended_by else f", {run.state.value}"
        arm = "" if run.arm == "live" else f" ({run.arm})"
        return f"run started{arm}{ended}"
    if found.outcome is Outcome.STARTED:
        return "would start"
    return "would not start" if supposed else "no run started"
