"""What is valid and hardly meant is warned of at the very column, and its near misses are not."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from textwrap import dedent
from zoneinfo import ZoneInfo

import pytest

from healthy_rules import healthy_project
from lint_cases import CASES, MISSES
from retain.language.codes.lint import LINT_CODES
from retain.language.load.files import load_rules
from retain.language.rules import RuleSet
from retain.model import Problem
from retain.registry import Channel, Registry
from rule_file_cases import TAIL, Case
from rule_file_help import EMAIL, REGISTRY, SHARED, SHOP, TEMPLATES, TEXT

BERLIN = ZoneInfo("Europe/Berlin")
SMS = replace(
    EMAIL,
    name="sms.send",
    channel="sms",
    inputs={"type": "object", "properties": {"text": TEXT}, "required": ["text"], "additionalProperties": False},
)
PHONES: Registry = replace(
    REGISTRY,
    actions={**REGISTRY.actions, "sms.send": SMS},
    channels={**REGISTRY.channels, "sms": Channel(name="sms", address_field="phone")},
)


def linted(text: str) -> tuple[RuleSet, list[Problem]]:
    """A rule file and all warnings about it, by an account in Berlin."""
    files = [("shared.yaml", SHARED), ("rules.yaml", dedent(text))]
    return load_rules(files, SHOP, PHONES, templates=TEMPLATES, zone=BERLIN)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_warning_is_told_at_this_column_and_no_other(case: Case) -> None:
    _, found = linted(case.text)
    assert [(p.code, p.place.line, p.place.column, p.place.width) for p in found] == [
        (case.code, case.line, case.column, case.width)
    ], case.text + "\n".join(p.render() for p in found)
    (problem,) = found
    assert problem.help
    assert problem.line_text == case.text.split("\n")[case.line - 1]


@pytest.mark.parametrize("text", MISSES, ids=lambda text: text.split("\n")[0][2:])
def test_a_near_miss_is_passed_over(text: str) -> None:
    _, found = linted(text + TAIL)
    assert not found, "\n".join(p.render() for p in found)


def test_every_warning_has_two_near_misses() -> None:
    missed = [text[2:6] for text in MISSES]
    assert {code for code in LINT_CODES if missed.count(code) < 2} == set()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_whoever_means_it_allows_it(case: Case) -> None:
    allowed = "\n".join(
        f"{line}\n    allow: [{case.code}]" if line.startswith("  ") and line[2] != " " and line.endswith(":") else line
        for line in case.text.split("\n")
    )
    assert linted(allowed)[1] == []


def test_who_runs_the_rules_is_not_kept_waiting_for_warnings() -> None:
    for case in CASES:
        assert load_rules([("shared.yaml", SHARED), ("rules.yaml", case.text)], SHOP, PHONES)[1] == []


@pytest.mark.parametrize("seed", range(200))
def test_healthy_rules_are_passed_over(seed: int) -> None:
    text = healthy_project(Random(seed))
    ruleset, found = linted(text)
    assert not found, text + "\n".join(p.render() for p in found)
    assert ruleset.rules
