"""The tutorial and the README do what they say: every command is run, and prints what the page shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from daemon_help import free_port
from docs_console import Reader, commands_of, fits
from docs_help import ROOT, blocks, text_of

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="the pages send events with curl")


@pytest.mark.long
@needs_curl
def test_the_tutorial_can_be_followed(tmp_path: Path) -> None:
    assert follow("docs/tutorial/ten-minutes.md", tmp_path) == ""


@pytest.mark.long
@needs_curl
def test_the_readme_can_be_followed_in_a_clone(tmp_path: Path) -> None:
    (tmp_path / "rules").symlink_to(ROOT / "rules")
    assert follow("README.md", tmp_path) == ""


def test_the_rule_in_the_readme_is_the_shipped_one() -> None:
    block = blocks("README.md", "yaml")[0]
    assert yaml.safe_load(block.text) == yaml.safe_load((ROOT / "rules/abandoned-cart.yaml").read_text())


def test_the_readme_names_every_pack() -> None:
    packs = {path.stem for path in (ROOT / "rules").glob("*.yaml")} - {"policies"}
    assert [pack for pack in sorted(packs) if f"| `{pack}` |" not in text_of("README.md")] == []


def follow(page: str, folder: Path) -> str:
    """Where a page differs from what happens, on ports that are free."""
    ports = {port: str(free_port()) for port in ("8787", "8788", "1025")}
    reader = Reader(folder, {f":{port}": f":{other}" for port, other in ports.items()})
    reader.after["retain init shop"] = lambda where: use_ports(where / "shop", ports)
    return "\n\n".join(reader.work_through(page))


def use_ports(project: Path, ports: dict[str, str]) -> None:
    """Take ports that are free on this machine, in the place of those that the page names."""
    path = project / "retain.yaml"
    text = path.read_text()
    for port, other in ports.items():
        assert port in text
        text = text.replace(port, other)
    path.write_text(text)


def test_three_dots_stand_for_anything() -> None:
    assert fits("a\nb\nc 17 d\n", "a\n...\nc ... d")
    assert not fits("a\nb\nd\n", "a\n...\nc")
    assert not fits("a.b", "a.c")


def test_a_console_block_is_commands_and_what_they_print() -> None:
    assert commands_of("$ one \\\n    two\nprinted\n$ three\n") == [("one \\\n    two", "printed\n"), ("three", "")]
