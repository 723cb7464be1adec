"""How to review a change: the page's commands are run, and print what it shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from docs_console import Reader


@pytest.mark.long
@pytest.mark.skipif(shutil.which("git") is None, reason="the page keeps rules in git")
def test_the_review_of_a_change_goes_as_the_page_says(tmp_path: Path) -> None:
    assert "\n\n".join(Reader(tmp_path).work_through("docs/how-to/review-a-change.md")) == ""
