"""What keeps a text from being YAML, in the words of whoever wrote it.

The parser says what it expected next. Whoever wrote the text wants to know which line to mend and how, so that is found
in the text around the place where the parser gave up; its own words are told only where nothing here knows better.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

import yaml

from retain.language.documents.nodes import SourceFile
from retain.language.documents.stops import CLOSING, Column, Fault, Stop, closed_at, columns_before, indent_of
from retain.model import Problem

QUOTE_CURE = "put the whole text in quotes, or in a | block on the next line"
_COLUMN_CURE = "lines of one list or map begin in the same column"
_IN_BLOCK = re.compile("block|document start")
_MERGE = re.compile(r"^(<{7}|>{7})(?= )", re.MULTILINE)
_COLON = re.compile(r":(?=\s|$)")
_GLUED_COLON = re.compile(r"((?:- +)*)([\w.-]+):(\S.*)")
_GLUED_DASH = re.compile(r"-[^\s-]")
_TYPOGRAPHIC = re.compile("[“”„‟‘’‚«»]")

Finder: TypeAlias = Callable[[Stop], Fault | None]


def fault_of(source: SourceFile, error: yaml.MarkedYAMLError) -> Problem:
    """What the parser gave up at, told as every problem is."""
    mark, opened = error.problem_mark or error.context_mark, error.context_mark
    last = max(0, len(source.text) - 1)
    index = min(mark.index if mark else 0, last)
    words = " ".join(part for part in (error.context, error.problem) if part)
    stop = Stop(source, words, index, min(opened.index, last) if opened else index)
    fault = next(fault for finder in _FINDERS if (fault := finder(stop)) is not None)
    return source.problem(fault.code, fault.what, fault.start, fault.end, fault.cure)


def _tab(stop: Stop) -> Fault | None:
    line = stop.line
    if stop.sign != "\t" and "\t" not in line[: indent_of(line)]:
        return None
    start = stop.source.start(stop.row) + line.index("\t")
    return Fault("a tab is used where YAML allows spaces only", "use spaces", start, start + 1, "E203")


def _merge(stop: Stop) -> Fault | None:
    found = _MERGE.search(stop.source.text)
    if found is None:
        return None
    cure = "bring both sides together, and take out the lines that begin with <<<<<<<, ======= and >>>>>>>"
    return Fault("git could not merge this file", cure, found.start(), found.end())


def _open_quote(stop: Stop) -> Fault | None:
    if "quoted scalar" not in stop.words:
        return None
    if "unexpected end" in stop.words or "document separator" in stop.words:
        return Fault("this quote is not closed", "close the quote", stop.opened, stop.opened + 1)
    start = stop.source.text.rfind("\\", 0, stop.index + 1)
    sign = stop.source.text[start : start + 2]
    cure = "write \\\\ for a backslash, or put the text in single quotes"
    return Fault(f"{sign} means nothing here between double quotes", cure, start, start + 2)


def _first_character(stop: Stop) -> Fault | None:
    if "cannot start any token" in stop.words or "mapping keys are not allowed" in stop.words:
        start = stop.index
    elif re.search("an alias|an anchor|block scalar|directive|incompatible YAML", stop.words):
        start = stop.opened
    elif "document start" in stop.words and stop.source.text.startswith("%"):
        start = 0
    else:
        return None
    sign = stop.source.text[start : start + 1]
    return Fault(f"a text cannot begin with {sign} unless it is in quotes", QUOTE_CURE, start, start + 1)


def _second_colon(stop: Stop) -> Fault | None:
    if "mapping values are not allowed" not in stop.words:
        return None
    first = _COLON.search(stop.before)
    if first is None:
        return _colon_of_the_next_line(stop)
    text = stop.before[first.end() :].strip()
    cure = f"a text that holds ': ' needs quotes; {QUOTE_CURE}"
    if _TYPOGRAPHIC.match(text):
        cure = f"""write " or ' instead of {text[0]}, which is no quote to YAML"""
    elif re.fullmatch(r"[\w.-]+", text):
        cure = f"begin {text}: on the next line, indented further; or, a text that holds ': ' needs quotes"
    return stop.here("a second ': ' stands in this line", cure)


