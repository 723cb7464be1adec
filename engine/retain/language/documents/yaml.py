"""YAML as rule files use it: strict, with the place of every part, and without the traps of YAML 1.1.

Only `true`, `false`, `null`, decimal integers and decimal fractions are more than text: `NO`, `on`, `10:30`, `0123`,
`1_000` and dates stay what the author typed. Tags, merge keys, second documents and repeated keys are errors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import yaml

from retain.language.documents.faults import fault_of
from retain.language.documents.nodes import ListNode, MapNode, Node, Scalar, SourceFile
from retain.model import Json, Problem

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_COPIES = 10_000  # parts that aliases may add to a file

ParserEvent: TypeAlias = Any  # PyYAML's events; their types say that places may be lacking, and none lacks one
_LOADER: Callable[[str], Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+([eE][+-]?[0-9]+)?")
_WORDS: dict[str, Json] = {"true": True, "false": False, "null": None, "": None}
_ODD_SPACE = re.compile("[\xa0\u2000-\u200b\u202f\u3000\ufeff]")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_yaml(text: str, file: str) -> tuple[Node | None, list[Problem]]:
    """The tree of a YAML text, or None with the reason where it cannot be read as one.

    Repeated keys, tags and the like leave a tree beside their problems, so that the rest is still checked.
    """
    source = SourceFile(file, text.removeprefix("\ufeff"))
    text = source.text
    if len(text) > MAX_BYTES or len(text.encode(errors="replace")) > MAX_BYTES:
        problem = source.problem("E202", "the file is larger than 1 MB", 0, 1, "split it into several files")
        return None, [problem]
    bad = _FORBIDDEN.search(text)
    if bad:
        what = f"the character U+{ord(bad[0]):04X} is not allowed"
        problem = source.problem("E204", what, bad.start(), bad.end(), "remove it; save the file as UTF-8 text")
        return None, [replace(problem, line_text=_FORBIDDEN.sub("\ufffd", problem.line_text))]
    builder = _Builder(source)
    try:
        builder.read(text)
    except _StopReading as stop:
        return None, [*builder.problems, stop.problem]
    except yaml.MarkedYAMLError as error:
        return None, _first_of_a_line([*builder.problems, fault_of(source, error)])
    return builder.root, builder.problems


def _first_of_a_line(problems: list[Problem]) -> list[Problem]:
    """Without what the last one says once more of a line: `{{ }}` without quotes is told before the parser gives up."""
    *before, last = problems
    return before if any(problem.place.line == last.place.line for problem in before) else problems


def resolve(text: str) -> Json:
    """What an unquoted text means: true, false, null, a decimal number, else itself."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "-0123456789":
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


class _StopReading(Exception):  # noqa: N818 - ends the reading, is not an error of its own
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(slots=True)
class _Open:
    """A map or list whose end has not come yet."""

    node: MapNode | ListNode
    anchor: str | None
    size: int = 1
    key: Scalar | None = None
    skip: bool = False  # the next value belongs to a key that was refused


