"""The documentation taken apart: pages, their examples and tables, and rule files made of fragments.

An HTML comment on the line before an example says how it is meant. `<!-- example: steps of nps_answered -->` is a
fragment: put into a rule that starts on that event. `<!-- check: conditions of order_completed -->` stands before a
table whose first column holds conditions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import indent

import yaml

from retain.deliver.loading import load_plugins
from retain.language.load.files import load_rules
from retain.language.message_templates import MessageTemplates, read_template_folder, read_templates
from retain.language.rules import RuleSet
from retain.language.schemas.fields import load_schema
from retain.language.types import Schema
from retain.model import Problem
from retain.registry import Registry
from retain.resources import resource

ROOT = Path(__file__).parents[1]
GENERATED = frozenset(  # scripts/generate writes them, and its own test compares them
    f"docs/reference/{name}.md"
    for name in ("actions", "codes", "commands", "configuration", "events", "hooks", "outcomes", "screens")
)
_FENCE = re.compile(
    r"^(?: *<!-- *(?P<note>[^\n]*?) *-->\n)?(?P<indent> *)```(?P<lang>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_TABLE = re.compile(r"^<!-- *check: *(?P<note>[^\n]*?) *-->\n(?P<rows>(?:^\|.*\n?)+)", re.MULTILINE)

SHARED = """
policies: {email: {consent: marketing, unknown: refuse}}
calendars: {office: {zone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}}
teams: {sales: {members: [{email: ada@example.test}]}}
tiers: {club: {levels: [{name: member, from: 0}, {name: gold, from: 300}], grace: 30d}}
segments:
  vip: {if: ["default(sum(order_completed.total where currency == 'EUR' in last 365d), 0) >= 1000"]}
  buyers: {if: [exists(order_completed)]}
metrics: {spend: "sum(order_completed.total where currency == 'EUR' in last 365d)"}
"""
MAIL = "Subject: Hello\n\nHello.\n"


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: str
    line: int
    lang: str
    note: str
    text: str

    @property
    def id(self) -> str:
        """Where it stands, as the name of a test."""
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Table:
    """One table of a page that is checked, its cells without backticks."""

    page: str
    line: int
    note: str
    rows: tuple[tuple[str, ...], ...]


def pages() -> list[str]:
    """Every page, by its path from the top of the tree."""
    top = [name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md") if (ROOT / name).is_file()]
    return top + sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))


@cache
def text_of(page: str) -> str:
    """The text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, *langs: str) -> list[Block]:
    """The fenced blocks of a page, in order; of these languages only, where any are named."""
    return [block for block in _blocks(page) if not langs or block.lang in langs]


def _blocks(page: str) -> Iterator[Block]:
    text = text_of(page)
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start("lang")) + 1
        margin = len(found["indent"])
        body = "".join(row[margin:] if row.strip() else row for row in found["text"].splitlines(keepends=True))
        yield Block(page, line, found["lang"], found["note"] or "", body)


def tables(page: str) -> list[Table]:
    """The tables of a page that a `check` comment announces."""
    text = text_of(page)
    return [
        Table(page, text.count("\n", 0, found.start()) + 1, found["note"], _rows(found["rows"]))
        for found in _TABLE.finditer(text)
    ]


def _rows(table: str) -> tuple[tuple[str, ...], ...]:
    lines = table.splitlines()[2:]
    return tuple(tuple(cell.strip().strip("`") for cell in re.split(r"(?<!\\)\|", line)[1:-1]) for line in lines)


@cache
def registry() -> Registry:
    """The shipped plugins."""
    return load_plugins({}).registry


@cache
def schema() -> Schema:
    """The shipped schemas."""
    return load_schema([], registry())[0]


def rule_file(block: Block) -> tuple[str, frozenset[str]]:
    """The rule file that an example is or is wrapped into, and the warnings that it is meant to have."""
    note, _, warns = block.note.removeprefix("example:").partition(", warns ")
    kind, _, event = note.strip().partition(" of ")
    wrap = _WRAPPERS[kind if block.note.startswith("example:") else ""]
    return wrap(block.text, event or "order_completed"), frozenset(warns.split())


def _rule(text: str, event: str, *, when: str = "", then: str = "") -> str:
    lines = ["version: 1", "rules:", "  example:"]
    lines.append(when or f"    when: {{event: {event}}}")
    lines.append(then or "    then: [log.write: {message: hello}]")
    keys = set(yaml.safe_load(text) or {}) if not when and not then else set()
    if keys:
        lines = [line for line in lines if line.split(":")[0].strip() not in keys]
        lines.append(indent(text, "    "))
    return "\n".join(lines) + "\n"


def _listed(text: str) -> str:
    return indent(text, "      ")


_WRAPPERS = {
    "": lambda text, event: text,
    "file": lambda text, event: f"version: 1\n{text}",
    "rules": lambda text, event: f"version: 1\nrules:\n{indent(text, '  ')}",
    "keys": _rule,
    "steps": lambda text, event: _rule("", event, then=f"    then:\n{_listed(text)}"),
    "trigger": lambda text, event: _rule("", event, when=f"    when:\n{_listed(text)}"),
    "tests": lambda text, event: f"version: 1\n{text}",
    "conditions": lambda text, event: _rule(f"if:\n{indent(text, '  ')}", event),
}


def load(text: str, templates: Mapping[str, str] | None = None) -> tuple[RuleSet, list[Problem]]:
    """A rule file with the shipped plugins and schemas, beside one that defines what examples may name."""
    files = [("example.yaml", text)]
    shared = _shared_beside(text)
    if shared:
        files.append(("shared.yaml", "version: 1\n" + yaml.safe_dump(shared)))
    return load_rules(files, schema(), registry(), templates=_templates(text, templates or {}))


def load_beside_shipped(text: str) -> tuple[RuleSet, list[Problem]]:
    """Tests of the shipped rules, with these rules and without the tests that they come with."""
    folder = resource("rules")
    files = [(path.name, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.yaml"))]
    templates = read_template_folder(folder / "templates")
    return load_rules([*files, ("example.yaml", text)], schema(), registry(), templates=templates)


def _shared_beside(text: str) -> dict[str, dict[str, object]]:
    try:
        own = yaml.safe_load(text) or {}
    except yaml.YAMLError:
        own = {}
    shared = {}
    for section, entries in yaml.safe_load(SHARED).items():
        left = {name: entry for name, entry in entries.items() if name not in (own.get(section) or {})}
        if left:
            shared[section] = left
    return shared


def _templates(text: str, given: Mapping[str, str]) -> MessageTemplates:
    """Every template that the example names; what it says does not matter unless it is given."""
    named = {f"{name}.txt": MAIL for name in re.findall(r"\btemplate:\s*([\w/-]+)", text)}
    return read_templates({**named, **given})
