"""A test made from what really happened: one rule and one customer, as the store remembers them.

The customer's name and personal values do not go into it: of the fields only those that the rule reads, and a stand-in
for the id and the address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from retain.decide.steps import step_index
from retain.errors import NotFoundError, RetainError
from retain.instants import format_duration, format_instant
from retain.language.plan import Plan
from retain.language.rules import EventTrigger, Rule, WaitForStep
from retain.model import Event, Instant, Json, MessageKind, Run
from retain.store.rows import CustomerRow
from retain.store.store import Store
from retain.testing.flow import written_test
from retain.testing.recalled import Recollection
from retain.testing.rule_tests import TestReport, run_named_test
from retain.traits import traits_of

_ALL = 100_000
_MOST_EVENTS = 200
_STAND_INS = 60  # ids that are tried until one falls into the same arm and branches
_SECOND = 1000
_LAG = 10 * _SECOND  # within which one thing counts as following at once from another: in a test nothing takes time


def record_test(plan: Plan, store: Store, rule_id: str, customer: str, at: Instant) -> tuple[str, list[str]]:
    """A file with a test of the newest run of a rule for a customer, and what does not hold when it is run.

    Where there is no run, the test is of the newest event that could have started one.

    Raises:
        NotFoundError: no such rule or customer.
        RetainError: nothing has happened that concerns the rule.
    """
    rule = plan.rules.get(rule_id)
    if rule is None:
        raise NotFoundError("rule", rule_id, plan.rules)
    row = store.find_customer(customer)
    if row is None:
        raise NotFoundError("customer", customer)
    recording = _Recording(plan, store, rule, row, at)
    failures: list[str] = []
    test: dict[str, Json] = {}
    for number in range(1, _STAND_INS):
        test = recording.test(f"c{number}")
        report = _run(plan, recording.name, test)
        failures = [failure for result in report.failed for failure in result.failures]
        if not failures:
            break
    else:
        test = recording.test("c1")
        failures = [failure for result in _run(plan, recording.name, test).failed for failure in result.failures]
    return written_test(recording.name, test), failures


def _run(plan: Plan, name: str, test: Mapping[str, Json]) -> TestReport:
    return run_named_test(name, test, plan.ruleset, plan.schema, plan.registry, plan.defaults)


@dataclass(slots=True)
class _Recording:
    """What the store remembers of one customer in one rule."""

    plan: Plan
    store: Store
    rule: Rule
    row: CustomerRow
    at: Instant
    run: Run | None = field(init=False)
    end: tuple[Instant, str] | None = field(init=False)  # of the run: when, and by what
    events: list[Event] = field(init=False)
    recollection: Recollection = field(init=False)
    until: Instant = field(init=False)

    def __post_init__(self) -> None:
        runs = self.store.list_runs(rule=self.rule.id, customer=self.row.id, until=self.at + 1, limit=1)
        self.run = runs[0] if runs else None
        self.end = self._end(self.run) if self.run is not None else None
        self.until = self.end[0] if self.end is not None else self.at
        self.events = self._events()
        if not self.events:
            raise RetainError(
                f"nothing has happened that concerns {self.rule.id}",
                where=f"customer {self.row.key}",
                cure="name another customer; retain runs list --rule shows whom it started for",
            )
        runs = self.store.list_runs(
            rule=self.rule.id, customer=self.row.id, since=self.begin, until=self.at + 1, limit=_ALL
        )
        self.recollection = Recollection(self.store, self.plan.registry, self.rule, self.row.id, runs, self.until)

    def _end(self, run: Run) -> tuple[Instant, str] | None:
        """When the run ended, and by what; its goal may come after its last step, and is the end then."""
        rows = self.store.decisions_of(customer=self.row.id, rule=run.rule, until=self.at + 1, limit=_ALL)
        ends = [(row.at, row.outcome) for row in rows if row.run == run.id and row.kind == "end"]
        if not ends and run.ended_at is not None and run.ended_at <= self.at:
            return run.ended_at, run.ended_by
        return ends[0] if ends else None

    @property
    def name(self) -> str:
        """What the test is called."""
        what = "what really happened" if self.run is not None else "nothing started"
        return f"{self.rule.id} on {format_instant(self.begin)[:10]} - {what}"

    @property
    def begin(self) -> Instant:
        """Where the test's clock begins: with the first event that the rule can know of."""
        return self.events[0].received_at // _SECOND * _SECOND

    def test(self, stand_in: str) -> dict[str, Json]:
        """The test as plain JSON, about a customer of that name."""
        test: dict[str, Json] = {
            "rule": self.rule.id,
            "start": format_instant(self.begin),
            "customer": {"id": stand_in, **self._fields(stand_in)},
        }
        consents = self._consents()
        if consents:
            test["consent"] = consents
        results = self.recollection.results()
        if results:
            test["results"] = results
        test["steps"] = list(self._steps(stand_in))
        return test

    def _events(self) -> list[Event]:
        """The events that the rule reads or waits for, and changes of the fields that it reads, in their order."""
        needs = self.rule.needs
        names = {*needs.events, *_awaited(self.rule)}
        since = None if self.run is None else self._reach(self.run.started_at)
        found = []
        for event in self.store.events_of(self.row.id, limit=_ALL):
            if event.received_at > self.until or (since is not None and event.received_at < since):
                continue
            changes = event.kind in (MessageKind.IDENTIFY, MessageKind.SET) and set(event.fields) & self._read
            if self._is_own(event) or not (event.name in names or changes or event.kind is MessageKind.CONSENT):
                continue
            found.append(event)
        return sorted(found, key=lambda event: event.seq)[-_MOST_EVENTS:]

    def _reach(self, started: Instant) -> Instant | None:
        windows = self.rule.needs.events.values()
        if any(window is None for window in windows):
            return None
        return started - max((window for window in windows if window is not None), default=0)

    def _is_own(self, event: Event) -> bool:
        """Whether this very rule made the event; the test will make it again."""
        if not event.origin:
            return False
        made_by = self.store.runs_by_id([event.origin]).get(event.origin)
        return made_by is not None and made_by.rule == self.rule.id

    @property
    def _read(self) -> set[str]:
        """The fields that matter: those that the rule reads, the addresses, and the zone."""
        fields = {name.split(".")[0] for name in self.rule.needs.customer}
        addresses = {channel.address_field for channel in self.plan.registry.channels.values()}
        return fields | addresses | {"timezone"}

    def _fields(self, stand_in: str) -> dict[str, Json]:
        known = self.store.customer_at(self.row.id, self.events[0].received_at - 1).fields
        return self._without_person({name: value for name, value in known.items() if name in self._read}, stand_in)

    def _without_person(self, fields: Mapping[str, Json], stand_in: str) -> dict[str, Json]:
        """Values in which the customer's id or address stands, with the stand-in instead."""
        persons = {str(self.row.fields.get(name)): fake for name, fake in _fakes(stand_in).items()}
        persons |= {name.partition(":")[2]: stand_in for name in self.store.identities_of(self.row.id)}
        persons |= {str(fields[name]): fake for name, fake in _fakes(stand_in).items() if name in fields}
        return {name: _replaced(value, persons) for name, value in fields.items()}

    def _consents(self) -> dict[str, bool]:
        """What the customer had answered before the first event; what no event gave counts from the beginning."""
        found = {purpose: granted for (_, purpose), granted in self.store.consents([self.row.id]).items()}
        given = [event for event in self.store.events_of(self.row.id, limit=_ALL) if event.kind is MessageKind.CONSENT]
        for purpose in {str(event.fields.get("purpose")) for event in given}:
            before = [
                (event.occurred_at, event.fields.get("granted") is not True)
                for event in given
                if event.fields.get("purpose") == purpose and event.seq < self.events[0].seq
            ]
            found.pop(purpose, None)
            if before:
                found[purpose] = not max(before)[1]
        return found

    def _steps(self, stand_in: str) -> Iterator[dict[str, Json]]:
        """Events and what was expected of them, in the order in which they came.

        What a test makes happen takes no time, so what came of the events up to then is expected in one step.
        """
        moments: list[tuple[Instant, int, dict[str, Json]]] = []
        for event in self.events:
            moments.append((event.received_at, 0, self._happening(event, stand_in)))
        for one in self.recollection.each():
            moments.append((one.at, 1, {one.key: [one.item]}))
        last = 0
        for at, step in _together(sorted(moments, key=lambda moment: moment[:2])):
            last = max(last, at - self.begin)
            yield {"at": format_duration(last), **step}
        if self.end is not None:
            last = max(last, _up(self.until) - self.begin)
            yield {"at": format_duration(last + _SECOND), "expect": [], "ended_by": self.end[1]}
        else:
            yield {"at": format_duration(last + _SECOND), "expect": []}

    def _happening(self, event: Event, stand_in: str) -> dict[str, Json]:
        if event.kind is MessageKind.CONSENT:
            return {"consent": {str(event.fields.get("purpose")): event.fields.get("granted") is True}}
        if event.kind in (MessageKind.IDENTIFY, MessageKind.SET):
            traits = traits_of(event.kind, event.fields)
            return {"set": self._without_person({k: v for k, v in traits.items() if k in self._read}, stand_in)}
        step: dict[str, Json] = {"event": event.name}
        if event.fields:
            step["data"] = self._without_person(event.fields, stand_in)
        if event.occurred_at // _SECOND != event.received_at // _SECOND:
            step["occurred"] = format_instant(event.occurred_at)
        return step


