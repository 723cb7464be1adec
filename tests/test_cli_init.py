"""`retain init`: a project that is ready to run."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

from cli_help import here, project, retain, too_wide
from retain.app.projects.project import defaults_of, open_project
from retain.app.projects.scaffold import packs
from retain.model import slug
from retain.testing.rule_tests import run_rule_tests


@pytest.mark.parametrize("pack", packs())
def test_a_project_with_a_pack_has_no_problems(tmp_path: Path, pack: str) -> None:
    assert [problem.render() for problem in open_project(project(tmp_path / "p", pack)).problems] == []


def test_the_tests_of_a_new_project_pass(tmp_path: Path) -> None:
    found = open_project(project(tmp_path / "p"))
    report = run_rule_tests(found.ruleset, found.schema, found.registry, defaults=defaults_of(found.config))
    assert report.results
    assert [result.failures for result in report.failed] == []


def test_a_new_project_holds_everything_and_says_what_to_do_next(tmp_path: Path) -> None:
    answer = retain("init", "shop", "--pack", "onboarding", cwd=tmp_path)
    assert answer.code == 0
    assert {"retain.yaml", "README.md", ".gitignore", "rules", "templates", "schemas", "tests"} <= {
        path.name for path in (tmp_path / "shop").iterdir()
    }
    assert "next  cd shop" in answer.out
    assert "onboarding.yaml" in (tmp_path / "shop" / "README.md").read_text()


@pytest.mark.parametrize("pack", packs())
def test_the_event_that_a_new_project_says_to_send_is_one_that_it_knows(tmp_path: Path, pack: str) -> None:
    folder = project(tmp_path / "p", pack)
    told = (folder / "README.md").read_text()
    [sent] = re.findall(r"""-d '(\{"userId": "17", "event".*)'""", told)
    [rule] = re.findall(r"retain explain (\S+) 17 ", told)
    call, found = json.loads(sent), open_project(folder)
    assert set(call["properties"]) <= set(found.schema.events[slug(call["event"])])
    assert rule in found.ruleset.rules


def test_of_several_packs_a_new_project_explains_the_rule_that_its_event_is_about(tmp_path: Path) -> None:
    told = (project(tmp_path / "p", "win-back", "onboarding") / "README.md").read_text()
    assert '"event": "Signed Up"' in told
    assert "retain explain onboarding 17" in told


def test_all_packs_go_together(tmp_path: Path) -> None:
    arguments = [part for pack in packs() for part in ("--pack", pack)]
    assert here("init", tmp_path / "all", *arguments).code == 0
    assert here("check", tmp_path / "all", "--strict").code == 0


def test_only_its_owner_can_read_the_key_of_the_unsubscribe_links(tmp_path: Path) -> None:
    secret = project(tmp_path / "p") / "unsubscribe.secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert len(secret.read_text()) > 32
    assert "*.secret" in (tmp_path / "p" / ".gitignore").read_text()


def test_a_folder_that_is_not_empty_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    answer = here("init", tmp_path)
    assert answer.code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_unknown_pack_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    answer = here("init", tmp_path / "p", "--pack", "loyalty-tier")
    assert answer.code == 2
    assert "did you mean loyalty-tiers?" in answer.err
    assert not (tmp_path / "p").exists()


def test_the_list_of_packs_fits_80_columns() -> None:
    answer = here("init", "--list")
    assert too_wide(answer.out) == []
    assert [pack for pack in packs() if pack not in answer.out] == []


def test_a_pack_says_what_it_does() -> None:
    assert [pack.name for pack in packs().values() if len(pack.description) < 25] == []


def test_the_schema_for_editors_is_that_of_this_very_project(tmp_path: Path) -> None:
    folder = project(tmp_path / "shop")
    text = (folder / "schemas" / "rules.schema.json").read_text()
    assert text == here("-C", folder, "schema").out
    letters = {path.stem for path in (folder / "templates").iterdir()}
    assert all(f'"{letter}"' in text for letter in letters)
    assert "favourite_shop" in text
