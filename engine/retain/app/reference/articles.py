"""An article: one thing that can be looked up, and how it is written for people, machines and pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from retain.language.types import Type
from retain.model import Json
from retain.registry import JsonSchema

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A titled table of an article."""

    title: str
    header: Row
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One thing that can be looked up."""

    kind: str  # "action", "event", …
    name: str
    summary: str
    facts: tuple[tuple[str, str], ...] = ()
    parts: tuple[Part, ...] = ()
    example: str = ""

    def as_json(self) -> dict[str, Json]:
        """The same as plain JSON."""
        return {
            "kind": self.kind,
            "name": self.name,
            "summary": self.summary,
            "facts": dict(self.facts),
            "parts": [
                {"title": part.title, "rows": [dict(zip(part.header, row, strict=True)) for row in part.rows]}
                for part in self.parts
            ],
            "example": self.example,
        }

    def markdown(self, depth: int = 2) -> str:
        """The same as Markdown."""
        lines = [f"{'#' * depth} `{self.name}`", "", sentence(self.summary), ""]
        lines += [f"- {label}: {value}" for label, value in self.facts]
        lines += [""] if self.facts else []
        for part in self.parts:
            lines += [f"{part.title}:", "", *markdown_table(part.header, part.rows), ""]
        if self.example:
            lines += ["```yaml", self.example, "```", ""]
        return "\n".join(lines)


def markdown_table(header: Row, rows: Iterable[Row]) -> list[str]:
    """Rows as a table in Markdown."""
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return lines + [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]


def sentence(text: str) -> str:
    """A text that begins with a capital and ends with a full stop."""
    text = text.strip()
    return text if not text else f"{text[0].upper()}{text[1:]}{'' if text[-1] in '.!?' else '.'}"


def flow(value: Json) -> str:
    """A plain value as YAML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    plain = not isinstance(value, str) or (text and not set(text) & set("{}[],:#\"'&*!|>%@`") and text.strip() == text)
    return text if plain else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def schema_text(shape: JsonSchema) -> str:
    """The kind of value that a JSON Schema allows, in words."""
    if "enum" in shape:
        return " or ".join(str(one) for one in shape["enum"])
    kind = shape.get("type", "any")
    kinds = [kind] if isinstance(kind, str) else list(kind)
    if kinds == ["array"]:
        return f"list of {schema_text(shape.get('items', {}))}"
    return " or ".join(_KINDS.get(one, one) for one in kinds)


_KINDS = {"string": "text", "object": "map", "boolean": "true or false", "integer": "whole number"}


def type_text(type_: Type) -> str:
    """The kind of value that a declared field holds, in words."""
    return " or ".join(type_.enum) if type_.enum else _TYPES.get(type_.kind, type_.kind)


_TYPES = {
    "bool": "true or false",
    "int": "whole number",
    "text_set": "set of texts",
    "number_set": "set of numbers",
    "opaque": "any; only present or missing can be asked",
}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
