"""An editor with yaml-language-server and the schema that `retain schema` prints: completion, hover and diagnostics.

Tried with the real server: `npm install -g yaml-language-server`, or its path in RETAIN_YAML_LANGUAGE_SERVER.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli_help import retain
from lsp_client import LanguageServer

SERVER = os.environ.get("RETAIN_YAML_LANGUAGE_SERVER") or shutil.which("yaml-language-server")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not SERVER, reason="yaml-language-server is not installed: npm install -g yaml-language-server"),
]
RULE = "version: 1\nrules:\n  greet:\n    when: {event: signed_up}\n"
STEPS = f"{RULE}    then:\n      - "
OFFERED = {
    "kinds of a file": ("version: 1\npol¦", {"policies", "rules", "segments", "tests"}),
    "events of a trigger": (RULE.replace("signed_up", "¦"), {"order_completed", "signed_up", "tier_changed"}),
    "keys of a rule": (f"{RULE}    sta¦", {"status", "exit_when", "goal", "allow"}),
    "words of a key": (f"{RULE}    runs:\n      mode: ¦", {"single", "restart", "queue", "parallel"}),
    "actions of plugins and steps": (f"{STEPS}¦", {"wait", "email.send", "loyalty.earn", "task.create"}),
    "inputs of an action": (f"{STEPS}loyalty.earn:\n          ¦", {"points", "reason", "order_id"}),
    "words of an input": (f"{STEPS}task.create:\n          priority: ¦", {"low", "normal", "high"}),
    "message templates": (f"{STEPS}email.send:\n          template: ¦", {"cart-reminder", "cart-benefits"}),
    "customer fields to set": (f"{STEPS}set:\n          ¦", {"email", "country", "birth_date"}),
    "date fields of a schedule": (
        RULE.replace("{event: signed_up}", "\n      schedule:\n        yearly: ¦"),
        {"customer.birth_date"},
    ),
    "channels of policies": ("version: 1\npolicies:\n  ¦", {"email"}),
    "warnings to allow": (f"{RULE}    allow:\n      - ¦", {"W201", "W212"}),
}
TOLD = {
    "a key of a rule": (f"{RULE}    on_¦change: finish\n    then: []\n", "waiting runs when the rule is edited"),
    "a limit": (f"{RULE}    goal: {{event: x, with¦in: 7d}}\n    then: []\n", "Counted from the start"),
    "an action": (f"{STEPS}email.s¦end: {{template: x}}\n", "Send an e-mail"),
    "an input": (f"{STEPS}email.send: {{temp¦late: x}}\n", "Name of a template"),
    "a step": (f"{STEPS}spl¦it: {{}}\n", "weights add to 100"),
    "a customer field": (f"{STEPS}set: {{birth¦_date: 2000-01-01}}\n", "a date"),
    "a policy": ("version: 1\npolicies:\n  email: {unkn¦own: refuse}\n", "where no answer is recorded"),
}
WRONG = {
    "a misspelt key": (f"{RULE}    then: []\n    ¦stauts: live\n", "stauts"),
    "a word that is none": (f"{RULE}    then: []\n    status: ¦paused\n", "Valid values"),
    "a rule without steps": ("version: 1\nrules:\n  ¦greet:\n    when: {event: x}\n", "then"),
    "a misspelt action": (f"{STEPS}¦emial.send: {{template: x}}\n", "emial.send"),
    "an action without its input": (f"{STEPS}¦email.send: {{}}\n", "template"),
    "a misspelt input": (f"{STEPS}email.send: {{template: x, ¦dat: {{}}}}\n", "dat"),
    "a field that is none": (f"{STEPS}set: {{¦contry: DE}}\n", "contry"),
    "a channel that is none": ("version: 1\npolicies:\n  ¦emial: {}\n", "emial"),
    "a trigger that is none": (f"{RULE}    exit_when: {{¦evnt: x}}\n    then: []\n", "evnt"),
    "another version": ("version: ¦2\n", "1"),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the schema that `retain schema` prints for it."""
    folder = tmp_path_factory.mktemp("editor") / "shop"
    assert retain("init", folder, cwd=folder.parent).code == 0
    (folder / "rules.schema.json").write_text(retain("schema", cwd=folder).out)
    return folder


@pytest.fixture(scope="module")
def editor(shop: Path) -> Iterator[LanguageServer]:
    """A running server that knows the schema."""
    assert SERVER
    server = LanguageServer([SERVER, "--stdio"], shop, shop / "rules.schema.json")
    yield server
    server.close()


def _marked(text: str) -> tuple[str, int, int]:
    """The text without its mark, and the mark's line and column, counted from 0."""
    before = text[: text.index("¦")]
    return text.replace("¦", ""), before.count("\n"), len(before.rpartition("\n")[2])


@pytest.mark.parametrize("what", OFFERED)
def test_an_editor_offers(editor: LanguageServer, shop: Path, what: str) -> None:
    text, line, column = _marked(OFFERED[what][0])
    path = shop / "rules" / f"offered {what}.yaml"
    editor.open(path, text)
    assert editor.completions(path, line, column) >= OFFERED[what][1]


@pytest.mark.parametrize("what", TOLD)
def test_an_editor_tells_about(editor: LanguageServer, shop: Path, what: str) -> None:
    text, line, column = _marked(TOLD[what][0])
    path = shop / "rules" / f"told {what}.yaml"
    editor.open(path, text)
    assert TOLD[what][1] in editor.hover(path, line, column)


@pytest.mark.parametrize("what", WRONG)
def test_an_editor_marks(editor: LanguageServer, shop: Path, what: str) -> None:
    text, line, column = _marked(WRONG[what][0])
    found = editor.open(shop / "rules" / f"wrong {what}.yaml", text)
    starts = [(one["range"]["start"]["line"], one["range"]["start"]["character"]) for one in found]
    assert (line, column) in starts, found
    assert WRONG[what][1] in found[starts.index((line, column))]["message"]


def test_an_editor_has_nothing_against_the_shipped_rules(editor: LanguageServer, shop: Path) -> None:
    for path in sorted((shop / "rules").rglob("*.yaml")):
        assert editor.open(path, path.read_text()) == [], path.name
