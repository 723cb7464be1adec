"""Values as written: numbers, texts, durations, lists of them, and the arguments of plugin functions."""

from __future__ import annotations

from difflib import get_close_matches

from retain.language.syntax.ast import Literal_, Name, Node
from retain.language.syntax.cursor import Cursor
from retain.language.syntax.lexer import Token, duration_of, text_of
from retain.language.syntax.words import HISTORY_FUNCTIONS, SCALAR_FUNCTIONS
from retain.language.types import Type

INT, NUMBER, TEXT, BOOL, DURATION = (Type("int"), Type("number"), Type("text"), Type("bool"), Type("duration"))


def literal(cursor: Cursor) -> Literal_ | None:
    """A value as written, if one comes next; a date without quotes is a text."""
    token = cursor.token
    if token.kind == "number":
        return _number(cursor, token.start, 1)
    if token.kind == "text":
        cursor.take()
        return Literal_(start=token.start, end=token.end, value=text_of(token.text), type=TEXT)
    if token.kind == "date":
        cursor.take()
        return Literal_(start=token.start, end=token.end, value=token.text, type=TEXT)
    if token.kind == "duration":
        cursor.take()
        return Literal_(start=token.start, end=token.end, value=duration_of(token.text), type=DURATION)
    if cursor.at_word("true", "false"):
        cursor.take()
        return Literal_(start=token.start, end=token.end, value=token.word == "true", type=BOOL)
    return None


def signed_number(cursor: Cursor) -> Literal_ | None:
    """A number with a minus, which comes next, directly before it."""
    if cursor.ahead(1).kind != "number":
        return None
    return _number(cursor, cursor.take().start, -1)


def _number(cursor: Cursor, start: int, sign: int) -> Literal_:
    token = cursor.take()
    if "." in token.text:
        return Literal_(start=start, end=token.end, value=sign * float(token.text), type=NUMBER)
    return Literal_(start=start, end=token.end, value=sign * int(token.text), type=INT)


def list_of_literals(cursor: Cursor) -> tuple[Literal_, ...]:
    """`[DE, 'AT', 5]`: values as written; a bare name is a text."""
    opened = cursor.token
    if not cursor.take_sign("["):
        cure = "write the values in square brackets: in [DE, AT]"
        cursor.fail("E012", "here comes a list", opened, cure)
    items: list[Literal_] = []
    while not cursor.at_sign("]"):
        items.append(_item(cursor))
        if not cursor.take_sign(","):
            break
    if cursor.token.kind not in ("sign", "end"):
        cure = "separate values with commas, and put a text with blanks in quotes"
        cursor.fail("E012", f"did not expect '{cursor.token.text}' in this list", cursor.token, cure)
    cursor.close("]", opened)
    if not items:
        cursor.fail("E012", "this list is empty", opened, "write at least one value", to=cursor.taken_to)
    return tuple(items)


def _item(cursor: Cursor) -> Literal_:
    token = cursor.token
    found = signed_number(cursor) if cursor.at_sign("-") else literal(cursor)
    if found:
        return found
    if token.kind != "name":
        if token.kind == "end":
            cursor.unexpected("a value")
        cure = "a list holds numbers, quoted texts and bare words"
        cursor.fail("E012", f"did not expect '{token.text}' in this list", token, cure)
    name = cursor.joined_name()
    if cursor.at_sign(".", "("):
        cure = "a list holds numbers, quoted texts and bare words; compare with a field by '=='"
        cursor.fail("E012", "a list holds only values as written", name, cure)
    return Literal_(start=name.start, end=name.end, value=name.text, type=TEXT)


def plain_argument(cursor: Cursor, function: Token) -> Node:
    """An argument of a plugin's function: a value as written or a bare name."""
    token = cursor.token
    found = signed_number(cursor) if cursor.at_sign("-") else literal(cursor)
    if found is None and token.kind == "name":
        name = cursor.joined_name()
        found_name = Name(start=name.start, end=name.end, name=name.text)
        if cursor.at_sign(",", ")"):
            return found_name
    elif found is not None and cursor.at_sign(",", ")"):
        return found
    if near := get_close_matches(function.word, [*HISTORY_FUNCTIONS, *SCALAR_FUNCTIONS], 1, 0.6):
        cursor.fail("E104", f"there is no function {function.text}()", function, f"did you mean {near[0]}()?")
    if cursor.token.kind == "end":
        cursor.unexpected("')'")
    cure = f"{function.text}() is not built in, and functions of plugins take numbers, texts and names only"
    return cursor.unexpected(cure=cure)
