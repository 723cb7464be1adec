"""The rules that come with Retain: they load without a complaint, and each has its tests beside it."""

from __future__ import annotations

from functools import cache

from retain.deliver.loading import load_plugins
from retain.language.load.files import load_rules
from retain.language.message_templates import MessageTemplates, read_template_folder
from retain.language.rules import ActionStep, IfStep, RuleSet, SplitStep, Step, WaitForStep
from retain.language.schemas.fields import load_schema
from retain.model import Problem
from retain.resources import resource

RULES = resource("rules")
PACKS = (
    "abandoned-cart", "birthday", "churn-alert", "lead-assignment", "loyalty-tiers", "nps-follow-up", "onboarding",
    "win-back",
)  # fmt: skip


@cache
def shipped() -> tuple[RuleSet, MessageTemplates, list[Problem]]:
    """Everything under the shipped rules folder, as a project would load it."""
    registry = load_plugins({}).registry
    schema, problems = load_schema([], registry)
    templates = read_template_folder(RULES / "templates", registry.filters)
    files = [(path.relative_to(RULES).as_posix(), path.read_text()) for path in sorted(RULES.rglob("*.yaml"))]
    ruleset, found = load_rules(files, schema, registry, templates=templates)
    return ruleset, templates, [*problems, *templates.problems, *found]


def test_the_shipped_rules_load_without_an_error_or_a_warning() -> None:
    ruleset, _, problems = shipped()
    assert [problem.render() for problem in problems] == []
    assert ruleset.disabled == {}


def test_there_are_eight_packs_each_with_its_tests() -> None:
    assert {path.stem for path in RULES.glob("*.yaml")} == {*PACKS, "policies"}
    assert {path.stem for path in (RULES / "tests").glob("*.yaml")} == set(PACKS)


def test_every_shipped_rule_is_tested() -> None:
    ruleset, _, _ = shipped()
    tested: set[str] = set()
    for test in ruleset.tests.values():
        rule = test["test"]["rule"]
        tested |= {rule} if isinstance(rule, str) else set(rule)
    assert tested == set(ruleset.rules)


def test_every_template_is_used_by_a_rule() -> None:
    ruleset, templates, _ = shipped()
    used = {name for rule in ruleset.rules.values() for name in _templates_of(rule.steps)}
    assert used == set(templates.templates)


def _templates_of(steps: tuple[Step, ...]) -> set[str]:
    found: set[str] = set()
    for step in steps:
        if isinstance(step, ActionStep):
            inputs = step.inputs.shape
            found |= {inputs["template"]} if step.action == "email.send" else set()
            found |= _templates_of(step.error_steps)
        elif isinstance(step, IfStep | WaitForStep):
            found |= _templates_of(step.then) | _templates_of(step.otherwise)
        elif isinstance(step, SplitStep):
            found |= {name for branch in step.branches for name in _templates_of(branch.steps)}
    return found


def test_the_cart_rule_needs_no_total() -> None:
    rule = shipped()[0].rules["abandoned-cart"]
    assert not {field for field in rule.needs.event_fields if "total" in field}


def test_marketing_mail_needs_consent_that_was_given() -> None:
    policy = shipped()[0].policies["email"]
    assert (policy.consent, policy.unknown) == ("marketing", "refuse")


def test_a_shipped_trial_begins_and_ends_at_an_instant() -> None:
    events = load_schema([], load_plugins({}).registry)[0].events
    trials = [events["trial_started"], events["trial_ended"]]
    assert {fields[name].kind for fields in trials for name in ("trial_start_date", "trial_end_date")} == {"instant"}
