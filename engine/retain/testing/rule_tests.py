"""Tests beside rules: a story of events on a virtual clock, and what must have come of it, nothing else included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from retain.errors import did_you_mean
from retain.instants import parse_duration, parse_instant
from retain.language.plan import Defaults, Plan, make_plan
from retain.language.rules import Limit, Policy, QuietHours, RuleSet, Status
from retain.language.time.wallclock import parse_span
from retain.language.types import Schema
from retain.model import Instant, Json
from retain.registry import Registry
from retain.testing.coverage import places_of, refusals_of
from retain.testing.story import Story

KEYS = ("rule", "status", "start", "customer", "customers", "consent", "policy", "results", "steps")


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """What came of one test; no failures means it passed."""

    __test__ = False  # for pytest: no test class

    name: str
    failures: tuple[str, ...] = ()
    visits: frozenset[tuple[str, str]] = frozenset()
    outcomes: frozenset[tuple[str, str]] = frozenset()


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
    """What the tests of a project share; plans by the rules and policies that a test asks for."""

    ruleset: RuleSet
    schema: Schema
    registry: Registry
    defaults: Defaults
    plans: dict[str, Plan] = field(default_factory=dict)

    def plan(self, rules: Sequence[str], policies: Mapping[str, Json], status: Status | None) -> Plan:
        """The plan of only these rules, with policies and status changed for the test."""
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
            self.plans[name] = make_plan(ruleset, self.schema, self.registry, self.defaults)
        return self.plans[name]


def run_rule_tests(
    ruleset: RuleSet,
    schema: Schema,
    registry: Registry,
    *,
    defaults: Defaults | None = None,
    only: str = "",
    batch: int = 50,
) -> TestReport:
    """Run the tests of a rule set, each through the real pipeline and a store in memory.

    Args:
        only: run those whose name contains this.
        batch: the pipeline's batch size; no result depends on it.
    """
    setting = _Setting(ruleset, schema, registry, defaults or Defaults())
    results = [
        run_rule_test(name, entry["test"], setting, batch) for name, entry in ruleset.tests.items() if only in name
    ]
    return TestReport(results=tuple(results))


def run_rule_test(name: str, test: Mapping[str, Json], setting: _Setting, batch: int) -> TestResult:
    """One test; a name in it that means nothing is a failure like any other."""
    wrong = _unknown_names(test, setting)
    if wrong:
        return TestResult(name=name, failures=tuple(wrong))
    start = _start_of(test)
    if start is None:
        return TestResult(name=name, failures=(f"start: {test.get('start')!r} is no instant",))
    policies = test.get("policy") or {}
    plan = setting.plan(_rules_of(test), policies, test.get("status"))
    story = Story(plan, start, batch, test)
    story.run()
    return TestResult(
        name=name,
        failures=tuple(story.failures),
        visits=frozenset(story.engine.visits),
        outcomes=frozenset(story.engine.tally),
    )


def coverage(ruleset: RuleSet, registry: Registry, report: TestReport) -> dict[str, list[str]]:
    """What no test has reached, by rule: steps, branches, exits, goals, error paths and refusals."""
    missing: dict[str, list[str]] = {}
    for rule in ruleset.rules.values():
        wanted = places_of(rule, registry)
        reached = {place for name, place in report.visits if name == rule.id}
        refused = {outcome for name, outcome in report.outcomes if name == rule.id}
        gaps = sorted(wanted - reached) + sorted(f"refused: {name}" for name in refusals_of(rule) - refused)
        if gaps:
            missing[rule.id] = gaps
    return missing


def _rules_of(test: Mapping[str, Json]) -> list[str]:
    named = test.get("rule")
    if named is None:
        return []
    return [named] if isinstance(named, str) else list(named)


def _unknown_names(test: Mapping[str, Json], setting: _Setting) -> list[str]:
    found = [f"unknown key {key}; {did_you_mean(key, KEYS)}" for key in test if key not in KEYS]
    rules = setting.ruleset.rules
    found += [f"unknown rule {rule}; {did_you_mean(rule, rules)}" for rule in _rules_of(test) if rule not in rules]
    actions = setting.registry.actions
    for action in test.get("results") or {}:
        if action not in actions:
            found.append(f"unknown action {action} in results; {did_you_mean(action, actions)}")
    for channel in test.get("policy") or {}:
        if channel not in setting.ruleset.policies:
            found.append(f"unknown channel {channel} in policy; {did_you_mean(channel, setting.ruleset.policies)}")
    return found


def _start_of(test: Mapping[str, Json]) -> Instant | None:
    return parse_instant(str(test.get("start", "2026-01-05T09:00:00Z")))


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