def _colon_of_the_next_line(stop: Stop) -> Fault | None:
    """The line before is read as a text that goes on in this one."""
    above = stop.row_above()
    if above is None:
        return None
    line = stop.source.line(above)
    if not re.search(r":\s+\S", line):
        return _line_without_colon(stop, above)
    columns = [
        column for column in columns_before(stop.source, above + 1) if column.row == above and not column.is_list
    ]
    what = f"line {above + 1} has its value already, and this one is indented further"
    cure = _indent_as(columns[-1:]) if columns else "begin it as far left as the key above"
    return stop.in_row(stop.row, what, f"{cure}; or take out the value above")


def _line_without_colon(stop: Stop, row: int) -> Fault | None:
    text = stop.said_in(row)
    glued = _GLUED_COLON.fullmatch(text)
    if _GLUED_DASH.match(text):
        return stop.in_row(row, "no space follows the - of this item", f"write - {text[1:]}")
    if glued is not None:
        return stop.in_row(row, "no space follows the colon", f"write {glued[1]}{glued[2]}: {glued[3]}")
    if _COLON.search(text):
        return None
    words = re.fullmatch(r"((?:- +)*[\w.-]+)(?:\s+(.*))?", text)
    cure = f"write {words[1]}: {words[2] or ''}".rstrip() if words else "write KEY: VALUE"
    cure += "; or, if it goes on with the text above, indent it further than that"
    return stop.in_row(row, "this line has no ': '", cure)


def _no_colon(stop: Stop) -> Fault | None:
    if "unexpected ':'" in stop.words:
        return stop.here("no space follows the colon", "write one")
    if stop.sign == ":" and _IN_BLOCK.search(stop.words):
        return stop.here("no key stands before this colon", "write KEY: VALUE")
    if "could not find expected ':'" not in stop.words:
        return None
    return _opened_wrongly(stop) or _line_without_colon(stop, stop.source.place(stop.opened, stop.opened).line - 1)


def _list_in_line(stop: Stop) -> Fault | None:
    if "sequence entries are not allowed" not in stop.words and not ("node content" in stop.words and stop.sign == "-"):
        return None
    return stop.here("a list with - cannot begin here", "begin each item on a line of its own, or write [ …, … ]")


def _bracket(stop: Stop) -> Fault | None:
    if stop.sign and stop.sign in "]})" and "node" in stop.words:
        return stop.here(f"this {stop.sign} closes nothing", "take it out")
    if "node content" in stop.words:
        return stop.here(f"something is missing before this {stop.sign}", QUOTE_CURE)
    opening = stop.source.text[stop.opened : stop.opened + 1]
    if "flow" not in stop.words or opening not in CLOSING:
        return None
    closing = CLOSING[opening]
    end = closed_at(stop.source.text, stop.opened)
    if end is None:
        return _opened_wrongly(stop)
    if stop.source.text[end] != closing:
        what = f"this {stop.source.text[end]} does not close the {opening} before it"
        return Fault(what, f"write {closing}", end, end + 1)
    if stop.sign in CLOSING and re.search(r"\w\s*$", stop.before):
        what = f"a text between {opening} and {closing} cannot hold {stop.sign} unless it is in quotes"
        return stop.here(what, QUOTE_CURE)
    return stop.here("a comma is missing before this", f"write a comma between two parts; else {QUOTE_CURE}")


def _opened_wrongly(stop: Stop) -> Fault | None:
    opening = stop.source.text[stop.opened : stop.opened + 1]
    if opening in CLOSING and closed_at(stop.source.text, stop.opened) is None:
        cure = f"close what opens here, or {QUOTE_CURE}"
        return Fault(f"this {opening} is not closed", cure, stop.opened, stop.opened + 1)
    if opening in ("'", '"'):
        return Fault("this quote is not closed in its line", "close the quote", stop.opened, stop.opened + 1)
    if opening in CLOSING:
        what = f"this {opening} stands where a key is expected"
        return Fault(what, "indent it further, to go on with the line above", stop.opened, stop.opened + 1)
    return None


