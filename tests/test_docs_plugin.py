"""The plugin that the documentation builds works: its own tests pass, and it can be installed as a stranger's is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

from docs_help import blocks
from retain.deliver.loading import load_plugins

PAGE = "docs/how-to/write-a-plugin.md"


def test_the_tests_of_the_plugin_pass(tmp_path: Path) -> None:
    for block in blocks(PAGE):
        if block.note.startswith("file: "):
            (tmp_path / block.note.removeprefix("file: ")).write_text(block.text)
    options = ["-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:asyncio", "--rootdir", "."]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "."],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_the_plugin_of_the_readme_loads() -> None:
    [block] = blocks("README.md", "python")
    module = ModuleType("retain_chat")
    exec(compile(block.text, "retain_chat.py", "exec"), vars(module))
    loaded = load_plugins({}, extra=[module])
    assert loaded.registry.broken == {}
    assert loaded.registry.action("chat.post").is_outside