def _together(moments: Iterable[tuple[Instant, int, dict[str, Json]]]) -> Iterator[tuple[Instant, dict[str, Json]]]:
    """Each event at its second; what came soon after one another, with no event between, as one step after it all."""
    waiting: dict[str, Json] = {}
    came = 0
    for at, is_outcome, step in moments:
        if waiting and not (is_outcome and at - came < _LAG):
            yield _up(came), waiting
            waiting = {}
        if not is_outcome:
            yield at // _SECOND * _SECOND, step
            continue
        came = at
        for key, items in step.items():
            waiting.setdefault(key, []).extend(items)
    if waiting:
        yield _up(came), waiting


def _up(at: Instant) -> Instant:
    """The first whole second that is not before an instant."""
    return -(-at // _SECOND) * _SECOND


def _awaited(rule: Rule) -> set[str]:
    """The events that start, end or wake the rule."""
    steps = [stop.step for stop in step_index(rule).values()]
    triggers = [*rule.triggers, *rule.exit_when, *(step.trigger for step in steps if isinstance(step, WaitForStep))]
    triggers += [rule.goal.trigger] if rule.goal is not None else []
    return {trigger.event for trigger in triggers if isinstance(trigger, EventTrigger)}


def _fakes(stand_in: str) -> dict[str, str]:
    return {"email": f"{stand_in}@example.test", "phone": "+10000000000", "first_name": "Ada", "last_name": "Example",
            "name": "Ada Example", "username": stand_in, "id": stand_in}  # fmt: skip


def _replaced(value: Json, persons: Mapping[str, str]) -> Json:
    if isinstance(value, Mapping):
        return {name: _replaced(inner, persons) for name, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, persons) for inner in value]
    return persons.get(value, value) if isinstance(value, str) and value else value
