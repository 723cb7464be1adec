"""The reference pages that are made from the code: configuration, codes, actions, events, hooks, outcomes."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from retain import hookspecs
from retain.app.reference.articles import Article, markdown_table, sentence
from retain.app.reference.lookup import actions, codes, events, plugin_article
from retain.app.reports.words import WORDS
from retain.config.keys import config_reference
from retain.language.types import Schema
from retain.registry import Registry

_MADE = "<!-- made by scripts/generate -->\n"


def configuration_page(registry: Registry) -> str:
    """retain.yaml: every key, and the sections of the shipped plugins."""
    lines = [
        "# retain.yaml",
        _MADE,
        "A project needs no more in it than `version: 1`. A secret is a reference: `env:NAME` is a variable of the",
        "environment, `file:PATH` the text of a file. `retain config show` prints what is in force, secrets hidden.",
        "",
        config_reference(),
    ]
    for name in sorted(registry.config_schemas):
        lines += [f"## plugins.{name}", ""]
        for part in plugin_article(registry, name).parts:
            if part.header[0] == "name":
                rows = ((f"`{row[0]}`", *row[1:]) for row in part.rows)
                lines += [*markdown_table(part.header, rows), ""]
    return _page(lines)


def codes_page() -> str:
    """Every problem that `retain check` reports."""
    lines = [
        "# Problem codes",
        _MADE,
        "What `retain check` reports. E codes are errors: what they are about does not run. W codes are warnings.",
        "`retain docs E102` says the same on the command line.",
        "",
    ]
    for article in codes():
        facts = dict(article.facts)
        lines += [f"## {article.name}", "", sentence(article.summary), "", *_quoted("Wrong", facts["wrong"])]
        lines += _quoted("Right", facts["right"])
    return _page(lines)


def actions_page(registry: Registry) -> str:
    """The steps of the shipped plugins."""
    lines = [
        "# Actions",
        _MADE,
        "The steps that the shipped plugins offer, beside the core's own (`wait`, `if`, `set` and the others in",
        "[rules](rules.md)). Another plugin's actions are described by `retain docs NAME`.",
        "",
    ]
    return _page([*lines, *(article.markdown() for article in actions(registry))])


def events_page(registry: Registry, schema: Schema) -> str:
    """The events that are declared without a project's own schemas."""
    lines = [
        "# Events",
        _MADE,
        "The events that a rule can name without declaring them: those of the Segment spec, the engine's own, and",
        "those of the shipped plugins. A field in bold is always there; any other can be missing.",
        "",
    ]
    return _page([*lines, *(_event(article) for article in events(registry, schema))])


def hooks_page() -> str:
    """What a plugin can implement."""
    lines = [
        "# Hooks",
        _MADE,
        "A plugin implements some of these with `retain.hookspecs.hookimpl` and is found by an entry point of the",
        "group `retain`. Commands are entry points of the group `retain.commands`: click commands, loaded when called.",
        "",
    ]
    for name, hook in vars(hookspecs).items():
        if hasattr(hook, "retain_spec"):
            signature = str(inspect.signature(hook)).replace("'", "")
            lines += [f"## {name}", "", f"    def {name}{signature}", "", inspect.getdoc(hook) or "", ""]
    return _page(lines)


def outcomes_page() -> str:
    """The words that the engine answers with."""
    lines = [
        "# Outcomes, states and reasons",
        _MADE,
        "The words in decisions, lists and counts. `retain docs WORD` explains each on the command line.",
        "",
    ]
    for kind, words in WORDS.items():
        rows = ((f"`{word}`", sentence(told)) for word, told in words)
        lines += [f"## {sentence(kind).rstrip('.')}", "", *markdown_table(("word", "meaning"), rows), ""]
    return _page(lines)


def _event(article: Article) -> str:
    plugin = dict(article.facts).get("plugin", "")
    told = f" {sentence(article.summary)}" if plugin else ""
    fields = [
        f"{f'**{name}**' if always == 'yes' else name} {kind.partition(';')[0]}"
        for name, kind, always in _rows(article)
    ]
    return f"## {article.name}\n\n{'From the plugin ' + plugin + '.' if plugin else ''}{told}\n\n{', '.join(fields)}\n"


def _rows(article: Article) -> Iterable[tuple[str, ...]]:
    return article.parts[0].rows if article.parts else ()


def _quoted(label: str, text: str) -> list[str]:
    return [f"{label}:", "", *(f"    {line}" for line in text.splitlines()), ""]


def _page(lines: Iterable[str]) -> str:
    text = "\n".join(line.rstrip() for line in "\n".join(lines).splitlines())
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text.strip() + "\n"
