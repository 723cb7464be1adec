"""The page about changing a rule is carried out: edit, check, test, simulate, plan, explain."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from docs_console import Reader


@pytest.mark.long
@pytest.mark.skipif(shutil.which("git") is None, reason="the page keeps the rules in git")
def test_a_rule_can_be_changed_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ops")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ops@example.com")
    assert "\n\n".join(Reader(tmp_path).work_through("docs/how-to/change-a-rule.md")) == ""
