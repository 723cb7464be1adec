"""The files that the how-to on CI gives away do what it says: every command in them runs, in a new project."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from cli_help import retain
from docs_help import blocks
from retain.language.documents.nodes import plain
from retain.language.documents.yaml import read_yaml
from retain.model import Json

PAGE = "docs/how-to/check-in-ci.md"
FILES = {
    block.note.removeprefix("file: "): block.text
    for kind in ("yaml", "json")
    for block in blocks(PAGE, kind)
    if block.note.startswith("file: ")
}


def _read(name: str) -> Json:
    node, problems = read_yaml(FILES[name], name)
    assert node is not None, problems
    return plain(node)


def _commands() -> list[str]:
    [job] = _read(".github/workflows/rules.yaml")["jobs"].values()
    [repo] = _read(".pre-commit-config.yaml")["repos"]
    steps = [step["run"] for step in job["steps"] if step.get("run", "").startswith("retain ")]
    return [*steps, *(hook["entry"] for hook in repo["hooks"])]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project."""
    folder = tmp_path_factory.mktemp("ci") / "shop"
    assert retain("init", folder, cwd=folder.parent).code == 0
    return folder


@pytest.mark.parametrize("command", _commands())
def test_each_command_of_the_workflow_and_of_the_hooks_passes_in_a_new_project(shop: Path, command: str) -> None:
    answer = retain(*shlex.split(command)[1:], cwd=shop)
    assert answer.code == 0, answer.out + answer.err


def test_the_hooks_run_when_a_file_of_rules_changes_and_not_for_others() -> None:
    [repo] = _read(".pre-commit-config.yaml")["repos"]
    for hook in repo["hooks"]:
        asked = [name for name in ("rules/a.yaml", "templates/a.txt", "retain.yaml") if re.search(hook["files"], name)]
        assert len(asked) == 3
        assert not re.search(hook["files"], "README.md")


def test_the_editor_is_pointed_at_the_schema_that_the_page_prints() -> None:
    [(schema, patterns)] = json.loads(FILES[".vscode/settings.json"])["yaml.schemas"].items()
    assert schema == "schemas/rules.schema.json"
    assert patterns == ["rules/**/*.yaml", "tests/**/*.yaml"]


def test_the_printed_schema_is_one_and_knows_the_templates_of_the_project(shop: Path) -> None:
    schema = retain("schema", cwd=shop).json
    Draft202012Validator.check_schema(schema)
    send = schema["$defs"]["step"]["properties"]["email.send"]
    assert "cart-reminder" in send["properties"]["template"]["examples"]


def test_a_plan_takes_the_options_that_the_page_gives_it(tmp_path: Path) -> None:
    [step] = [step["run"] for step in _read("steps of a plan") if "run" in step]
    folder = tmp_path / "shop"
    assert retain("init", folder, cwd=tmp_path).code == 0
    event = {"type": "track", "userId": "17", "event": "Product Added", "properties": {"cart_id": "k1"}}
    stamped = {**event, "messageId": "m1", "timestamp": "2026-03-02T10:00:00Z"}
    (folder / "sample.jsonl").write_text(json.dumps(stamped) + "\n")
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.test"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    words = shlex.split(step.partition(" >> ")[0].replace("origin/${{ github.base_ref }}", "HEAD"))
    answer = retain(*words[1:], cwd=folder)
    assert answer.code == 0, answer.out + answer.err
