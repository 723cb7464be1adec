"""A test as YAML in the form in which people write them: one step a line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from retain.language.documents.writing import quoted, write_yaml
from retain.model import Json

_PLAIN = re.compile(r"[A-Za-z_][\w ./@+-]*(?<! )|\d+(?:ms|[smhdw])(?: \d+(?:ms|[smhdw]))*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def written_test(name: str, test: Mapping[str, Json]) -> str:
    """A file with one test."""
    lines = ["version: 1", "tests:", f"  {flow(name)}:"]
    lines += [f"    {key}: {flow(value)}" for key, value in test.items() if key != "steps"]
    lines += ["    steps:", *(f"      - {flow(step)}" for step in test["steps"])]
    return "\n".join(lines) + "\n"


def flow(value: Json) -> str:
    """A value in YAML's short form; texts that YAML would read as something else are quoted."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.casefold() not in _WORDS:
        return value
    if isinstance(value, float):
        return write_yaml(value).rstrip()
    return quoted(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
