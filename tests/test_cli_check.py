"""`retain check`: what it prints, for people and for tools, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from cli_help import bare, here, project, retain, too_wide
from retain.resources import resource

GOOD = """\
version: 1
rules:
  greet:
    when: {event: signed_up}
    then:
      - log.write: {message: hello}
"""
BAD = """\
version: 1
rules:
  greet:
    when: {event: signed_up}
    if:
      - customer.contry == "DE"
    then:
      - log.write: {message: hello}
"""
WARNED = BAD.replace('contry == "DE"', 'country != "DE"')


def test_a_clean_project_says_so_and_ends_with_0(tmp_path: Path) -> None:
    answer = here("check", bare(tmp_path / "p", GOOD))
    assert (answer.code, answer.out, answer.err) == (0, "ok  1 rule in 2 files, no problems\n", "")


def test_an_error_is_the_next_thing_to_look_up_even_after_a_warning(tmp_path: Path) -> None:
    two = WARNED + BAD.partition("rules:\n")[2].replace("greet", "later")
    answer = here("check", bare(tmp_path / "p", two))
    assert answer.out.index("W201") < answer.out.index("error[E102]")
    assert answer.out.endswith("next  retain docs E102\n")


def test_a_mistake_is_shown_at_its_place_with_the_cure(tmp_path: Path) -> None:
    answer = retain("check", cwd=bare(tmp_path / "p", BAD))
    assert answer.code == 1
    assert answer.out == (
        "rules/rules.yaml:6:9: error[E102] unknown field customer.contry\n"
        '        - customer.contry == "DE"\n'
        "          ^^^^^^^^^^^^^^^\n"
        "  help: did you mean customer.country? else declare it in schemas/customer.json\n"
        "\n"
        "1 error in 1 rule in 2 files\n"
        "next  retain docs E102\n"
    )


def test_json_has_exactly_the_promised_keys(tmp_path: Path) -> None:
    answer = here("check", bare(tmp_path / "p", BAD), "--format", "json")
    [problem] = answer.json.pop("problems")
    assert answer.code == 1
    assert answer.json.keys() == {"files", "rules", "problems", "costs", "found"}
    assert (answer.json["files"], answer.json["rules"]) == (2, 1)
    assert problem == {
        "file": str(tmp_path / "p" / "rules" / "rules.yaml"),
        "line": 6,
        "column": 9,
        "code": "E102",
        "severity": "error",
        "message": "unknown field customer.contry",
        "help": "did you mean customer.country? else declare it in schemas/customer.json",
    }


def test_github_gets_an_annotation_at_the_line(tmp_path: Path) -> None:
    answer = retain("check", "--format", "github", cwd=bare(tmp_path / "p", BAD))
    assert answer.out == (
        "::error file=rules/rules.yaml,line=6,col=9,title=E102::unknown field customer.contry"
        "%0Adid you mean customer.country? else declare it in schemas/customer.json\n"
    )


# What SARIF 2.1.0 (section 3) requires of the parts that are written here, and what GitHub asks beyond it.
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "$schema": {"type": "string", "format": "uri"},
        "runs": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/run"}},
    },
    "$defs": {
        "message": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "run": {
            "type": "object",
            "required": ["tool", "results"],
            "properties": {
                "tool": {
                    "type": "object",
                    "required": ["driver"],
                    "properties": {"driver": {"$ref": "#/$defs/driver"}},
                },
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                "invocations": {"type": "array", "items": {"required": ["executionSuccessful"]}},
                "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
            },
        },
        "driver": {
            "type": "object",
            "required": ["name", "rules"],
            "properties": {
                "rules": {
                    "type": "array",
                    "items": {
                        "required": ["id", "shortDescription", "fullDescription", "help"],
                        "properties": {
                            "id": {"pattern": "^[EW][0-9]{3}$"},
                            "shortDescription": {"$ref": "#/$defs/message"},
                        },
                    },
                }
            },
        },
        "result": {
            "type": "object",
            "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
            "properties": {
                "level": {"$ref": "#/$defs/level"},
                "message": {"$ref": "#/$defs/message"},
                "ruleIndex": {"type": "integer", "minimum": 0},
                "locations": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/location"}},
                "partialFingerprints": {"additionalProperties": {"type": "string"}},
            },
        },
        "location": {
            "required": ["physicalLocation"],
            "properties": {
                "physicalLocation": {
                    "required": ["artifactLocation", "region"],
                    "properties": {
                        "artifactLocation": {
                            "required": ["uri"],
                            "properties": {"uri": {"type": "string", "pattern": r"^[^ \\]+$"}},
                        },
                        "region": {
                            "required": ["startLine", "startColumn", "endColumn"],
                            "additionalProperties": {"type": ["integer", "object"]},
                        },
                    },
                }
            },
        },
    },
}


def test_sarif_names_every_problem_with_its_code_its_place_and_what_the_code_means(tmp_path: Path) -> None:
    folder = bare(tmp_path / "p", BAD)
    (folder / "rules" / "a letter.yaml").write_text(WARNED.replace("greet", "doubt"))
    answer = retain("check", "--format", "sarif", cwd=folder)
    assert answer.code == 1
    Draft202012Validator(SARIF).validate(answer.json)
    [run] = answer.json["runs"]
    assert [(found["ruleId"], found["level"]) for found in run["results"]] == [("W201", "warning"), ("E102", "error")]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[found["ruleIndex"]]["id"] for found in run["results"]] == ["W201", "E102"]
    places = [found["locations"][0]["physicalLocation"] for found in run["results"]]
    assert [place["artifactLocation"]["uri"] for place in places] == ["rules/a%20letter.yaml", "rules/rules.yaml"]
    assert places[1]["region"] == {
        "startLine": 6,
        "startColumn": 9,
        "endColumn": 24,
        "snippet": {"text": '      - customer.contry == "DE"'},
    }


def test_sarif_of_a_clean_project_has_no_results(tmp_path: Path) -> None:
    answer = here("check", bare(tmp_path / "p", GOOD), "--format", "sarif")
    Draft202012Validator(SARIF).validate(answer.json)
    assert (answer.code, answer.json["runs"][0]["results"]) == (0, [])


def test_a_finding_keeps_its_fingerprint_when_lines_come_before_it(tmp_path: Path) -> None:
    folder = bare(tmp_path / "p", BAD)
    before = retain("check", "--format", "sarif", cwd=folder).json["runs"][0]["results"][0]
    (folder / "rules" / "rules.yaml").write_text("# What we send.\n\n" + BAD)
    after = retain("check", "--format", "sarif", cwd=folder).json["runs"][0]["results"][0]
    assert before["partialFingerprints"] == after["partialFingerprints"]
    assert before["locations"] != after["locations"]


def test_warnings_of_one_code_do_not_fill_the_screen(tmp_path: Path) -> None:
    clauses = "".join(f'      - customer.country != "{country}"\n' for country in ("AT", "DE", "CH", "FR") * 4)
    text = WARNED.replace('      - customer.country != "DE"\n', clauses)
    answer = here("check", bare(tmp_path / "p", text))
    assert answer.out.count("help: ") == 10
    assert "warning[W201] 6 more; retain check --json names them all\n" in answer.out
    assert "16 warnings in 1 rule" in answer.out


def test_a_whole_rule_is_warned_of_unless_it_is_allowed(tmp_path: Path) -> None:
    text = GOOD.replace("    when:", "    if: [count(order_completed) >= 0]\n    when:")
    assert [found["code"] for found in here("check", bare(tmp_path / "p", text), "--json").json["problems"]] == ["W214"]
    allowed = text.replace("    when:", "    allow: [W214]\n    when:")
    assert here("check", bare(tmp_path / "q", allowed), "--json").json["problems"] == []


def test_a_warning_alone_is_no_failure_unless_asked_for(tmp_path: Path) -> None:
    folder = bare(tmp_path / "p", WARNED)
    assert "1 warning in 1 rule" in here("check", folder).out
    assert here("check", folder).code == 0
    assert here("check", folder, "--strict").code == 1


def test_mistakes_in_retain_yaml_are_problems_like_others(tmp_path: Path) -> None:
    answer = here("check", bare(tmp_path / "p", BAD, "version: 1\nzone: Europe/Berlni\n"), "--json")
    assert answer.code == 1
    assert [problem["code"] for problem in answer.json["problems"]][-1] == "E102"
    assert answer.json["problems"][0]["file"].endswith("retain.yaml")


def test_one_file_of_a_project_is_checked_with_the_rest_around_it(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", "loyalty-tiers", rules=BAD)
    assert here("check", folder / "rules" / "loyalty-tiers.yaml").code == 0
    assert here("check", folder / "rules" / "more.yaml", "--json").json["files"] == 1
    assert here("check", folder / "rules" / "more.yaml").code == 1


def test_rules_without_a_project_are_checked_from_any_folder(tmp_path: Path) -> None:
    answer = retain("check", resource("rules"), cwd=tmp_path)
    assert answer.code == 0
    assert answer.out.startswith("ok  12 rules in ")


@pytest.mark.parametrize("path", ["nowhere", "empty"])
def test_nothing_to_check_could_not_run(tmp_path: Path, path: str) -> None:
    (tmp_path / "empty").mkdir()
    assert here("check", tmp_path / path).code == 2


def test_a_long_line_is_cut_so_that_the_place_is_seen(tmp_path: Path) -> None:
    clause = " and ".join(["customer.email is present"] * 12)
    answer = here(
        "check", bare(tmp_path / "p", BAD.replace('customer.contry == "DE"', f"{clause} and customer.contry == 1"))
    )
    line, marks = answer.out.splitlines()[1:3]
    assert too_wide(f"{line}\n{marks}") == []
    assert line[marks.index("^") :].startswith("customer.contry"[: len(line) - marks.index("^") - 1])


def test_a_key_that_looks_like_none_is_answered_with_all_that_there_are_below_one_another(tmp_path: Path) -> None:
    text = "version: 1\nrules:\n  r:\n    blah: 1\n    when: {event: signed_up}\n    then: [{stop: done}]\n"
    answer = here("-C", bare(tmp_path / "p", text), "check")
    told = answer.out.splitlines()
    start = next(number for number, line in enumerate(told) if line.startswith("  help: known: "))
    assert told[start + 1].startswith("        ")
    assert " ".join(" ".join(told[start : start + 2]).split()) == (
        "help: known: allow, breaker, description, exit_when, goal, holdout, if, liveness, on_change, owner, runs,"
        " status, tags, then, was, when"
    )


def test_a_folder_above_projects_is_not_taken_for_rules(tmp_path: Path) -> None:
    bare(tmp_path / "shop", GOOD)
    answer = here("check", tmp_path)
    assert answer.code == 2
    assert f"there is no retain.yaml in {tmp_path}, but in shop" in answer.err
    assert f"retain check {tmp_path / 'shop'}" in answer.err
    assert here("check", tmp_path / "shop" / "rules").code == 0
