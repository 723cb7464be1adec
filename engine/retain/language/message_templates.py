"""Message templates of a project: `templates/NAME.txt` with headers and text, and perhaps `NAME.html` beside it.

They are minijinja, a language of its own for prose. Here they are read, asked which fields they use, and rendered for
previews: with an error for printing what is missing, and with a limit on the work that one message may take.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from minijinja import Environment, TemplateError

from retain.errors import NotFoundError, RuleError
from retain.language.documents.nodes import SourceFile
from retain.language.message_faults import syntax_fault, unknown_words
from retain.message_files import is_template_name, read_message_file
from retain.model import Fields, Json, Problem

FUEL = 1_000_000  # steps of one rendering; a page of prose takes a few thousand
# A missing value cannot be printed, but `{% if customer.first_name %}` may ask for it; minijinja's stubs lag behind.
_UNDEFINED: Json = "semi_strict"
ROOTS = frozenset({"customer", "event", "steps", "data", "trigger", "unsubscribe_url"})
_GLOBALS = frozenset({"range", "dict", "namespace", "debug"})
_SOFT = r"(?:\s*\|\s*default\b|\s+is\s+(?:not\s+)?(?:un)?defined\b|\s+or\b)"


@dataclass(frozen=True)
class MessagePart:
    """One file of a template, and the dotted names that it reads."""

    source: SourceFile
    names: frozenset[str]

    def place_of(self, name: str) -> tuple[int, int]:
        """Where a name first stands in the file."""
        found = re.search(rf"(?<![\w.]){_spaced(name)}(?!\w)", self.source.text)
        return found.span() if found else (0, 1)

    def guards(self, name: str) -> bool:
        """Whether the text says what happens where the name is missing: by `default`, or by an `if` about it."""
        return name in self._guarded

    @cached_property
    def _guarded(self) -> frozenset[str]:
        return frozenset(name for name in self.names if self._guards(name))

    def _guards(self, name: str) -> bool:
        spaced = _spaced(name)
        if re.search(rf"\{{%-?\s*(?:el)?if\b[^%]*(?<![\w.]){spaced}(?!\w)", self.source.text):
            return True
        uses = len(re.findall(rf"(?<![\w.]){spaced}(?!\w)", self.source.text))
        return uses == len(re.findall(rf"(?<![\w.]){spaced}(?!\w){_SOFT}", self.source.text))


@dataclass(frozen=True, slots=True)
class MessageTemplate:
    """One template: its parts by kind, `txt` and perhaps `html`."""

    name: str
    parts: Mapping[str, MessagePart]


@dataclass(frozen=True, slots=True)
class MessageTemplates:
    """All templates of a project, by name, and what is wrong with their files."""

    templates: Mapping[str, MessageTemplate] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    filters: Mapping[str, Callable[..., Json]] = field(default_factory=dict)

    def get(self, name: str) -> MessageTemplate | None:
        """The template of that name."""
        return self.templates.get(name)

    def render(self, name: str, context: Fields) -> dict[str, str]:
        """The message as headers by name, `text` and perhaps `html`.

        Raises:
            NotFoundError: there is no such template.
            RuleError: a name has no value, or the template works too long.
        """
        template = self.templates.get(name)
        if template is None:
            raise NotFoundError("message template", name, self.templates)
        message = read_message_file(template.parts["txt"].source.text, template.parts["txt"].source.name)
        env = _environment(self.filters)
        sources = {**message.headers, "text": message.body}
        if "html" in template.parts:
            sources["html"] = template.parts["html"].source.text
        known = _without_missing(context)
        try:
            return {
                part: env.render_str(text, "message.html" if part == "html" else "message.txt", **known)
                for part, text in sources.items()
            }
        except TemplateError as error:
            raise RuleError(
                str(error.message), where=f"template {name}", cure="write {{ … | default('…') }}"
            ) from error


def read_templates(
    files: Mapping[str, str], filters: Mapping[str, Callable[..., Json]] | None = None, folder: str = "templates"
) -> MessageTemplates:
    """Templates from the texts of their files, by path below the templates folder, such as `cart/first.txt`.

    Args:
        filters: those of plugins; None = not known, so that of filters nothing is said.
    """
    env = _environment(filters or {})
    parts: dict[str, dict[str, MessagePart]] = {}
    problems: list[Problem] = []
    for path, text in sorted(files.items()):
        name, _, kind = path.rpartition(".")
        source = SourceFile(f"{folder}/{path}", text)
        if not is_template_name(name):
            problems.append(source.problem("E405", f"{name!r} cannot be a template's name", 0, 1, "use letters and -"))
            continue
        try:
            if kind == "txt":
                read_message_file(text, source.name)
            names = env.undeclared_variables_in_str(text, nested=True)
        except RuleError as error:
            line = int(str(error.where).split(":")[-2])
            problems.append(_line_problem(source, line, error.what, error.cure))
            names = set()
        except TemplateError as error:
            problems.append(_line_problem(source, error.line or 1, *syntax_fault(str(error.detail or error.message))))
            names = set()
        if filters is not None:
            for word in unknown_words(text, filters):
                problems.append(source.problem("E406", word.what, word.start, word.end, word.cure))
        parts.setdefault(name, {})[kind] = MessagePart(source, frozenset(names))
    for name, found in parts.items():
        if "txt" not in found:
            cure = f"write {folder}/{name}.txt with a Subject and the text for readers without HTML"
            problems.append(
                found["html"].source.problem("E405", f"{name}.html has no {name}.txt beside it", 0, 1, cure)
            )
    whole = {name: MessageTemplate(name, found) for name, found in parts.items() if "txt" in found}
    return MessageTemplates(whole, tuple(problems), filters or {})


def read_template_folder(
    folder: Path, filters: Mapping[str, Callable[..., Json]] | None = None, shown_as: str = "templates"
) -> MessageTemplates:
    """The templates of a folder; a folder that is not there has none."""
    files: dict[str, str] = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.suffix in (".txt", ".html") and path.is_file():
            files[path.relative_to(folder).as_posix()] = path.read_text(encoding="utf-8", errors="replace")
    return read_templates(files, filters, shown_as)


def unknown_roots(part: MessagePart) -> Iterator[str]:
    """Names that a message knows nothing of."""
    yield from sorted(name for name in part.names if name.split(".")[0] not in ROOTS | _GLOBALS)


def _environment(filters: Mapping[str, Callable[..., Json]]) -> Environment:
    return Environment(undefined_behavior=_UNDEFINED, fuel=FUEL, filters=dict(filters))


def _without_missing(value: Json) -> Json:
    """A missing value is no value, so that `default` sees it."""
    if isinstance(value, Mapping):
        return {key: _without_missing(item) for key, item in value.items() if item is not None}
    return [_without_missing(item) for item in value] if isinstance(value, list) else value


def _spaced(name: str) -> str:
    return r"\s*\.\s*".join(re.escape(part) for part in name.split("."))


def _line_problem(source: SourceFile, line: int, what: str, cure: str = "") -> Problem:
    start = sum(len(text) + 1 for text in source.text.split("\n")[: line - 1])
    return source.problem("E405", what, start, start + max(1, len(source.line(line - 1))), cure)
