"""One test as a story: each step moves the clock, lets something happen, and says what must have come of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from retain.decide.awaited import lookup
from retain.decide.facts import Performed
from retain.errors import RetainError
from retain.instants import format_duration, parse_duration, parse_instant
from retain.language.plan import Plan
from retain.model import Effect, EffectState, Instant, Json, MessageKind
from retain.store.store import Store
from retain.testing.answers import script
from retain.testing.expectations import CHECKS, Difference, Sight, compared
from retain.testing.names import HAPPENINGS
from retain.testing.timeline import Timeline
from retain.testing.virtual import Answer, VirtualEngine

_INSERT = re.compile(r"\{\{\s*steps\.([\w.]+)\s*\}\}")
_ALL = 100_000


@dataclass(frozen=True, slots=True)
class Failure:
    """What did not hold, and in which step, counted from 0; -1 is the test as a whole."""

    what: str
    step: int = -1


@dataclass(slots=True)
class Story:
    """Runs the steps of one test on a virtual engine and collects what does not hold.

    Args:
        batch: the pipeline's batch size.
        test: its plain JSON, as written, its names checked.
        store: an empty one.
    """

    plan: Plan
    start: Instant
    batch: int
    test: Mapping[str, Json]
    store: Store
    failures: list[Failure] = field(default_factory=list)
    engine: VirtualEngine = field(init=False)
    timeline: Timeline = field(init=False)
    _spoken: int = 0  # performed actions that an `expect` has spoken of
    _refusals: set[str] = field(default_factory=set)  # refused effects that a list of refusals has spoken of
    _step: int = -1

    def __post_init__(self) -> None:
        steps = self.test.get("steps") or ()
        awaited = [action for step in steps for action in step.get("result") or {}]
        answers = script(self.test.get("results") or {}, awaited)
        self.engine = VirtualEngine(self.plan, self.start, self.batch, answers, self.store)
        self.timeline = Timeline(self.start, several=len(self._customers) > 1)

    def run(self) -> None:
        """Tell the story to its end; what was performed and never spoken of fails the test."""
        try:
            self._introduce()
            for number, step in enumerate(self.test.get("steps") or ()):
                self._step = number
                self._tell(step)
        except RetainError as error:
            self._fail(Difference(str(error)))
        rest = self._new_actions()
        if rest and not self.failures:
            self._step = -1
            self._fail(Difference("also performed, and not expected", list(compared([], rest))))

    def lines(self) -> list[str]:
        """What happened, with what did not hold at its place."""
        return self.timeline.lines(self.engine)

    @property
    def _customers(self) -> list[Mapping[str, Json]]:
        customers: list[Mapping[str, Json]] = self.test.get("customers") or [self.test.get("customer") or {}]
        return customers

    def _introduce(self) -> None:
        known = []
        for customer in self._customers:
            name = str(customer.get("id", "c1"))
            traits = {key: value for key, value in customer.items() if key not in ("id", "consent")}
            known.append(self.engine.message(name, MessageKind.IDENTIFY, "customer_updated", traits))
            for purpose, granted in (customer.get("consent", self.test.get("consent")) or {}).items():
                answer = {"purpose": purpose, "granted": granted}
                known.append(self.engine.message(name, MessageKind.CONSENT, "consent_changed", answer))
        self.engine.send(*known)
        self._spoken = len(self.engine.performed)

    def _tell(self, step: Mapping[str, Json]) -> None:
        before = Counter(self.engine.tally)
        if "down" in step:
            begin, end = (self._instant(text) for text in step["down"])
            self.engine.move_to(begin)
            self.engine.be_down_until(end)
            self.timeline.happen(begin, "", f"the engine stands still for {format_duration(end - begin)}")
        else:
            at = self._instant(step["at"])
            if at < self.engine.now - 1:
                self._fail(Difference(f"at: {step['at']} is earlier than the step before"))
                return
            # A step that only looks, looks just after its instant: what happened exactly D ago is still within D then,
            # and people who write `at: 30d` do not think of the millisecond after.
            self.engine.move_to(at + (not any(key in step for key in HAPPENINGS[2:])))
        customer = str(step.get("customer", self._customers[0].get("id", "c1")))
        self._happen(step, customer)
        refused = self._new_refusals() if isinstance(step.get("refused"), list) else []
        sight = Sight(self.engine, customer, self._new_actions(), refused, self.engine.tally - before)
        for key, check in CHECKS.items():
            if key in step:
                difference = check(sight, step[key])
                if difference is not None:
                    self._fail(difference)
        if "expect" in step:
            self._spoken = len(self.engine.performed)

    def _happen(self, step: Mapping[str, Json], customer: str) -> None:
        at = self.engine.now
        if "event" in step:
            occurred = self._instant(step["occurred"]) if "occurred" in step else None
            for _ in range(step.get("times", 1)):
                data = self._filled(step.get("data") or {})
                self.timeline.happen(at, customer, f"event {step['event']}{_with(data)}")
                self.engine.event(customer, step["event"], data, occurred_at=occurred)
        if "set" in step:
            self.timeline.happen(at, customer, f"set{_with(step['set'])}")
            self.engine.identify(customer, step["set"])
        if "consent" in step:
            self.timeline.happen(at, customer, f"consent{_with(step['consent'])}")
            self.engine.consent(customer, step["consent"])
        if "alias" in step:
            self.timeline.happen(at, customer, f"alias{_with(step['alias'])}")
            self._alias(step["alias"])
        for action, output in (step.get("result") or {}).items():
            self.timeline.happen(at, customer, f"result of {action}{_with(output or {})}")
            if not self.engine.answer(action, Answer(output=output or {})):
                self._fail(Difference(f"no effect of {action} waits for a result"))

    def _alias(self, alias: Mapping[str, Json]) -> None:
        message = self.engine.message(str(alias["to"]), MessageKind.ALIAS, "alias", {})
        self.engine.send(message._replace(previous_id=str(alias["from"]).removeprefix("anonymous:")))

    def _instant(self, text: str) -> Instant:
        """`90m` after the start, `+1h` after the step before, or an instant."""
        shift = parse_duration(str(text).lstrip("+-"))
        if shift is None:
            instant = parse_instant(str(text))
            if instant is None:
                raise RetainError(f"at: {text!r} is no time", cure="write 90m, +1h or 2026-05-01T09:00+02:00")
            return instant
        if str(text).startswith("+"):
            return self.engine.now + shift
        return self.start - shift if str(text).startswith("-") else self.start + shift

    def _filled(self, value: Json) -> Json:
        """Data of an event with `{{ steps.ID.field }}` of the newest run in it."""
        if isinstance(value, dict):
            return {key: self._filled(inner) for key, inner in value.items()}
        found = _INSERT.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            return value
        runs = self.engine.store.list_runs(limit=20)
        values = (lookup(run.context.get("steps", {}), found[1]) for run in runs)
        return next((inner for inner in values if inner is not None), None)

    def _new_actions(self) -> list[Performed]:
        """What live runs have done since an `expect` last spoke; shadow runs do nothing."""
        return [performed for performed in self.engine.performed[self._spoken :] if performed.arm == "live"]

    def _new_refusals(self) -> list[Effect]:
        """Effects that were refused since a list of refusals last spoke, in the order of their runs' starts."""
        rows = self.engine.store.list_effects(states=[EffectState.REFUSED], limit=_ALL)[::-1]
        found = [row for row in rows if row.id not in self._refusals]
        self._refusals |= {row.id for row in found}
        return found

    def _fail(self, difference: Difference) -> None:
        steps = self.test.get("steps") or ()
        when = str(steps[self._step].get("at", steps[self._step].get("down"))) if self._step >= 0 else "the end"
        lines = "".join(f"\n  {line}" for line in difference.lines)
        self.failures.append(Failure(f"at {when}: {difference.what}{lines}", self._step))
        self.timeline.fail(self.engine.now, difference.what, difference.lines)


def _with(data: Mapping[str, Json]) -> str:
    told = ", ".join(f"{key}: {value}" for key, value in data.items())
    return f" {{{told}}}" if told else ""
