"""A condition's text as words, numbers, texts and signs, each with its place."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, NoReturn, TypeAlias

from retain.errors import ConditionError
from retain.instants import UNITS
from retain.language.syntax.source import Source

MAX_LENGTH = 8_192
MAX_DIGITS = 18
MAX_INTEGER = 2**53

TokenKind: TypeAlias = Literal["name", "number", "duration", "date", "text", "sign", "end"]

_TOKEN = re.compile(
    r"""
      (?P<blank>\s+|\#[^\n]*)
    | (?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}(?![\w-]))
    | (?P<number>[0-9]\w*(?:\.[0-9]\w*)?)
    | (?P<name>[^\W\d]\w*)
    | (?P<text>'(?:[^'\n]|'')*'|"(?:[^"\n]|"")*")
    | (?P<foreign>&&|\|\||<>|=~|!~|!(?!=)|\?\?|\{\{|\}\}|===|!==)
    | (?P<sign>==|!=|<=|>=|[-=<>+*/()\[\],.])
    """,
    re.VERBOSE,
)
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_DURATION = re.compile(r"(?:[0-9]+(?:ms|[smhdw]))+")
_PART = re.compile(r"([0-9]+)(ms|[smhdw])")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")

_FOREIGN = {
    "&&": "write 'and'",
    "||": "write 'or'",
    "!": "write 'not'",
    "<>": "write '!='",
    "===": "write '=='",
    "!==": "write '!='",
    "=~": "there are no regular expressions; use 'starts with', 'ends with' or 'in [...]'",
    "!~": "there are no regular expressions; use 'not starts with', 'not ends with' or 'not in [...]'",
    "??": "write default(x, value)",
    "{{": "a condition is an expression already; leave out the braces",
    "}}": "a condition is an expression already; leave out the braces",
}
_CHARACTERS = {
    "‘": "use the straight quote '",
    "’": "use the straight quote '",
    "“": 'use the straight quote "',
    "”": 'use the straight quote "',
    "–": "use the sign -",
    "−": "use the sign -",
    "≤": "write <=",
    "≥": "write >=",
    "≠": "write !=",
    "%": "write the share as a number, 0.1 for 10%",
    "$": "names are written as they are: customer.country",
    "&": "write 'and'",
    "|": "write 'or'",
    "`": "put texts in straight quotes: 'DE'",
}


class Token(NamedTuple):
    """One word or sign; `word` is its text in small letters, which is how the language's own words are compared."""

    kind: TokenKind
    text: str
    start: int
    end: int
    word: str


def fail(source: Source, code: str, message: str, start: int, end: int, cure: str = "") -> NoReturn:
    """Give up on a text at the characters [start, end)."""
    raise ConditionError(source.problem(code, message, start, max(end, start + 1), cure))


def tokenize(source: Source) -> list[Token]:
    """The tokens of a text, closed by one of kind `end`.

    Raises:
        ConditionError: a character, number or quoted text is not understood, or the text is too long.
    """
    text = source.text
    if len(text) > MAX_LENGTH:
        cure = "name parts of it as metrics or segments"
        fail(source, "E001", f"a condition has at most {MAX_LENGTH:,} characters, this has {len(text):,}", 0, 1, cure)
    if control := _CONTROL.search(text):
        _unknown_character(source, control.start())
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            _unknown_character(source, at)
        kind, found, start, at = match.lastgroup, match.group(), at, match.end()
        if kind == "name":
            tokens.append(Token("name", found, start, at, found.lower()))
        elif kind == "sign":
            tokens.append(Token("sign", found, start, at, found))
        elif kind == "number":
            tokens.append(Token(_number_kind(source, found, start), found, start, at, found))
        elif kind in ("text", "date"):
            tokens.append(Token("text" if kind == "text" else "date", found, start, at, ""))
        elif kind == "foreign":
            fail(source, "E010", f"'{found}' is not of this language", start, at, _FOREIGN[found])
    last = tokens[-1].end if tokens else 0
    tokens.append(Token("end", "", last, last, ""))
    return tokens


def _unknown_character(source: Source, at: int) -> NoReturn:
    char = source.text[at]
    if char in "'\"":
        end = source.text.find("\n", at)
        cure = "close it on the same line; a quote inside is written twice"
        if char == "'" and at and source.text[at - 1].isalnum():
            cure = 'a text that holds an apostrophe stands in double quotes: "it\'s"'
        fail(source, "E003", "this quoted text is not closed", at, len(source.text) if end < 0 else end, cure)
    name = char if char.isprintable() else f"U+{ord(char):04X}"
    fail(source, "E002", f"the character {name} means nothing here", at, at + 1, _CHARACTERS.get(char, ""))


def _number_kind(source: Source, found: str, start: int) -> TokenKind:
    end = start + len(found)
    if _NUMBER.fullmatch(found):
        digits = len(found.replace(".", ""))
        if digits > MAX_DIGITS:
            fail(source, "E006", f"a number has at most {MAX_DIGITS} digits, this has {digits}", start, end)
        if float(found) > MAX_INTEGER:
            fail(source, "E006", "numbers go up to 9007199254740992 (2 to the power of 53)", start, end)
        return "number"
    if _DURATION.fullmatch(found):
        if len(found) > MAX_DIGITS or duration_of(found) > MAX_INTEGER:
            fail(source, "E006", "this duration is longer than time itself", start, end, "use a shorter one, e.g. 365d")
        return "duration"
    cure = "durations are whole numbers of ms, s, m, h, d or w: 30s, 15m, 4h, 7d, 2w, 1h30m"
    if re.fullmatch(r"[0-9][0-9_]*(?:\.[0-9_]+)?", found):
        cure = f"write {found.replace('_', '')}"
    elif found.lower() != found and _DURATION.fullmatch(found.lower()):
        cure = f"write {found.lower()}"
    fail(source, "E007", f"'{found}' is neither a number nor a duration", start, end, cure)


def duration_of(text: str) -> int:
    """The milliseconds of a duration token."""
    return sum(int(number) * UNITS[unit] for number, unit in _PART.findall(text))


def text_of(token: str) -> str:
    """What a quoted text says: a quote written twice is one quote."""
    quote = token[0]
    return token[1:-1].replace(quote * 2, quote)
