"""What a store action sees of the working set, and what it wants changed there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from retain.decide.facts import CustomerFacts, Facts, Moment
from retain.decide.scopes import run_scope
from retain.errors import DecisionError, NeedsError, NotFoundError
from retain.language.checking.expressions import read_value
from retain.language.condition import needs_of
from retain.language.environment import Environment
from retain.language.evaluation.interpreter import evaluate
from retain.language.syntax.source import TextSource
from retain.model import Fields, Instant, Json, Millis, Record, Run
from retain.registry import StoreChanges

_encode = json.JSONEncoder(allow_nan=False).encode  # made once: `dumps` makes one at each call


def as_stored(changes: StoreChanges, action: str) -> StoreChanges:
    """The changes with their values as they are read back: a list for a tuple, a text for a member of a StrEnum.

    Customers and records stay in memory, where nothing may stand that the store does not hold.

    Raises:
        DecisionError: they hold what is not JSON.
    """
    records, events = tuple(changes.records), tuple(changes.events)
    of_records, of_events = [dict(one.fields) for one in records], [dict(one.fields) for one in events]
    made = [dict(changes.output), dict(changes.fields), of_records, of_events]
    try:
        output, fields, of_records, of_events = json.loads(_encode(made))
    except (TypeError, ValueError, RecursionError) as error:
        cure = "let the plugin make texts, numbers and lists of it"
        raise DecisionError(f"{action} returned what is not JSON: {error}", cure=cure) from error
    return StoreChanges(
        output=output,
        fields=fields,
        records=tuple(replace(one, fields=found) for one, found in zip(records, of_records, strict=True)),
        events=tuple(replace(one, fields=found) for one, found in zip(events, of_events, strict=True)),
    )


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A read-only view of the facts of one decision; implements `retain.store_view.StoreView`."""

    facts: Facts
    _run: Run
    _customer: CustomerFacts
    _step: str
    _moment: Moment

    @property
    def now(self) -> Instant:
        """The instant of the decision."""
        return self._moment.at

    @property
    def customer_id(self) -> int | None:
        """The customer's id in the store; None in a run without a customer."""
        return self._customer.id or None

    @property
    def customer_key(self) -> str:
        """The customer's stable name."""
        return self._customer.key

    @property
    def customer(self) -> Fields:
        """The customer's fields as they are now, with a shadow run's own changes."""
        return {**self._customer.fields, **self._run.context.get("overlay", {})}

    @property
    def rule(self) -> str:
        """The rule's id."""
        return self._run.rule

    @property
    def run(self) -> str:
        """The run's id."""
        return self._run.id

    @property
    def step(self) -> str:
        """The step's path."""
        return self._step

    def record(self, kind: str, record_id: str) -> Record | None:
        """One record by its id."""
        known = self.facts.plan.registry.record_kinds.get(kind)
        if known is not None and known.shared:
            self.facts.changes.looked_at_others = True
        return self.facts.records.get(kind, record_id)

    def records_of_customer(self, kind: str) -> Sequence[Record]:
        """The customer's records of one kind, in the order of their ids."""
        return self.facts.records.of_customer(kind, self._customer.id)

    def count_by_owner(self, kind: str, state: str) -> Mapping[str, int]:
        """How many records of one kind and state each owner has."""
        self.facts.changes.looked_at_others = True
        return self.facts.records.count_by_owner(kind, state)

    def team(self, name: str) -> Mapping[str, Json] | None:
        """A team as written in the rule files."""
        return self.facts.plan.ruleset.teams.get(name)

    def tier(self, name: str) -> Mapping[str, Json] | None:
        """A loyalty programme as written in the rule files."""
        return self.facts.plan.ruleset.tiers.get(name)

    def evaluate(self, expression: str) -> Json:
        """The value of an expression of the rule language for this customer now.

        Raises:
            DecisionError: the text is wrong.
            NeedsError: it reads events that no rule of the plan reads, which are therefore not in memory.
        """
        plan = self.facts.plan
        env = Environment(
            schema=plan.schema,
            events=None,
            roots=frozenset({"customer"}),
            functions=plan.registry.functions,
            named={"tiers": plan.ruleset.tiers, "teams": plan.ruleset.teams},
        )
        node, problems = read_value(TextSource(expression), env)
        if node is None:
            raise DecisionError(problems[0].message, where=expression, cure=problems[0].help)
        unknown = set(needs_of(node).events) - set(plan.needs.events)
        if unknown:
            raise NeedsError(
                f"events {', '.join(sorted(unknown))} were not loaded for {expression!r}",
                where=self._step,
                cure="let the rule compute the value and hand it to the action as an input",
            )
        return evaluate(node, run_scope(self._customer, self._run, self._moment))

    def add_business_time(self, calendar: str, start: Instant, duration: Millis) -> Instant:
        """The instant `duration` of business time after `start`.

        Raises:
            NotFoundError: no calendar has that name.
        """
        found = self.facts.plan.ruleset.calendars.get(calendar)
        if found is None:
            raise NotFoundError("calendar", calendar, self.facts.plan.ruleset.calendars)
        return found.add(start, duration)
