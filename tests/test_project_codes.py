"""Problems that only a whole project can have, each at the very place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli_help import events_file, here
from deliver_help import outside
from retain.app.projects.project import open_project
from retain.hookspecs import hookimpl
from retain.model import Json, Problem
from retain.registry import Action, ActionRequest, ActionResult, Channel, StoreChanges

RULES = """\
version: 1
policies: {{email: {{consent: {consent}, unknown: refuse}}}}
rules:
  welcome:
    when: {{event: signed_up}}
    then:
      - email.send: {{template: welcome}}
  later:
    when: {{event: signed_up}}
    then:
      - wait: 1d
      - email.send: {{template: welcome}}
"""
CONFIG = "version: 1\nplugins: {{email: {{host: localhost, from: a@example.test{secrets}}}}}\n{public}"
STEP = "version: 1\nrules: {r: {when: {event: signed_up}, then: [{wait: 1d}, {shop.do: {}}]}}\n"
TOKEN = {"type": "object", "properties": {"token": {"type": "string"}}, "required": ["token"]}


@dataclass(frozen=True)
class Case:
    """A project, and where its problems stand."""

    code: str
    line: int
    column: int


UNSUBSCRIBING = [Case("E132", 7, 9), Case("E132", 12, 9)]
WITHOUT_SECTION = Case("E133", 7, 9)
OWN_WITHOUT_SECTION = Case("E133", 2, 59)
CASES = [*UNSUBSCRIBING, WITHOUT_SECTION, OWN_WITHOUT_SECTION]


async def run(request: ActionRequest) -> ActionResult:
    return ActionResult()


SENT = outside("shop.do", run)
STORED = replace(SENT, run=None, apply=lambda view, inputs: StoreChanges())


def write(folder: Path, rules: str, config: str = "version: 1\n") -> Path:
    """A project of one rule file and one letter."""
    (folder / "rules").mkdir()
    (folder / "templates").mkdir()
    (folder / "templates/welcome.txt").write_text("Subject: Hello\n\nHello\n")
    (folder / "rules/all.yaml").write_text(rules)
    (folder / "retain.yaml").write_text(config)
    return folder


def project(
    folder: Path, *, consent: str = "marketing", secrets: str = "", public: str = ""
) -> list[tuple[str, int, int]]:
    """The problems of a project with two letters."""
    write(folder, RULES.format(consent=consent), CONFIG.format(secrets=secrets, public=public))
    return [(problem.code, problem.place.line, problem.place.column) for problem in open_project(folder).problems]


def shop(
    folder: Path, action: Action, schema: Mapping[str, Json], config: str = "", rules: str = STEP
) -> list[Problem]:
    """The problems of a project whose only step is one of a plugin `shop` that declares this configuration."""
    hooks = {
        "register_actions": lambda: [action],
        "register_channels": lambda: [Channel(name="shop", address_field="email")],
        "register_config": lambda: schema,
    }
    plugin = SimpleNamespace(plugin_name="shop", **{name: hookimpl(hook) for name, hook in hooks.items()})
    return list(open_project(write(folder, rules, f"version: 1\n{config}"), extra=[plugin]).problems)


def test_a_letter_that_needs_consent_needs_an_unsubscribe_page(tmp_path: Path) -> None:
    assert project(tmp_path) == [(case.code, case.line, case.column) for case in UNSUBSCRIBING]


@pytest.mark.parametrize(
    ("consent", "secrets", "public"),
    [
        ('""', "", ""),
        ("marketing", ', unsubscribe_secrets: ["env:SECRET"]', "public: {url: https://news.example.com}\n"),
    ],
    ids=["no consent asked for", "page and secret given"],
)
def test_other_letters_do_not(tmp_path: Path, consent: str, secrets: str, public: str) -> None:
    assert project(tmp_path, consent=consent, secrets=secrets, public=public) == []


def test_a_plugin_that_must_be_told_something_needs_its_section_once(tmp_path: Path) -> None:
    [problem] = open_project(write(tmp_path, RULES.format(consent='""'))).problems
    assert Case(problem.code, problem.place.line, problem.place.column) == WITHOUT_SECTION
    assert problem.message == (
        "retain.yaml has no section plugins.email, which must say host and from; 1 more step needs it"
    )
    assert problem.help == "add to retain.yaml: plugins: {email: {host: ..., from: ...}}, as retain docs email says"


@pytest.mark.parametrize(
    ("schema", "config", "needs"),
    [
        (TOKEN, "plugins: {email: {host: localhost, from: a@example.test}}\n", "token"),
        ({"type": "object", "minProperties": 1}, "", "something"),
    ],
    ids=["another plugin has one", "no key by name"],
)
def test_so_does_a_plugin_of_ones_own(tmp_path: Path, schema: Mapping[str, Json], config: str, needs: str) -> None:
    [problem] = shop(tmp_path, SENT, schema, config)
    assert Case(problem.code, problem.place.line, problem.place.column) == OWN_WITHOUT_SECTION
    assert problem.message == f"retain.yaml has no section plugins.shop, which must say {needs}"


PUBLIC_URL = {"type": "object", "properties": {"public_url": {"type": "string"}}, "required": ["public_url"]}


@pytest.mark.parametrize(
    ("action", "schema", "config", "rules"),
    [
        (SENT, TOKEN, "plugins: {shop: {token: t}}\n", STEP),
        (SENT, {**TOKEN, "required": []}, "", STEP),
        (SENT, PUBLIC_URL, "public: {url: https://news.example.com}\n", STEP),
        (STORED, TOKEN, "", STEP),
        (SENT, TOKEN, "", STEP.replace("r: {", "r: {status: shadow, ")),
        (SENT, TOKEN, "", STEP.replace("r: {", "r: {status: off, ")),
        (SENT, TOKEN, "", STEP.replace("shop.do: {}", "stop: true")),
    ],
    ids=[
        "it has one",
        "it requires nothing",
        "it is told the public address",
        "its step is part of the decision",
        "nothing is sent in shadow",
        "the rule is off",
        "no rule uses it",
    ],
)
def test_others_do_not(tmp_path: Path, action: Action, schema: Mapping[str, Json], config: str, rules: str) -> None:
    assert shop(tmp_path, action, schema, config, rules) == []


def test_a_step_over_the_channel_of_another_plugin_asks_for_its_own_plugin_only(tmp_path: Path) -> None:
    rules = f"{STEP}policies: {{email: {{unknown: allow}}}}\n"
    assert shop(tmp_path, replace(SENT, channel="email"), {**TOKEN, "required": []}, rules=rules) == []


@pytest.mark.parametrize(
    ("section", "code"), [("{}", "E212"), ("{host: localhost}", "E212"), ("", "E210")], ids=["empty", "half", "no map"]
)
def test_a_section_that_is_there_and_not_whole_is_told_as_such_alone(tmp_path: Path, section: str, code: str) -> None:
    folder = write(tmp_path, RULES.format(consent='""'), f"version: 1\nplugins:\n  email: {section}\n")
    codes = {problem["code"] for problem in here("check", folder, "--json").json["problems"]}
    assert code in codes
    assert "E133" not in codes


def test_rules_without_a_retain_yaml_are_not_asked_for_a_section(tmp_path: Path) -> None:
    (write(tmp_path, RULES.format(consent="marketing")) / "retain.yaml").unlink()
    codes = {problem["code"] for problem in here("check", tmp_path / "rules", "--json").json["problems"]}
    assert codes == {"E404"}, "without a project there are no templates"


def test_what_only_sending_needs_keeps_nobody_from_testing_and_simulating(tmp_path: Path) -> None:
    steps = "[{at: 0h, event: signed_up}, {at: 1h, expect: [{email.send: {template: welcome}}]}]"
    who = "customer: {email: ann@example.test}, consent: {marketing: true}"
    tests = f"tests: {{it is sent: {{rule: welcome, {who}, steps: {steps}}}}}\n"
    folder = write(tmp_path, RULES.format(consent="marketing") + tests)
    events = events_file(tmp_path / "events.jsonl", [{"type": "track", "userId": "ann", "event": "Signed Up"}])
    assert here("check", folder).code == 1
    assert here("test", "-C", folder).out.startswith("ok  1 test ")
    assert here("simulate", events, "-C", folder).code == 0