def _after_a_value(stop: Stop) -> Fault | None:
    """Something stands in a line whose value has ended."""
    if not _IN_BLOCK.search(stop.words):
        return None
    if stop.sign and stop.sign in "]})":
        return stop.here(f"this {stop.sign} closes nothing", "take it out")
    if stop.sign == ",":
        return stop.here("a comma stands outside of [ ] and { }", f"take it out, or {QUOTE_CURE}")
    last = stop.before.strip()[-1:]
    if last and last in "'\"":
        opened = _quote_above(stop, last) if stop.before.count(last) % 2 else None
        if opened is not None:
            what = f"this quote is closed only in line {stop.row + 1}"
            return Fault(what, "close the quote", opened, opened + 1)
        return stop.here("the text has ended here", f"YAML ends the text at the second quote; {QUOTE_CURE}")
    if last and last in "]}":
        cure = "write several as a list: [ …, … ]" if stop.sign in CLOSING else QUOTE_CURE
        return stop.here(f"the {'list' if last == ']' else 'map'} has ended here, at the {last}", cure)
    return None


def _quote_above(stop: Stop, quote: str) -> int | None:
    """Where the quote opened that closes a text in this line."""
    for row in range(stop.row - 1, -1, -1):
        found = list(re.finditer(rf"(?<=[:\-\[{{,] ){quote}|(?<=[\[{{]){quote}", stop.source.line(row)))
        if found and stop.source.line(row).count(quote) % 2:
            return stop.source.start(row) + found[-1].start()
    return None


def _line_before(stop: Stop) -> Fault | None:
    """A line is no key and no item, and so is the next one told that it fits nowhere."""
    if stop.before.strip() or not _IN_BLOCK.search(stop.words):
        return None
    if _GLUED_DASH.match(stop.line.strip()):
        return _line_without_colon(stop, stop.row)
    above = stop.row_above()
    if above is None or stop.said_in(above) == stop.source.line(above).strip():
        return None  # without a comment, which ends a text, the next line would have been read as more of it
    return _line_without_colon(stop, above)


def _wrong_column(stop: Stop) -> Fault | None:
    """A line begins in a column in which nothing goes on."""
    if stop.before.strip() or not stop.sign or not _IN_BLOCK.search(stop.words):
        return None
    indent, is_list = len(stop.before), re.match(r"\s*-(?:\s|$)", stop.line) is not None
    columns = columns_before(stop.source, stop.row)
    same = [column for column in columns if column.indent == indent]
    if same:
        return _other_kind(stop, same[-1], is_list=is_list)
    near = [*[one for one in columns if one.indent < indent][-1:], *[one for one in columns if one.indent > indent][:1]]
    near = [column for column in near if column.is_list == is_list] or near
    if not near:
        return None
    what = f"indented by {indent} space{'s' * (indent != 1)}, this line belongs to nothing above it"
    return stop.in_row(stop.row, what, _indent_as(near))


def _other_kind(stop: Stop, column: Column, *, is_list: bool) -> Fault:
    if column.is_list == is_list:
        what = f"this line does not go on with line {column.row + 1}"
        return stop.in_row(stop.row, what, "write it as that one is, or indent it as what it belongs to")
    if column.is_list:
        what = f"this line begins where the list of line {column.row + 1} has its -"
        return stop.in_row(stop.row, what, "begin it with - too, or indent it further to go on with the item above")
    what = f"this item of a list stands among the keys of a map, as in line {column.row + 1}"
    return stop.in_row(stop.row, what, f"begin line {column.row + 1} with - too, or take the - out here")


def _own_words(stop: Stop) -> Fault:
    return stop.here(f"this is not YAML: {stop.words}", f"check the indentation: {_COLUMN_CURE}")


_FINDERS: tuple[Finder, ...] = (
    _tab, _merge, _open_quote, _first_character, _second_colon, _no_colon, _list_in_line, _bracket, _after_a_value,
    _line_before, _wrong_column, _own_words,
)  # fmt: skip


def _indent_as(columns: list[Column]) -> str:
    ways = ", or ".join(f"by {column.indent}, as line {column.row + 1}" for column in columns)
    return f"{_COLUMN_CURE}; indent it {ways}"
