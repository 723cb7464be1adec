"""The form of a message template file: header lines, an empty line, the text. Read here, rendered by plugins.

`retain check` looks at the fields that a template uses, a message plugin renders it; both read it with this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from retain.errors import RuleError, did_you_mean

KNOWN_HEADERS = ("Subject", "From", "Reply-To")
_TEMPLATE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:/[A-Za-z0-9][A-Za-z0-9_-]*)*")
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]*):[ \t]*(.*)")


@dataclass(frozen=True, slots=True)
class MessageFile:
    """One template file taken apart; headers and body are template texts, not yet rendered."""

    headers: Mapping[str, str]  # by the names of KNOWN_HEADERS
    header_lines: Mapping[str, int]  # the line on which each header stands, from 1
    body: str
    body_line: int  # the line of the file on which the body starts, from 1


def is_template_name(name: str) -> bool:
    """Whether `name` can be a template: words joined by `/`, so that it stays inside the templates folder."""
    return _TEMPLATE_NAME.fullmatch(name) is not None


def read_message_file(text: str, file: str = "template") -> MessageFile:
    """Take the text of `templates/NAME.txt` apart.

    Raises:
        RuleError: a header line is malformed, unknown or given twice, or `Subject` is missing.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    headers: dict[str, str] = {}
    places: dict[str, int] = {}
    end = next((number for number, line in enumerate(lines) if not line.strip()), len(lines))
    for number, line in enumerate(lines[:end], start=1):
        name, value = _header(line, f"{file}:{number}:1")
        if name in headers:
            raise RuleError(f"header {name} is given twice", where=f"{file}:{number}:1", cure="keep one of the two")
        headers[name], places[name] = value, number
    if not headers.get("Subject"):
        raise RuleError("no Subject", where=f"{file}:1:1", cure="begin the file with `Subject: ...` and an empty line")
    return MessageFile(headers, places, "\n".join(lines[end + 1 :]), end + 2)


def _header(line: str, where: str) -> tuple[str, str]:
    """The name and value of one header line, the name as KNOWN_HEADERS spells it."""
    found = _HEADER.fullmatch(line)
    if found is None:
        raise RuleError(
            "this line is neither a header nor empty",
            where=where,
            cure="begin the file with `Subject: ...`, and leave an empty line before the text",
        )
    name = next((known for known in KNOWN_HEADERS if known.lower() == found[1].lower()), "")
    if not name:
        raise RuleError(f"unknown header {found[1]}", where=where, cure=did_you_mean(found[1], KNOWN_HEADERS))
    return name, found[2].strip()
