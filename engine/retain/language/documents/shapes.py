"""Reading the parts of a rule file: each function takes a node and says at its very place what is wrong with it.

A part that is wrong gives None, and the problem is in the list; so reading goes on and finds the next one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import time

from retain.errors import did_you_mean, nearest
from retain.instants import DAY, parse_duration
from retain.language.documents.nodes import ListNode, MapNode, Node, Part, Scalar
from retain.language.rules import Limit
from retain.language.time.wallclock import parse_time
from retain.model import Json, Millis, Problem

Problems = list[Problem]

_LIMIT = re.compile(r"([0-9]{1,9})(?:\s+runs?)?\s+per\s+(.+)")
_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER_AND_WORD = re.compile(r"\s*([0-9]{1,6})\s*([a-z]+)\s*")
_UNIT_WORDS = {
    word: unit
    for unit, words in {
        "s": "sec secs second seconds",
        "m": "min mins minute minutes",
        "h": "hr hrs hour hours",
        "d": "day days",
        "w": "wk wks week weeks",
    }.items()
    for word in words.split()
}
_CALENDAR_WORDS = {"mo": 30, "mon": 30, "month": 30, "months": 30, "y": 365, "yr": 365, "year": 365, "years": 365}
SCHEMA_WORDS = {  # the types of JSON Schema, as they are told
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a map",
    "null": "nothing",
}
_CURES = {
    "a map": "write its keys below it, indented further, each as KEY: VALUE",
    "a text": "write one text, in quotes where it is true, false or null",
    "a number": "write it in digits, without quotes",
    "true or false": "write true or false, without quotes",
}
_KINDS = {MapNode: "a map", ListNode: "a list"}


def shown(node: Node) -> str:
    """What a node is, in a few words, for a message."""
    if not isinstance(node, Scalar):
        return _KINDS[type(node)]
    if node.value is None:
        return "nothing"
    text = node.text if len(node.text) <= 40 else node.text[:39] + "…"
    return f"the text {text!r}" if isinstance(node.value, str) else text


_LONGEST = 365_000 * DAY  # so that what waits has a date


def misfit(node: Node, wanted: str, what: str, cure: str = "") -> Problem:
    """The problem that a part is not what it should be."""
    return node.complain("E210", f"{what} must be {wanted}, not {shown(node)}", cure or _CURES.get(wanted, ""))


def read_map(node: Node | None, what: str, problems: Problems) -> MapNode | None:
    """A map, whatever its keys."""
    if isinstance(node, MapNode):
        return node
    if node is not None:
        problems.append(misfit(node, "a map", what))
    return None


def read_keys(
    node: Node,
    known: Collection[str],
    what: str,
    problems: Problems,
    *,
    required: Iterable[str] = (),
    at: Part | None = None,
) -> MapNode | None:
    """A map that has no other keys than `known`, and all of `required`; those that lack are told at `at`."""
    read = read_map(node, what, problems)
    if read is None:
        return None
    refuse_unknown(read, known, what, problems)
    meant = {nearest(key, known) for key in read.keys if key not in known}
    for key in required:
        if key not in read.entries and key not in meant:
            problems.append((at or read).complain("E212", f"{what} needs {key!r}", f"add {key}: …"))
    return read


def refuse_unknown(node: MapNode, known: Iterable[str], what: str, problems: Problems) -> None:
    """Name every key that the language does not know here."""
    names = tuple(known)
    for key in node.keys.values():
        if key.text not in names:
            name, colon, _ = key.text.partition(":")
            glued = colon and name in names
            cure = f"write a space after the colon: {name}: …" if glued else did_you_mean(key.text, names)
            problems.append(key.complain("E211", f"{what} has no key {key.text!r}", cure))


def read_list(node: Node | None, what: str, problems: Problems, cure: str = "") -> list[Node] | None:
    """A list."""
    if isinstance(node, ListNode):
        return node.items
    if node is not None:
        problems.append(misfit(node, "a list", what, cure or "write each item on its own line, after '- '"))
    return None


def read_text(node: Node | None, what: str, problems: Problems) -> str:
    """A text; a number is taken as it was typed. Empty where there is none."""
    if node is None:
        return ""
    if isinstance(node, Scalar) and node.value is not None and not isinstance(node.value, bool):
        return node.text
    problems.append(misfit(node, "a text", what))
    return ""


def read_texts(node: Node | None, what: str, problems: Problems) -> tuple[str, ...]:
    """A list of texts, or one text."""
    if node is None:
        return ()
    items = node.items if isinstance(node, ListNode) else [node]
    return tuple(text for item in items if (text := read_text(item, what, problems)))


def read_flag(node: Node | None, what: str, problems: Problems) -> bool:
    """true or false; false where it is not given."""
    if node is None:
        return False
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    problems.append(misfit(node, "true or false", what))
    return False


def read_choice(node: Node | None, choices: Mapping[str, Json] | Iterable[str], what: str, problems: Problems) -> str:
    """One of some words; empty where it is not given or none of them."""
    if node is None:
        return ""
    names = tuple(choices)
    if isinstance(node, Scalar) and node.text in names:
        return node.text
    cure = did_you_mean(node.text, names) if isinstance(node, Scalar) else ""
    problems.append(node.complain("E213", f"{what} must be one of {', '.join(names)}, not {shown(node)}", cure))
    return ""


def read_number(node: Node | None, what: str, problems: Problems, least: float = 0) -> float | None:
    """A number that is at least `least`."""
    if node is None:
        return None
    if isinstance(node, Scalar) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        if node.value >= least:
            return node.value
        problems.append(node.complain("E216", f"{what} must be at least {least:g}, not {node.text}"))
        return None
    problems.append(misfit(node, "a number", what))
    return None


def read_count(node: Node | None, what: str, problems: Problems, least: int = 1) -> int | None:
    """A whole number that is at least `least`."""
    number = read_number(node, what, problems, least)
    if number is None or isinstance(number, int):
        return number
    assert node is not None
    problems.append(misfit(node, "a whole number", what))
    return None


def read_duration(node: Node | None, what: str, problems: Problems, *, zero: bool = False) -> Millis | None:
    """A duration such as `15m`, `4h`, `7d` or `1h 30m`, in milliseconds."""
    if node is None:
        return None
    millis = parse_duration(node.text) if isinstance(node, Scalar) and isinstance(node.value, str) else None
    if millis is not None and (millis > 0 or zero) and millis <= _LONGEST:
        return millis
    cure = "write 30s, 15m, 4h, 7d, 2w or 1h 30m"
    if isinstance(node, Scalar) and isinstance(node.value, int) and not isinstance(node.value, bool) and node.value > 0:
        cure = f"say which unit: {node.text}m, {node.text}h or {node.text}d"
    elif millis is not None:
        cure = "it must be longer than nothing" if millis == 0 else "it is longer than 1,000 years"
    elif isinstance(node, Scalar):
        cure = _meant_duration(node.text) or cure
    problems.append(node.complain("E214", f"{what} must be a duration, not {shown(node)}", cure))
    return None


def _meant_duration(text: str) -> str:
    """What to write for one number and a unit that is spelt out, or that has no fixed length; "" for anything else."""
    found = _NUMBER_AND_WORD.fullmatch(text.lower())
    if found is None:
        return ""
    number, word = found.groups()
    if word in _UNIT_WORDS:
        return f"write {number}{_UNIT_WORDS[word]}"
    days = _CALENDAR_WORDS.get(word)
    return f"a {'month' if days == 30 else 'year'} has no fixed length: write {int(number) * days}d" if days else ""


def read_limit(node: Node | None, what: str, problems: Problems, unit: str = "") -> Limit | None:
    """`N per D`."""
    if node is None:
        return None
    found = _LIMIT.fullmatch(node.text.strip()) if isinstance(node, Scalar) else None
    per = parse_duration(found[2]) if found else None
    if found and per and int(found[1]) >= 1:
        return Limit(count=int(found[1]), per=per)
    example = f"2 {unit} per 7d" if unit else "2 per 7d"
    problems.append(
        node.complain("E215", f"{what} must be a number per duration, not {shown(node)}", f"write {example}")
    )
    return None


def read_share(node: Node | None, what: str, problems: Problems) -> float:
    """`10%` as 0.1; 0 where it is not given."""
    if node is None:
        return 0.0
    found = _SHARE.fullmatch(node.text.strip()) if isinstance(node, Scalar) else None
    if found and float(found[1]) <= 100:
        return float(found[1]) / 100
    problems.append(node.complain("E216", f"{what} must be a share from 0% to 100%, not {shown(node)}", "write 10%"))
    return 0.0


def read_clock_time(node: Node | None, what: str, problems: Problems) -> time | None:
    """A local time of day such as `09:00`."""
    if node is None:
        return None
    try:
        if isinstance(node, Scalar):
            return parse_time(node.text)
    except ValueError:
        pass
    problems.append(node.complain("E311", f"{what} must be a time of day, not {shown(node)}", "write 09:00"))
    return None


def good_name(key: Scalar, what: str, problems: Problems, *, word: bool = False) -> bool:
    """Whether a key can be a name; with `word` one that expressions can hold, where `-` means minus."""
    if (_WORD if word else _NAME).fullmatch(key.text) and len(key.text) <= 100:
        return True
    allowed = "letters, digits and _, not beginning with a digit" if word else "letters, digits, - and _"
    problems.append(key.complain("E218", f"{key.text!r} cannot be the name of {what}", f"use {allowed}"))
    return False


def entries_of(node: MapNode) -> Iterator[tuple[Scalar, Node]]:
    """Each key with its value, in written order; a key whose value could not be read is left out."""
    for name, value in node.entries.items():
        yield node.keys[name], value
