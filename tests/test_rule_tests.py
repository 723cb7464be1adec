"""Tests beside rules: what they can say, how they fail, and that they go through the one engine."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from xml.etree import ElementTree

import pytest

import house
from cli_help import bare, events_file, here, identify, project, retain, too_wide, track
from decide_help import registry, ruleset, schema
from retain.language.plan import Defaults
from retain.model import Json
from retain.testing.coverage import coverage
from retain.testing.names import SETTING as SETTING_KEYS
from retain.testing.names import STEP
from retain.testing.rule_tests import TestReport, run_named_test, run_rule_tests
from test_shipped_rules import shipped

RULES = """
policies: {email: {consent: marketing, unknown: refuse, caps: [2 per 1d]}}
segments: {buyers: {if: [exists(order_completed)]}}
rules:
  greet:
    when: {event: signed_up}
    if: [customer.email is present]
    exit_when: [{event: order_completed}]
    then:
      - {post.it: {text: "{{ event.type }}"}, id: told}
      - email.send: {template: hello, data: {id: "{{ steps.told.id }}", kind: new}}
      - wait: 1d
      - set: {score: 1}
"""
SETTING = """
      rule: greet
      customers: [{id: c1, email: c1@example.test}, {id: c2, email: c2@example.test, consent: {marketing: false}}]
      consent: {marketing: true}
"""


def run(*steps: str, setting: str = SETTING, rules: str = RULES) -> TestReport:
    """One test with these steps, each in YAML's short form."""
    told = "\n".join(f"        - {{{step}}}" for step in steps)
    text = f"{dedent(rules)}\ntests:\n  story:{setting.rstrip()}\n      steps:\n{told}\n"
    return run_rule_tests(ruleset(text), schema(), registry())


def failures(*steps: str, setting: str = SETTING, rules: str = RULES) -> list[str]:
    """What does not hold."""
    return [failure for result in run(*steps, setting=setting, rules=rules).failed for failure in result.failures]


GREETED = "expect: [post.it, email.send]"


def test_a_story_has_several_customers_each_with_consent_fields_and_segments() -> None:
    assert not failures(
        "at: 0m, event: signed_up, data: {type: web}, "
        "expect: [{post.it: {text: web}}, {email.send: {template: hello}, customer: c1}]",
        "at: 1m, customer: c2, event: signed_up, data: {type: app}, expect: [{post.it: {text: app}, customer: c2}], "
        "refused: [{email.send: consent}]",
        "at: 2m, customer: c2, event: order_completed, ended_by: order_completed, segments: {buyers: true}",
        "at: 1d, expect: [], fields: {score: 1}, segments: {buyers: false}",
        "at: 1d, customer: c2, fields: {score: null}, ended: {done: 1, order_completed: 1}",
    )


def test_consent_and_fields_change_within_a_story() -> None:
    assert not failures(
        "at: 0m, set: {email: null}",
        "at: 1m, event: signed_up, refused: if",
        "at: 2m, set: {email: new@example.test}, consent: {marketing: false}",
        "at: 3m, event: signed_up, data: {type: web}, expect: [post.it], refused: [{email.send: consent}]",
    )


def test_an_action_answers_what_the_test_says() -> None:
    every = SETTING + "      results: {post.it: {id: from-the-test}}\n"
    wanted = "expect: [post.it, {email.send: {data: {id: from-the-test}}}]"
    step = "event: signed_up, data: {type: web}"
    assert not failures(f"at: 0m, {step}, {wanted}", f"at: 3d, {step}, {wanted}", setting=every)


def test_an_action_can_fail_twice_and_then_succeed() -> None:
    answers = "[{status: retry, times: 2, retry_in: 5m}, {status: done, output: {id: x}}]"
    twice = f"{SETTING}      results: {{post.it: {answers}}}\n"
    assert not failures(
        "at: 0m, event: signed_up, data: {type: web}, expect: [post.it]",
        "at: 9m, expect: []",
        "at: 10m, expect: [{email.send: {data: {id: x}}}]",
        setting=twice,
    )


