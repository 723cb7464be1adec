"""The names in a test: one that means nothing is a failure with the nearest name, before the story is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from retain.decide.steps import step_index
from retain.errors import did_you_mean
from retain.language.plan import Plan
from retain.language.rules import SplitStep
from retain.language.types import Type
from retain.model import Json, Outcome, slug
from retain.registry import Action
from retain.testing.answers import KEYS as ATTEMPT_KEYS
from retain.testing.answers import STATUSES, is_attempt

SETTING = ("rule", "status", "start", "customer", "customers", "consent", "policy", "results", "steps")
HAPPENINGS = ("at", "down", "customer", "event", "data", "occurred", "times", "set", "consent", "alias", "result")
CHECKS = (
    "expect", "refused", "held", "ended_by", "ended", "started", "branch", "converted", "dead", "fields", "segments",
    "arm",
)  # fmt: skip
STEP = (*HAPPENINGS, *CHECKS)
POLICY = ("consent", "unknown", "caps", "quiet")
ARMS = ("live", "shadow", "holdout")
ENDS = ("done", "goal", "stop", "restart", "merged", "failed", "stopped", "edited", "becomes")
START_REFUSALS = tuple(sorted({outcome.value for outcome in Outcome} - {"started"}))
EFFECT_REFUSALS = (
    "at_most", "cap", "consent", "no_address", "no_policy", "only_to", "quiet_hours", "suppressed",
)  # fmt: skip
_ENGINE_EVENTS = ("customer_created", "customer_updated", "customers_merged")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A name that means nothing: in which step, counted from 0; -1 is the setting."""

    step: int
    what: str