@dataclass(slots=True)
class _Builder:
    """Events of the YAML parser into nodes, with a stack of its own so that depth costs no recursion."""

    file: SourceFile
    problems: list[Problem] = field(default_factory=list)
    root: Node | None = None
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)
    copies: int = 0
    documents: int = 0

    def read(self, text: str) -> None:
        """Add all events of a text to the tree."""
        loader = _LOADER(text)
        try:
            while (kind := type(event := loader.get_event())) is not yaml.StreamEndEvent:
                handler = _HANDLERS.get(kind)
                if handler is not None:
                    handler(self, event)
        finally:
            loader.dispose()

    def _close(self, event: ParserEvent) -> None:
        done = self.stack.pop()
        done.node.end = event.end_mark.index
        self._add(self._unquoted(done.node), done.size, done.anchor)

    def _unquoted(self, node: MapNode | ListNode) -> Node:
        """An unquoted `{{ … }}` as the text that was meant: it has been told, and as a map it would be told again."""
        text = self.file.text[node.start : node.end]
        return Scalar(self.file, node.start, node.end, text, text) if _begins_braces(node) else node

    def _document(self, event: ParserEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            start = event.start_mark.index
            cure = "use one file for each"
            raise _StopReading(self.file.problem("E206", "a second document begins here", start, start + 3, cure))

    def _scalar(self, event: ParserEvent) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        style = event.style or ""
        value = event.value if style else resolve(event.value)
        if event.tag:
            self._refuse_tag(event.tag, start, end)
        self._add(Scalar(self.file, start, end, event.value, value, style), 1, event.anchor)

    def _open(self, event: ParserEvent) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        if len(self.stack) >= MAX_DEPTH:
            what = f"lists and maps are nested more than {MAX_DEPTH} deep"
            raise _StopReading(self.file.problem("E202", what, start, start + 1, "write it flatter"))
        if event.tag:
            self._refuse_tag(event.tag, start, end)
        kind = MapNode if isinstance(event, yaml.MappingStartEvent) else ListNode
        self.stack.append(_Open(kind(self.file, start, end), event.anchor))

    def _refuse_tag(self, tag: str, start: int, end: int) -> None:
        if tag != "!":
            what = f"the tag {tag.replace('tag:yaml.org,2002:', '!!')} is not part of rule files"
            cure = "leave it out; a text that begins with ! needs quotes, and a condition is turned round by not"
            self.problems.append(self.file.problem("E206", what, start, end, cure))

    def _alias(self, event: ParserEvent) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        known = self.anchors.get(event.anchor)
        if known is None:
            inside = any(entry.anchor == event.anchor for entry in self.stack)
            what = f"*{event.anchor} contains itself" if inside else f"there is no &{event.anchor} before this"
            cure = "write the part out; a text that begins with * needs quotes"
            raise _StopReading(self.file.problem("E207", what, start, end, cure))
        node, size = known
        self.copies += size
        if self.copies > MAX_COPIES:
            what = f"aliases add more than {MAX_COPIES} parts to this file"
            raise _StopReading(
                self.file.problem("E207", what, start, end, "write the parts out, or use a segment or metric")
            )
        self._add(node, size, None)

    def _add(self, node: Node, size: int, anchor: str | None) -> None:
        if anchor is not None:
            self.anchors[anchor] = (node, size)
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        top.size += size
        if isinstance(top.node, ListNode):
            top.node.items.append(node)
        elif top.key is None and not top.skip:
            self._key(top, top.node, node)
        else:
            if top.key is not None:
                top.node.entries[top.key.text] = node
            top.key, top.skip = None, False

    def _key(self, top: _Open, node: MapNode, key: Node) -> None:
        """Keep a key until its value comes, or refuse it together with its value."""
        if isinstance(key, Scalar) and key.text not in node.keys and (key.style or not _refused(key.text)):
            node.keys[key.text] = key
            top.key = key
            return
        self.problems.append(self._key_problem(node, key))
        top.skip = True

    def _key_problem(self, node: MapNode, key: Node) -> Problem:
        if not isinstance(key, Scalar):
            if _begins_braces(node):
                what = "YAML reads {{ }} without quotes as a map in a map"
                return node.complain("E206", what, 'put texts with {{ }} in quotes: "{{ … }}"')
            return key.complain("E206", "a key must be a text", "write a text as the key")
        if key.text == "<<" and not key.style:
            return key.complain("E206", "merge keys (<<) are not part of rule files", "write the keys out")
        if not key.style and _ODD_SPACE.match(key.text):
            what = f"the space before {key.text.strip()!r} is U+{ord(key.text[0]):04X}, which indents nothing"
            return key.complain("E204", what, "write plain spaces instead")
        first = node.keys[key.text].place.line
        cure = f"keep one of the two, or give one another name; the first is in line {first}"
        return key.complain("E205", f"{key.text!r} is given twice in one map", cure)


def _refused(key: str) -> bool:
    """Whether a key without quotes is refused whatever else is in its map."""
    return key == "<<" or _ODD_SPACE.match(key) is not None


def _begins_braces(node: Node) -> bool:
    return isinstance(node, MapNode) and node.file.text.startswith("{{", node.start)


_HANDLERS: dict[type, Callable[[_Builder, ParserEvent], None]] = {
    yaml.ScalarEvent: _Builder._scalar,
    yaml.MappingStartEvent: _Builder._open,
    yaml.SequenceStartEvent: _Builder._open,
    yaml.MappingEndEvent: _Builder._close,
    yaml.SequenceEndEvent: _Builder._close,
    yaml.AliasEvent: _Builder._alias,
    yaml.DocumentStartEvent: _Builder._document,
}