def test_inputs_are_compared_only_as_far_as_they_are_written() -> None:
    step = "at: 0m, event: signed_up, data: {type: web}, "
    assert not failures(step + "expect: [post.it, {email.send: {data: {kind: new}}}]")
    (failure,) = failures(step + "expect: [post.it, {email.send: {data: {kind: old}}}]")
    assert "~     data is {'id': 'p1', 'kind': 'new'}, not {'kind': 'old'}" in failure


def test_what_is_performed_and_not_expected_fails() -> None:
    (failure,) = failures("at: 0m, event: signed_up, data: {type: web}")
    assert "and not expected" in failure
    assert "+ post.it {text: web}" in failure


def test_a_difference_is_aligned_so_that_what_agrees_stays_unmarked() -> None:
    (failure,) = failures("at: 0m, event: signed_up, data: {type: web}, expect: [email.send, task.create]")
    assert [line.strip().partition(" ")[0] for line in failure.splitlines()[1:]] == ["+", "email.send", "-"]


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("at: 0m, evnt: signed_up", "unknown key evnt; did you mean event?"),
        ("at: 0m, event: sined_up", "unknown event sined_up; did you mean signed_up?"),
        ("at: 0m, event: signed_up, data: {tpye: web}", "unknown field tpye; did you mean type?"),
        ("at: 0m, set: {emial: x}", "unknown field customer.emial; did you mean email?"),
        ("at: 0m, fields: {emial: x}", "unknown field customer.emial; did you mean email?"),
        ("at: 0m, consent: {marketting: true}", "unknown purpose marketting; did you mean marketing?"),
        ("at: 0m, expect: [email.sned]", "unknown action email.sned; did you mean email.send?"),
        ("at: 0m, expect: [{email.send: {templte: x}}]", "unknown input of email.send templte; did you mean template?"),
        ("at: 0m, refused: iff", "unknown reason of a refused start iff; did you mean if?"),
        ("at: 0m, refused: {consnt: 1}", "unknown reason of a refused effect consnt; did you mean consent?"),
        ("at: 0m, refused: [{email.send: consnt}]", "did you mean consent?"),
        ("at: 0m, held: quiet_hour", "did you mean quiet_hours?"),
        ("at: 0m, ended_by: doen", "unknown end doen; did you mean done?"),
        ("at: 0m, branch: esle", "unknown branch esle; did you mean else?"),
        ("at: 0m, segments: {buyer: true}", "unknown segment buyer; did you mean buyers?"),
        ("at: 0m, arm: holdut", "unknown arm holdut; did you mean holdout?"),
        ("at: 0m, dead: {email.sned: 1}", "did you mean email.send?"),
        ("at: 0m, result: {post.it: {idd: 1}}", "unknown output of post.it idd; did you mean id?"),
        ("expect: []", "this step does not say when: write at: 1h"),
        ("at: soon, expect: []", "'soon' is no time"),
    ],
)  # fmt: skip
def test_a_wrong_name_fails_with_the_nearest_one(step: str, told: str) -> None:
    assert told in failures(step)[0]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("{rule: greet, results: {post.itt: [{status: done}]}}", "did you mean post.it?"),
        ("{rule: greet, results: {post.it: [{status: doen}]}}", "did you mean done?"),
        ("{rule: greet, results: {note.write: {text: x}}}", "works out its own result"),
        ("{rule: greet, policy: {emial: {caps: []}}}", "did you mean email?"),
        ("{rule: greet, policy: {email: {cap: []}}}", "did you mean caps?"),
        ("{rule: greet, customer: {id: c1, emial: x}}", "did you mean email?"),
        ("{rule: greet, start: soon}", "'soon' is no instant"),
    ],
)
def test_a_wrong_name_in_the_setting_fails_too(setting: str, told: str) -> None:
    rules = dedent(RULES) + f"tests:\n  story: {setting.removesuffix('}')}, steps: []}}\n"
    (result,) = run_rule_tests(ruleset(rules), schema(), registry()).failed
    assert told in result.failures[0]


