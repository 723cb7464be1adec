"""One test as a story: each line moves the clock, lets something happen, and says what must have come of it."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from retain.decide.awaited import lookup
from retain.decide.facts import Performed
from retain.errors import RetainError, did_you_mean
from retain.instants import format_duration, format_instant, parse_duration, parse_instant
from retain.language.plan import Plan
from retain.model import Instant, Json, Message, MessageKind
from retain.testing.virtual import Answer, VirtualEngine

_INSERT = re.compile(r"\{\{\s*steps\.([\w.]+)\s*\}\}")


@dataclass(slots=True)
class Story:
    """Runs the steps of one test on a virtual engine and collects what does not hold.

    Args:
        batch: the pipeline's batch size.
        test: its plain JSON, as written.
    """

    plan: Plan
    start: Instant
    batch: int
    test: Mapping[str, Json]
    failures: list[str] = field(default_factory=list)
    engine: VirtualEngine = field(init=False)
    _seen: int = 0  # performed actions that an `expect` has spoken of
    _line: str = ""
    _before: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        answers = {
            action: deque(_answer(entry) for entry in entries)
            for action, entries in (self.test.get("results") or {}).items()
        }
        for step in self.test.get("steps") or ():
            for action in step.get("result") or {}:
                answers.setdefault(action, deque()).append(Answer(status="later"))
        self.engine = VirtualEngine(self.plan, self.start, self.batch, answers)

    def run(self) -> None:
        """Tell the story to its end; what was performed and never spoken of fails the test."""
        try:
            self._introduce()
            for step in self.test.get("steps") or ():
                self._tell(step)
        except RetainError as error:
            self._fail(str(error))
        rest = [_shown(performed) for performed in self._new_actions()]
        if rest and not self.failures:
            self._fail(f"also performed, and not expected: {', '.join(rest)}")

    def _introduce(self) -> None:
        customers = self.test.get("customers") or [self.test.get("customer") or {}]
        for customer in customers:
            name = str(customer.get("id", "c1"))
            traits = {key: value for key, value in customer.items() if key not in ("id", "consent")}
            self.engine.identify(name, traits)
            consent = customer.get("consent", self.test.get("consent"))
            if consent:
                self.engine.consent(name, consent)
        self._seen = len(self.engine.performed)

    def _tell(self, step: Mapping[str, Json]) -> None:
        self._line = str(step.get("at", step.get("down", "")))
        unknown = [key for key in step if key not in _KEYS]
        if unknown:
            self._fail(f"unknown key {unknown[0]}; {did_you_mean(unknown[0], _KEYS)}")
            return
        self._before = Counter(self.engine.tally)
        if "down" in step:
            begin, end = (self._instant(text) for text in step["down"])
            self.engine.move_to(begin)
            self.engine.be_down_until(end)
        else:
            # A line that only looks, looks just after its instant: what happened exactly D ago is still within D then,
            # and people who write `at: 30d` do not think of the millisecond after.
            only_looks = not any(key in step for key in _HAPPENINGS[2:])
            self.engine.move_to(self._instant(step["at"]) + only_looks)
        self._happen(step)
        for key, check in _CHECKS.items():
            if key in step:
                check(self, step, step[key])

    def _happen(self, step: Mapping[str, Json]) -> None:
        customer = str(step.get("customer", self._first_customer()))
        if "event" in step:
            occurred = self._instant(step["occurred"]) if "occurred" in step else None
            for _ in range(step.get("times", 1)):
                data = self._filled(step.get("data") or {})
                self.engine.event(customer, step["event"], data, occurred_at=occurred)
        if "set" in step:
            self.engine.identify(customer, step["set"])
        if "consent" in step:
            self.engine.consent(customer, step["consent"])
        if "alias" in step:
            self._alias(step["alias"])
        for action, output in (step.get("result") or {}).items():
            if not self.engine.answer(action, Answer(output=output or {})):
                self._fail(f"no effect of {action} waits for a result")

    def _alias(self, alias: Mapping[str, Json]) -> None:
        message = self.engine.message(str(alias["to"]), MessageKind.ALIAS, "alias", {})
        self.engine.send(_with_previous(message, str(alias["from"]).removeprefix("anonymous:")))

    def _instant(self, text: str) -> Instant:
        """`90m` after the start, `+1h` after the line before, or an instant."""
        shift = parse_duration(str(text).lstrip("+-"))
        if shift is None:
            instant = parse_instant(str(text))
            if instant is None:
                raise RetainError(f"at: {text!r} is no time", cure="write 90m, +1h or 2026-05-01T09:00+02:00")
            return instant
        if str(text).startswith("+"):
            return self.engine.now + shift
        return self.start - shift if str(text).startswith("-") else self.start + shift

    def _first_customer(self) -> str:
        customers = self.test.get("customers") or [self.test.get("customer") or {}]
        return str(customers[0].get("id", "c1"))

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
        return [performed for performed in self.engine.performed[self._seen :] if performed.arm == "live"]

    def _fail(self, what: str) -> None:
        passed = format_duration(self.engine.now - self.start)
        self.failures.append(f"at {self._line or passed} ({format_instant(self.engine.now)}): {what}")

    def _expect(self, step: Mapping[str, Json], wanted: list[Json]) -> None:
        performed = self._new_actions()
        self._seen = len(self.engine.performed)
        if len(performed) == len(wanted) and all(map(_fits, wanted, performed)):
            return
        lines = [f"  expected  {_shown_wanted(one)}" for one in wanted] or ["  expected  nothing"]
        lines += [f"  performed {_shown(one)}" for one in performed] or ["  performed nothing"]
        self._fail("what was performed differs\n" + "\n".join(lines))

    def _refused(self, step: Mapping[str, Json], wanted: Json) -> None:
        if isinstance(wanted, dict):
            effects = Counter(
                row.reason for row in self.engine.store.list_effects(limit=1000) if row.state == "refused"
            )
            for reason, count in wanted.items():
                if effects[reason] != count:
                    self._fail(f"effects refused for {reason}: {effects[reason]}, not {count}; all: {dict(effects)}")
            return
        new = self.engine.tally - self._before
        if not any(outcome == wanted for _, outcome in new):
            self._fail(f"no start was refused for {wanted}; outcomes: {sorted(outcome for _, outcome in new)}")

    def _held(self, step: Mapping[str, Json], reason: str) -> None:
        held = [row for row in self.engine.store.list_effects(limit=1000) if row.state == "pending"]
        if not any(row.reason == reason for row in held):
            self._fail(f"no effect is held for {reason}; held: {[row.reason for row in held]}")

    def _ended_by(self, step: Mapping[str, Json], wanted: str) -> None:
        runs = [run for run in self.engine.store.list_runs(limit=1000) if run.ended_by]
        latest = max(runs, key=lambda run: (run.ended_at or 0, run.started_at, run.started_seq), default=None)
        if latest is None or latest.ended_by != wanted:
            self._fail(f"the last run to end was ended by {latest.ended_by if latest else 'nothing'}, not {wanted}")

    def _ended(self, step: Mapping[str, Json], wanted: Mapping[str, int]) -> None:
        ended = Counter(run.ended_by for run in self.engine.store.list_runs(limit=1000) if run.ended_by)
        for reason, count in wanted.items():
            if ended[reason] != count:
                self._fail(f"runs ended by {reason}: {ended[reason]}, not {count}; all: {dict(ended)}")

    def _started(self, step: Mapping[str, Json], wanted: int) -> None:
        started = len([run for run in self.engine.store.list_runs(limit=1000) if run.state != "parked"])
        if started != wanted:
            self._fail(f"runs started so far: {started}, not {wanted}")

    def _branch(self, step: Mapping[str, Json], wanted: str) -> None:
        reached = sorted(place for _, place in self.engine.visits if ":" in place)
        if not any(place.endswith(f":{wanted}") for place in reached):
            self._fail(f"no step took the branch {wanted}; taken: {reached}")

    def _converted(self, step: Mapping[str, Json], wanted: int) -> None:
        self._ended(step, {"goal": wanted})

    def _dead(self, step: Mapping[str, Json], wanted: Mapping[str, int]) -> None:
        dead = Counter(row.action for row in self.engine.store.list_effects(limit=1000) if row.state == "dead")
        for action, count in wanted.items():
            if dead[action] != count:
                self._fail(f"dead letters of {action}: {dead[action]}, not {count}; all: {dict(dead)}")

    def _fields(self, step: Mapping[str, Json], wanted: Mapping[str, Json]) -> None:
        fields = self.engine.fields_of(str(step.get("customer", self._first_customer())))
        for name, value in wanted.items():
            if lookup(fields, name) != value:
                self._fail(f"customer.{name} is {lookup(fields, name)!r}, not {value!r}")

    def _arm(self, step: Mapping[str, Json], wanted: str) -> None:
        runs = self.engine.store.list_runs(limit=1)
        if not runs or runs[0].arm != wanted:
            self._fail(f"the newest run is {runs[0].arm if runs else 'missing'}, not {wanted}")


_CHECKS: dict[str, Callable[[Story, Mapping[str, Json], Json], None]] = {
    "expect": Story._expect,
    "refused": Story._refused,
    "held": Story._held,
    "ended_by": Story._ended_by,
    "ended": Story._ended,
    "started": Story._started,
    "branch": Story._branch,
    "converted": Story._converted,
    "dead": Story._dead,
    "fields": Story._fields,
    "arm": Story._arm,
}
_HAPPENINGS = ("at", "down", "customer", "event", "data", "occurred", "times", "set", "consent", "alias", "result")
_KEYS = (*_HAPPENINGS, *_CHECKS)


def _answer(entry: Mapping[str, Json]) -> Answer:
    return Answer(
        status=entry.get("status", "done"),
        output=entry.get("output", {}),
        reason=entry.get("reason", ""),
        retry_in=parse_duration(str(entry.get("retry_in", "5s"))) or 0,
    )


def _with_previous(message: Message, previous: str) -> Message:
    return replace(message, previous_id=previous)


def _fits(wanted: Json, performed: Performed) -> bool:
    if isinstance(wanted, str):
        return wanted == performed.action
    [(action, inputs)] = wanted.items()
    return action == performed.action and _contains(performed.inputs, inputs or {})


def _contains(value: Json, wanted: Json) -> bool:
    if isinstance(wanted, dict):
        return isinstance(value, Mapping) and all(_contains(value.get(key), inner) for key, inner in wanted.items())
    return bool(value == wanted)


def _shown(performed: Performed) -> str:
    inputs = ", ".join(f"{key}: {value}" for key, value in performed.inputs.items())
    return f"{performed.action} {{{inputs}}} at {format_instant(performed.at)}"


def _shown_wanted(wanted: Json) -> str:
    return wanted if isinstance(wanted, str) else " ".join(f"{action} {inputs}" for action, inputs in wanted.items())