@dataclass(slots=True)
class Names:
    """Everything that a test with this plan may name."""

    plan: Plan
    events: frozenset[str] = field(init=False)
    purposes: frozenset[str] = field(init=False)
    branches: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.events = frozenset({*self.plan.schema.events, *_ENGINE_EVENTS})
        self.purposes = frozenset(policy.consent for policy in self.plan.ruleset.policies.values() if policy.consent)
        steps = [stop.step for rule in self.plan.rules.values() for stop in step_index(rule).values()]
        splits = {branch.name for step in steps if isinstance(step, SplitStep) for branch in step.branches}
        self.branches = frozenset({"then", "else", "error", *splits})

    def wrong(self, test: Mapping[str, Json]) -> Iterator[Wrong]:
        """Every name of a test that means nothing, in written order."""
        yield from (Wrong(-1, what) for what in self._setting(test))
        for number, step in enumerate(test.get("steps") or ()):
            if not isinstance(step, Mapping):
                yield Wrong(number, f"a step is a map such as {{at: 1h, expect: []}}, not {step!r}")
                continue
            yield from (Wrong(number, what) for what in self._step(step))

    def _setting(self, test: Mapping[str, Json]) -> Iterator[str]:
        yield from unknown("key", test, SETTING)
        for customer in test.get("customers") or [test.get("customer") or {}]:
            fields = {key: value for key, value in customer.items() if key not in ("id", "consent")}
            yield from self._fields(fields)
            yield from self._purposes(customer.get("consent") or {})
        yield from self._purposes(test.get("consent") or {})
        for action, given in (test.get("results") or {}).items():
            yield from self._result(action, given)
        for policy in (test.get("policy") or {}).values():
            yield from unknown("key of a policy", policy or {}, POLICY)

    def _result(self, name: str, given: Json) -> Iterator[str]:
        action = self.plan.registry.actions.get(name)
        if action is None:
            yield from unknown("action", [name], self.plan.registry.actions)
            return
        if not action.is_outside:
            yield f"{name} works out its own result from the store; results are for actions that go outside"
        if isinstance(given, Mapping) and not is_attempt(given):
            yield from _outputs(action, given)
            return
        for entry in [given] if isinstance(given, Mapping) else given:
            yield from unknown(f"key of a result of {name}", entry, ATTEMPT_KEYS)
            yield from unknown(f"status of a result of {name}", [entry.get("status", "done")], STATUSES)
            yield from _outputs(action, entry.get("output") or {})

    def _step(self, step: Mapping[str, Json]) -> Iterator[str]:
        yield from unknown("key", step, STEP)
        if "at" not in step and "down" not in step:
            yield "this step does not say when: write at: 1h"
        if "event" in step:
            yield from self._event(str(step["event"]), step.get("data") or {})
        yield from self._fields(step.get("set") or {})
        yield from self._fields(step.get("fields") or {})
        yield from self._purposes(step.get("consent") or {})
        for action, output in (step.get("result") or {}).items():
            yield from self._result(action, output or {})
        yield from self._expected(step)

    def _expected(self, step: Mapping[str, Json]) -> Iterator[str]:
        for item in step.get("expect") or ():
            yield from self._item(item)
        refused = step.get("refused")
        if isinstance(refused, str):
            yield from unknown("reason of a refused start", [refused], START_REFUSALS)
        elif isinstance(refused, Mapping):
            yield from unknown("reason of a refused effect", refused, EFFECT_REFUSALS)
        for item in refused if isinstance(refused, list) else ():
            yield from unknown("action", _heads(item), self.plan.registry.actions)
            yield from unknown("reason of a refused effect", [str(reason) for reason in item.values()], EFFECT_REFUSALS)
        if "held" in step:
            yield from unknown("reason of a held effect", [step["held"]], EFFECT_REFUSALS)
        if "ended_by" in step:
            yield from unknown("end", [step["ended_by"]], (*ENDS, *self.events))
        yield from unknown("end", step.get("ended") or {}, (*ENDS, *self.events))
        if "branch" in step:
            yield from unknown("branch", [step["branch"]], self.branches)
        if "arm" in step:
            yield from unknown("arm", [step["arm"]], ARMS)
        yield from unknown("action", step.get("dead") or {}, self.plan.registry.actions)
        yield from unknown("segment", step.get("segments") or {}, self.plan.ruleset.segments)

    def _item(self, item: Json) -> Iterator[str]:
        if isinstance(item, str):
            yield from unknown("action", [item], self.plan.registry.actions)
            return
        names = _heads(item)
        yield from unknown("action", names, self.plan.registry.actions)
        if len(names) != 1:
            yield f"an expected action is its name, or one name with inputs, not {item!r}"
        for name in names:
            action = self.plan.registry.actions.get(name)
            if action is not None and action.inputs.get("additionalProperties") is False:
                yield from unknown(f"input of {name}", item[name] or {}, action.inputs.get("properties", {}))

    def _event(self, name: str, data: Mapping[str, Json]) -> Iterator[str]:
        event = slug(name)
        if event not in self.events:
            yield from unknown("event", [event], self.events)
            return
        declared = self.plan.schema.events.get(event)
        if declared:
            yield from (f"{event}: {what}" for what in _unknown_fields(data, declared))

    def _fields(self, fields: Mapping[str, Json]) -> Iterator[str]:
        yield from _unknown_fields({key: value for key, value in fields.items() if key != "consent"},
                                   self.plan.schema.customer, "customer.")  # fmt: skip

    def _purposes(self, answers: Mapping[str, Json]) -> Iterator[str]:
        if self.purposes:
            yield from unknown("purpose", answers, self.purposes)


def unknown(kind: str, names: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    """The names that are not known, each with its cure."""
    known = set(known)
    for name in names:
        if name not in known:
            yield f"unknown {kind} {name}; {did_you_mean(str(name), known)}".rstrip("; ")


def _unknown_fields(fields: Mapping[str, Json], declared: Mapping[str, Type], root: str = "") -> Iterator[str]:
    """Fields that the schema does not declare; what is inside an object is looked at where it declares that."""
    heads = {name.split(".")[0] for name in declared}
    for name, value in fields.items():
        if name.split(".")[0] not in heads:
            yield f"unknown field {root}{name}; {did_you_mean(name, heads)}"
        elif isinstance(value, Mapping):
            inner = {key.removeprefix(f"{name}."): kind for key, kind in declared.items() if key.startswith(f"{name}.")}
            if inner:
                yield from _unknown_fields(value, inner, f"{root}{name}.")


def _outputs(action: Action, output: Mapping[str, Json]) -> Iterator[str]:
    declared = action.output.get("properties")
    if declared:
        yield from unknown(f"output of {action.name}", output, declared)


def _heads(item: Mapping[str, Json]) -> Sequence[str]:
    return [name for name in item if name != "customer"]