@pytest.mark.parametrize("value", [None, 5, "x", [[]], {"a": 5}], ids=str)
def test_a_value_of_another_form_fails_its_test_alone(value: Json) -> None:
    step = {"at": "0m", "event": "signed_up"}
    tests = [{key: value} for key in SETTING_KEYS] + [{"steps": [{**step, key: value}]} for key in STEP]
    for test in tests:
        report = run_named_test("story", test, ruleset(RULES), schema(), registry(), Defaults())
        assert len(report.results) == 1, test


def test_a_customer_without_a_name_fails_the_test() -> None:
    (told,) = failures("at: 0m", setting="\n      rule: greet\n      customer: {id: ''}")
    assert "with an id" in told
    (told,) = failures("at: 0m, alias: {from: '', to: c1}")
    assert "write a map: {from: ID, to: ID}" in told


def test_a_value_of_another_form_is_told_with_its_form() -> None:
    (told,) = failures("at: 5m, expect: post.it")
    assert told == "at 5m: expect is 'post.it'; write a list of actions, each its name or {name: {input: value}}"


def test_time_does_not_go_back_within_a_story() -> None:
    assert "earlier than the step before" in failures("at: 2h, expect: []", "at: 1h, expect: []")[0]


def test_a_failure_shows_the_story_with_the_difference_at_its_place() -> None:
    report = run(
        "at: 0m, event: signed_up, data: {type: web}, expect: [post.it, {email.send: {template: helo}}]",
        "at: 1h, customer: c2, event: order_completed",
    )
    (result,) = report.failed
    assert (result.file, result.line) == ("rules1.yaml", ruleset_line())
    assert [line.rstrip() for line in result.timeline] == [
        "           0s  c1: event signed_up {type: web}",
        "               c1: greet started",
        "               c1: post.it {text: web}",
        "               c1: email.send {template: hello, data: {'id': 'p1', 'kind': 'new'}}",
        "x              what was performed differs",
        "               post.it {text: web}",
        "~              email.send",
        "~                  template is 'hello', not 'helo'",
        "           1h  c2: event order_completed",
    ]


def ruleset_line() -> int:
    """Where the first step stands in the file that `run` writes."""
    return len(dedent(RULES).splitlines()) + 1 + 8


def test_a_refused_start_is_told_with_the_clause_that_failed() -> None:
    report = run("at: 0m, set: {email: null}", "at: 1m, event: signed_up, started: 1")
    assert any("greet not started: if 1, customer.email is present" in line for line in report.failed[0].timeline)


def test_coverage_names_what_no_test_reaches() -> None:
    report = run("at: 0m, event: signed_up, data: {type: web}, " + GREETED, "at: 1d, expect: []")
    covered = coverage(ruleset(RULES), registry(), report).rules["greet"]
    assert covered.missing == ("exit_when[0]", "then[0]:error", "then[1]:error", "refused: if")
    assert covered.reached == covered.places - 4


def test_the_shipped_rules_are_covered_whole() -> None:
    found = shipped()[0]
    plugins = registry()
    report = run_rule_tests(found, schema(), plugins)
    assert [(result.name, result.failures) for result in report.failed] == []
    covered = coverage(found, plugins, report)
    assert (covered.gaps, covered.percent) == ({}, 100)


