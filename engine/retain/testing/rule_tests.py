"""Tests beside rules: a story of events on a virtual clock, and what must have come of it, nothing else included."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from retain.errors import did_you_mean
from retain.instants import parse_duration, parse_instant
from retain.language.plan import Defaults, Plan, make_plan
from retain.language.rules import Limit, Policy, QuietHours, RuleSet, Status
from retain.language.time.wallclock import parse_span
from retain.language.types import Schema
from retain.model import Instant, Json
from retain.registry import Registry
from retain.store.store import Store
from retain.testing.forms import misshapen
from retain.testing.names import SETTING as KEYS
from retain.testing.names import Names, Wrong, unknown
from retain.testing.story import Failure, Story

__all__ = ["KEYS", "TestReport", "TestResult", "run_rule_test", "run_rule_tests"]
START = "2026-01-05T09:00:00Z"  # where a test's clock begins that does not say so


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """What came of one test; no failures means it passed.

    Args:
        failures: what did not hold, one text each.
        file: where the test stands; `line` is that of the first step that failed, else of the test.
        timeline: what happened, with what did not hold at its place; only of a test that failed.
    """

    __test__ = False  # for pytest: no test class

    name: str
    failures: tuple[str, ...] = ()
    visits: frozenset[tuple[str, str]] = frozenset()
    outcomes: frozenset[tuple[str, str]] = frozenset()
    file: str = ""
    line: int = 0
    timeline: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TestReport:
    """What came of all tests of a project."""

    __test__ = False

    results: tuple[TestResult, ...] = ()

    @property
    def failed(self) -> list[TestResult]:
        """The tests that did not pass."""
        return [result for result in self.results if result.failures]

    @property
    def visits(self) -> frozenset[tuple[str, str]]:
        """Every place in a rule that a test reached."""
        return frozenset().union(*(result.visits for result in self.results))

    @property
    def outcomes(self) -> frozenset[tuple[str, str]]:
        """Every outcome of a rule that a test reached."""
        return frozenset().union(*(result.outcomes for result in self.results))


@dataclass(slots=True)
class _Setting:
    """What the tests of a project share: one store in memory, and plans by the rules and policies that a test asks for.

    Plans and names are kept, because most tests ask for the same few.
    """

    ruleset: RuleSet
    schema: Schema
    registry: Registry
    defaults: Defaults
    store: Store
    plans: dict[str, tuple[Plan, Names]] = field(default_factory=dict)

    def plan(self, rules: Sequence[str], policies: Mapping[str, Json], status: Status | None) -> tuple[Plan, Names]:
        """The plan of only these rules, with policies and status changed for the test, and what it lets tests name."""
        name = f"{sorted(rules)} {policies} {status}"
        if name not in self.plans:
            kept = {rule: self.ruleset.rules[rule] for rule in rules} if rules else dict(self.ruleset.rules)
            if status is not None:
                kept = {name: replace(rule, status=status) for name, rule in kept.items()}
            changed = {
                channel: _override(policy, policies.get(channel, {}))
                for channel, policy in self.ruleset.policies.items()
            }
            ruleset = replace(self.ruleset, rules=kept, policies=changed)
            plan = make_plan(ruleset, self.schema, self.registry, self.defaults)
            self.plans[name] = plan, Names(plan)
        return self.plans[name]


def run_rule_tests(
    ruleset: RuleSet,
    schema: Schema,
    registry: Registry,
    *,
    defaults: Defaults | None = None,
    only: str = "",
    files: Callable[[str], bool] | None = None,
    batch: int = 50,
) -> TestReport:
    """Run the tests of a rule set, each through the real pipeline and a store in memory.

    Args:
        only: run those whose name contains this.
        files: run those of files for which this is true.
        batch: the pipeline's batch size; no result depends on it.
    """
    setting = _Setting(ruleset, schema, registry, defaults or Defaults(), Store.in_memory())
    try:
        results = [
            run_rule_test(name, entry, setting, batch)
            for name, entry in ruleset.tests.items()
            if only in name and (files is None or files(entry["place"]["file"]))
        ]
    finally:
        setting.store.close()
    return TestReport(results=tuple(results))


def run_named_test(
    name: str, test: Mapping[str, Json], ruleset: RuleSet, schema: Schema, registry: Registry, defaults: Defaults
) -> TestReport:
    """Run one test that stands in no file."""
    entry = {"place": {"file": "", "line": 0, "column": 0}, "test": test}
    return run_rule_tests(replace(ruleset, tests={name: entry}), schema, registry, defaults=defaults)


def run_rule_test(name: str, entry: Mapping[str, Json], setting: _Setting, batch: int) -> TestResult:
    """One test; a name in it that means nothing is a failure like any other."""
    test, place = entry["test"], entry["place"]
    lines: Sequence[int] = entry.get("lines", ())

    def failed(failures: Sequence[Failure]) -> TestResult:
        step = failures[0].step
        line = lines[step] if 0 <= step < len(lines) else place["line"]
        return TestResult(name=name, failures=tuple(one.what for one in failures), file=place["file"], line=line)

    wrong = [Failure(_placed(test, one), one.step) for one in misshapen(test)] or _unknown_rules(test, setting)
    if wrong:
        return failed(wrong)
    start = _start_of(test)
    if start is None:
        return failed([Failure(f"start: {test.get('start')!r} is no instant")])
    try:
        plan, names = setting.plan(_rules_of(test), test.get("policy") or {}, test.get("status"))
        wrong = [Failure(_placed(test, one), one.step) for one in names.wrong(test)]
        if wrong:
            return failed(wrong)
        setting.store = setting.store.emptied()
        story = Story(plan, start, batch, test, setting.store)
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        return failed([Failure(f"the test has not the form of one: {error}")])
    story.run()
    visits, outcomes = frozenset(story.engine.visits), frozenset(story.engine.tally)
    if not story.failures:
        return TestResult(name=name, visits=visits, outcomes=outcomes, file=place["file"], line=place["line"])
    return replace(failed(story.failures), visits=visits, outcomes=outcomes, timeline=tuple(story.lines()))


def _rules_of(test: Mapping[str, Json]) -> list[str]:
    named = test.get("rule")
    if named is None:
        return []
    return [named] if isinstance(named, str) else list(named)


def _unknown_rules(test: Mapping[str, Json], setting: _Setting) -> list[Failure]:
    rules, policies = setting.ruleset.rules, setting.ruleset.policies
    found = [f"unknown rule {rule}; {did_you_mean(rule, rules)}" for rule in _rules_of(test) if rule not in rules]
    found += unknown("channel in policy", test.get("policy") or {}, policies)
    return [Failure(what) for what in found]


def _placed(test: Mapping[str, Json], wrong: Wrong) -> str:
    if wrong.step < 0:
        return wrong.what
    step = test["steps"][wrong.step]
    when = step.get("at", step.get("down")) if isinstance(step, Mapping) else None
    return f"at {when}: {wrong.what}" if when is not None else f"step {wrong.step + 1}: {wrong.what}"


def _start_of(test: Mapping[str, Json]) -> Instant | None:
    return parse_instant(str(test.get("start", START)))


def _override(policy: Policy, changes: Mapping[str, Json]) -> Policy:
    if not changes:
        return policy
    quiet = policy.quiet
    if "quiet" in changes:
        span = parse_span(changes["quiet"]) if changes["quiet"] else None
        quiet = QuietHours(start=span[0], end=span[1]) if span else None
    caps = tuple(_limit(text) for text in changes["caps"]) if "caps" in changes else policy.caps
    return replace(
        policy,
        quiet=quiet,
        caps=caps,
        consent=changes.get("consent", policy.consent),
        unknown=changes.get("unknown", policy.unknown),
    )


def _limit(text: str) -> Limit:
    count, _, per = text.partition(" per ")
    return Limit(count=int(count), per=parse_duration(per) or 0)
