"""Problems that only a whole project can have, each at the very place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from retain.app.projects.project import open_project

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


@dataclass(frozen=True)
class Case:
    """A project, and where its problems stand."""

    code: str
    line: int
    column: int


CASES = [Case("E132", 7, 9), Case("E132", 12, 9)]


def project(
    folder: Path, *, consent: str = "marketing", secrets: str = "", public: str = ""
) -> list[tuple[str, int, int]]:
    """The problems of a project with two letters."""
    (folder / "rules").mkdir()
    (folder / "templates").mkdir()
    (folder / "templates/welcome.txt").write_text("Subject: Hello\n\nHello\n")
    (folder / "rules/all.yaml").write_text(RULES.format(consent=consent))
    (folder / "retain.yaml").write_text(CONFIG.format(secrets=secrets, public=public))
    found = open_project(folder).problems
    return [(problem.code, problem.place.line, problem.place.column) for problem in found]


def test_a_letter_that_needs_consent_needs_an_unsubscribe_page(tmp_path: Path) -> None:
    assert project(tmp_path) == [(case.code, case.line, case.column) for case in CASES]


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
