"""`retain check`: what it prints, for people and for tools, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

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
DOUBTFUL = BAD.replace('contry == "DE"', 'country != "DE"')


def test_a_clean_project_says_so_and_ends_with_0(tmp_path: Path) -> None:
    answer = here("check", bare(tmp_path / "p", GOOD))
    assert (answer.code, answer.out, answer.err) == (0, "ok  1 rule in 2 files, no problems\n", "")


def test_an_error_is_the_next_thing_to_look_up_even_after_a_warning(tmp_path: Path) -> None:
    two = DOUBTFUL + BAD.partition("rules:\n")[2].replace("greet", "later")
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
    assert answer.json.keys() == {"files", "rules", "problems"}
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


def test_a_warning_alone_is_no_failure_unless_asked_for(tmp_path: Path) -> None:
    folder = bare(tmp_path / "p", DOUBTFUL)
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
