"""Where a text stands in a file, so that every problem points at the very column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from retain.model import Place, Problem


class Source(Protocol):
    """A text and the way from an offset in it to a place in a file."""

    @property
    def text(self) -> str:
        """The text as the language reads it."""
        ...

    def problem(self, code: str, message: str, start: int, end: int, help: str = "") -> Problem:
        """A problem at the characters [start, end) of the text, with the file's own line for the caret."""
        ...


@dataclass(frozen=True, slots=True)
class TextSource:
    """A text that stands in no file: a command-line argument, a test."""

    text: str
    file: str = "<text>"

    def problem(self, code: str, message: str, start: int, end: int, help: str = "") -> Problem:
        """A problem at the characters [start, end) of the text."""
        line_start = self.text.rfind("\n", 0, start) + 1
        line_end = self.text.find("\n", start)
        line_text = self.text[line_start : len(self.text) if line_end < 0 else line_end]
        place = Place(self.file, self.text.count("\n", 0, start) + 1, start - line_start + 1, max(1, end - start))
        return Problem(place, code, message, help, line_text)