def test_there_is_one_decide() -> None:
    """Tests, simulations and explanations have no engine of their own: only the pipeline calls what decides."""
    deciding = {
        "decide_event", "decide_wake", "decide_look", "decide_due_effect", "decide_planned", "decide_backfill",
        "decide_timer",
    }  # fmt: skip
    callers = {
        module.name
        for module in house.modules()
        if any(f"import {name}" in module.text or f" {name}," in module.text for name in deciding)
    }
    assert callers <= {f"retain.pipeline.{part}" for part in ("pipeline", "sweeps", "timing")}
    virtual = next(module for module in house.modules() if module.name == "retain.testing.virtual")
    assert {"retain.pipeline.Pipeline", "retain.pipeline"} & {one.target for one in virtual.imports}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with the shipped cart rule and one test that fails."""
    folder = project(tmp_path / "shop", "abandoned-cart")
    file = folder / "tests" / "abandoned-cart.yaml"
    file.write_text(file.read_text().replace("template: cart-benefits", "template: cart-gone", 1))
    return folder


def test_a_failed_test_is_told_within_80_columns_and_without_colour(shop: Path) -> None:
    answer = retain("-C", shop, "test")
    assert answer.code == 1
    assert too_wide(answer.out) == []
    assert "\x1b" not in answer.out
    assert "~                  template is 'cart-benefits', not 'cart-gone'" in answer.out
    assert "1 failed of 16 tests" in answer.out


def test_json_says_where_a_test_failed(shop: Path) -> None:
    told = here("-C", shop, "test", "--json").json
    assert list(told) == ["tests", "passed", "failed", "seconds", "coverage"]
    (failed,) = told["failed"]
    line = (shop / "tests" / "abandoned-cart.yaml").read_text().splitlines()[failed["line"] - 1]
    assert "cart-gone" in line
    assert list(failed) == ["name", "file", "line", "why"]


def test_a_path_runs_the_tests_of_that_file(shop: Path) -> None:
    path = shop / "tests" / "abandoned-cart.yaml"
    assert here("-C", shop, "test", path, "--json").json["tests"] == 16
    none = here("-C", shop, "test", shop / "templates")
    assert none.code == 2
    assert "no test of the project stands there" in none.err


def test_a_minimum_of_coverage_fails_below_it(shop: Path) -> None:
    few = here("-C", shop, "test", "-k", "emptied cart", "--min", "80", "--json")
    assert few.code == 1
    assert 0 < few.json["coverage"]["percent"] < 80
    assert "below 80 %" in few.err
    assert here("-C", shop, "test", "-k", "emptied cart", "--min", "10").code == 0


def test_junit_holds_every_test_and_the_story_of_those_that_failed(shop: Path, tmp_path: Path) -> None:
    here("-C", shop, "test", "--junit", tmp_path / "out.xml")
    suite = ElementTree.fromstring((tmp_path / "out.xml").read_text())
    assert (suite.get("tests"), suite.get("failures")) == ("16", "1")
    (failure,) = suite.iter("failure")
    assert failure.text is not None
    assert "event product_added" in failure.text
    assert len(list(suite.iter("testcase"))) == 16


LIVED = """\
version: 1
rules:
  call:
    when: {event: signed_up}
    if: [customer.email is present]
    exit_when: [{event: order_completed}]
    then:
      - task.create: {title: "Call {{ customer.first_name }}", assignee: care@example.test}
      - wait: 1d
      - log.write: {message: "nobody called {{ customer.email }}"}
"""


def test_a_test_is_recorded_from_what_happened_without_the_person_and_it_holds(tmp_path: Path) -> None:
    folder = bare(tmp_path / "shop", LIVED)
    calls = [
        identify("ada", "", 1, email="ada@real.example", first_name="Adalbert", phone="+49301234567"),
        track("ada", "Signed Up", "", 2),
        track("ada", "Order Completed", "", 3, order_id="o1"),
    ]
    for call in calls:
        del call["timestamp"]
    here("-C", folder, "import", events_file(tmp_path / "now.jsonl", calls), "--live")
    answer = here("-C", folder, "test", "--record", "call", "ada")
    assert (answer.code, answer.err) == (0, "")
    assert not {word for word in ("real.example", "Adalbert", "ada", "+4930") if word in answer.out}
    assert "event: signed_up" in answer.out
    assert "task.create: {assignee: care@example.test}" in answer.out
    assert "ended_by: order_completed" in answer.out
    (folder / "tests").mkdir()
    (folder / "tests" / "life.yaml").write_text(answer.out)
    told = here("-C", folder, "test", folder / "tests" / "life.yaml", "--json").json
    assert (told["tests"], told["passed"]) == (1, 1)
