"""A way through the tokens of a text, with the limits and the errors that every part of the grammar shares."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NoReturn

from retain.language.syntax.ast import Node
from retain.language.syntax.lexer import Token, fail, tokenize
from retain.language.syntax.source import Source
from retain.language.syntax.words import FOREIGN_SIGNS, FOREIGN_WORDS

MAX_DEPTH = 32
MAX_NODES = 512


class Cursor:
    """The place in a text up to which it has been read."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tokens = tokenize(source)
        self.at = 0
        self.depth = 0
        self.in_row = False  # inside `where`, where a bare name is a field of the event looked at

    @property
    def token(self) -> Token:
        """The next token, not yet taken."""
        return self.tokens[self.at]

    @property
    def taken_to(self) -> int:
        """Where the last taken token ends."""
        return self.tokens[self.at - 1].end if self.at else 0

    def ahead(self, count: int) -> Token:
        """The token `count` places further on; the closing one past the end."""
        return self.tokens[min(self.at + count, len(self.tokens) - 1)]

    def take(self) -> Token:
        """The next token, taken; the closing one is never passed."""
        token = self.tokens[self.at]
        if token.kind != "end":
            self.at += 1
        return token

    def at_word(self, *words: str) -> bool:
        """Whether one of these words of the language comes next."""
        return self.token.kind == "name" and self.token.word in words

    def at_sign(self, *signs: str) -> bool:
        """Whether one of these signs comes next."""
        return self.token.kind == "sign" and self.token.text in signs

    def take_word(self, *words: str) -> bool:
        """Take one of these words if it comes next."""
        if self.at_word(*words):
            self.at += 1
            return True
        return False

    def take_sign(self, *signs: str) -> bool:
        """Take one of these signs if it comes next."""
        if self.at_sign(*signs):
            self.at += 1
            return True
        return False

    def need_word(self, *words: str) -> None:
        """Take one of these words or give up."""
        if not self.take_word(*words):
            self.unexpected(*words)

    def close(self, sign: str, opened: Token) -> None:
        """Take the closing bracket of `opened` or give up."""
        if self.take_sign(sign):
            return
        if self.token.kind == "end":
            self.fail("E017", f"this '{opened.text}' is not closed", opened, f"add '{sign}'")
        self.unexpected(sign, "and", "or", cure=f"'{opened.text}' is closed by '{sign}'")

    def enter(self, token: Token) -> None:
        """One level deeper, as long as that is allowed."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            cure = "name parts of it as metrics or segments"
            self.fail("E005", f"a condition is nested at most {MAX_DEPTH} deep", token, cure)

    def leave(self) -> None:
        """One level up."""
        self.depth -= 1

    def fail(self, code: str, message: str, token: Token, cure: str = "", *, to: int = 0) -> NoReturn:
        """Give up at a token, or from it up to the offset `to`."""
        fail(self.source, code, message, token.start, to or token.end, cure)

    def unexpected(self, *expected: str, cure: str = "") -> NoReturn:
        """Give up because the next token fits nothing here."""
        token = self.token
        wanted = _listing(expected)
        if token.kind == "end":
            if not self.at:
                self.fail("E008", "there is no condition here", token, cure or "write one, e.g. event.total >= 20")
            message = f"the text ends too early; here comes {wanted}" if wanted else "the text ends too early"
            self.fail("E009", message, token, cure)
        if token.kind == "name" and token.word in FOREIGN_WORDS:
            self.fail("E010", f"'{token.text}' is not of this language", token, FOREIGN_WORDS[token.word])
        if token.kind == "sign" and token.text in ")]":
            cure = cure or f"no bracket is open that '{token.text}' could close"
        if token.kind == "sign" and self.at:
            meant = FOREIGN_SIGNS.get(self.tokens[self.at - 1].text + token.text, "")
            cure = cure or (f"write {meant}" if meant else "")
        near = get_close_matches(token.word, [word for word in expected if word.isalpha()], 1, 0.5)
        if token.kind == "name" and near:
            cure = f"did you mean '{near[0]}'?"
        self.fail(
            "E011", f"did not expect '{token.text}' here", token, cure or (f"here comes {wanted}" if wanted else "")
        )

    def joined_name(self) -> Token:
        """A name that may hold dashes, such as the id of a segment: `big-spenders`; also a quoted text."""
        first = self.token
        if first.kind == "text":
            return self.take()
        if first.kind not in ("name", "number"):
            self.unexpected("a name")
        end = self.take().end
        while True:
            after, dash = self.ahead(1), self.token
            joins = dash.kind == "sign" and dash.text == "-" and dash.start == end == after.start - 1
            if not joins or after.kind not in ("name", "number", "duration"):
                break
            self.at += 2
            end = after.end
        text = self.source.text[first.start : end]
        return Token("name", text, first.start, end, text.lower())


def _listing(expected: Iterable[str]) -> str:
    shown = [word if " " in word else f"'{word}'" for word in expected]
    if len(shown) > 4:
        return ""
    return " or ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def bound(root: Node, source: Source) -> None:
    """Refuse trees that are too large or too deep: a long sum is deep although its text is flat."""
    count, level = 0, [root]
    for depth in range(MAX_DEPTH + 1):
        count += len(level)
        level = [child for node in level for child in node.children()]
        if not level:
            break
        if depth == MAX_DEPTH:
            cure = "split the chain with brackets, or name parts of it as metrics or segments"
            fail(source, "E005", f"a condition is nested at most {MAX_DEPTH} deep", level[0].start, level[0].end, cure)
    if count > MAX_NODES:
        cure = "use 'in [...]' for many values, or name parts of it as metrics or segments"
        fail(
            source,
            "E004",
            f"a condition has at most {MAX_NODES} parts, this has {count}",
            root.start,
            root.start + 1,
            cure,
        )
