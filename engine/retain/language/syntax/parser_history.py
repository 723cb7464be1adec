"""The part of the grammar that asks what happened: `count(order_completed where total > 5 in last 30d)`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import date
from typing import Literal, NoReturn, cast

from retain.language.syntax.ast import History, HistoryFunction, Node, Window
from retain.language.syntax.cursor import Cursor
from retain.language.syntax.lexer import Token, duration_of, text_of
from retain.language.syntax.words import RESERVED, ROOTS, UNITS_OF_CALENDAR

MAX_CALENDAR_DAYS = 36_500
_EXAMPLE = "write an event, e.g. {}(order_completed{} in last 30d)"


class HistoryParser(Cursor, ABC):
    """Reads calls over history; the conditions in them are read by whoever completes the class."""

    @abstractmethod
    def condition(self) -> Node:
        """A whole condition."""

    def history(self, function: Token) -> History:
        """A call over history; its name is taken, its bracket comes next."""
        opened = self.take()
        self.enter(opened)
        event, path, span = self._event(function)
        event2 = ""
        spans: tuple[tuple[int, int], ...] = (span,)
        if function.word == "ratio":
            if not self.take_sign(","):
                cure = "write two events: ratio(email_opened, email_sent)"
                self.fail("E016", "ratio() compares two events", self.token, cure)
            event2, path2, span = self._event(function)
            path, spans = path or path2, (*spans, span)
        where = self._where() if self.take_word("where") else None
        window = self._window() if self.at_window() else None
        if self.at_word("where"):
            self.fail("E014", "'where' comes before the window", self.token, "write it directly after the event")
        if self.at_sign(","):
            self.fail("E016", f"{function.text}() takes one event", self.token, _several(function.word))
        self.close(")", opened)
        self.leave()
        return History(
            start=function.start,
            end=self.taken_to,
            function=cast(HistoryFunction, function.word),
            event=event,
            path=path,
            event2=event2,
            where=where,
            window=window,
            spans=spans,
        )

    def _event(self, function: Token) -> tuple[str, str, tuple[int, int]]:
        token = self.token
        example = _EXAMPLE.format(function.text, ".total" if function.word in ("sum", "avg", "min", "max") else "")
        if token.kind == "name" and token.word in ROOTS and self.ahead(1).text == ".":
            if function.word in ("min", "max"):
                example = f"of several values take {'least' if function.word == 'min' else 'greatest'}(...)"
            self.fail("E016", f"{function.text}() looks at events of the past, not at a value", token, example)
        if token.kind == "text":
            self.take()
            path = self.dotted_path()
            return text_of(token.text), path, (token.start, self.taken_to)
        if token.kind != "name" or token.word in RESERVED:
            self.fail("E016", f"{function.text}() needs the name of an event", token, example)
        self.take()
        self._no_blanks(token)
        path = self.dotted_path()
        return token.text, path, (token.start, self.taken_to)

    def _no_blanks(self, first: Token) -> None:
        """Say that a name with blanks is quoted, where a word follows a word."""
        end = 0
        while self.ahead(end).kind == "name" and self.ahead(end).word not in RESERVED:
            end += 1
        if end:
            name = self.source.text[first.start : self.ahead(end - 1).end]
            cure = f"put a name with blanks in quotes: '{name}'"
            self.fail("E016", f"did not expect '{self.token.text}' after the event", self.token, cure)

    def dotted_path(self) -> str:
        """`.total`, `.products.category` or nothing, without the leading dot."""
        parts: list[str] = []
        while self.take_sign("."):
            if self.token.kind != "name":
                self.unexpected("a name")
            parts.append(self.take().text)
        return ".".join(parts)

    def _where(self) -> Node:
        outer, self.in_row = self.in_row, True
        condition = self.condition()
        self.in_row = outer
        return condition

    def at_window(self) -> bool:
        """Whether a window begins here, and not a test that begins with the same word."""
        if self.at_word("since", "this"):
            return True
        after = self.ahead(1)
        if self.at_word("in"):
            return after.kind == "name" and after.word in ("last", "the", "past", "next")
        if not self.at_word("between"):
            return False
        ago = self.ahead(4)
        in_full = after.kind == "duration" and self.ahead(3).kind == "duration" and ago.word == "ago"
        return in_full or not self.in_row

    def _window(self) -> Window:
        word = self.take()
        if word.word == "in":
            return self._last()
        if word.word == "between":
            return self._between()
        if word.word == "since":
            return self._since()
        if not self.at_word(*UNITS_OF_CALENDAR):
            self.fail(
                "E014",
                f"'this {self.token.text}' is no window",
                self.token,
                "write this day, week, month, quarter or year",
            )
        unit = cast(Literal["day", "week", "month", "quarter", "year"], self.take().word)
        return Window(form="this", unit=unit)

    def _last(self) -> Window:
        if not self.take_word("last"):
            self.fail("E014", f"did not expect '{self.token.text}' after 'in'", self.token, "write 'in last 30d'")
        length = self.token
        if length.kind == "duration":
            self.take()
            return Window(form="last", near=self._positive(length))
        if length.kind != "number":
            self.fail("E014", "'in last' needs a duration", length, "write 'in last 30d' or 'in last 30 calendar days'")
        self.take()
        if not self.take_word("calendar"):
            cure = f"write 'in last {length.text}d', or 'in last {length.text} calendar days' for whole days"
            self.fail("E014", "'in last' needs a duration", length, cure)
        self.need_word("days", "day")
        if "." in length.text or not 1 <= int(length.text) <= MAX_CALENDAR_DAYS:
            self.fail("E014", f"{length.text} is no number of calendar days", length, "write a whole number from 1 on")
        return Window(form="calendar_days", count=int(length.text))

    def _between(self) -> Window:
        bounds: list[int] = []
        first = self.token
        for _ in range(2):
            if self.token.kind != "duration":
                self.fail("E014", "this window needs two durations", self.token, "write 'between 60d and 30d ago'")
            bounds.append(duration_of(self.take().text))
            if len(bounds) == 1:
                self.need_word("and")
        if not self.take_word("ago"):
            self.fail("E014", "this window ends with 'ago'", self.token, "write 'between 60d and 30d ago'")
        if bounds[0] == bounds[1]:
            self.fail("E014", "this window is empty", first, "the two durations differ", to=self.taken_to)
        return Window(form="between", near=min(bounds), far=max(bounds))

    def _since(self) -> Window:
        if self.take_word("start"):
            return Window(form="start")
        token = self.token
        if token.kind not in ("date", "text"):
            cure = "write 'since 2026-01-31' or 'since start' (of the run)"
            self.fail("E015", "'since' needs a date", token, cure)
        text = text_of(token.text) if token.kind == "text" else token.text
        try:
            at = date.fromisoformat(text)
        except ValueError:
            self.fail("E015", f"'{text}' is no date", token, "write year-month-day: 2026-01-31")
        self.take()
        return Window(form="since", at=at.isoformat())

    def _positive(self, token: Token) -> int:
        length = duration_of(token.text)
        if length <= 0:
            self.fail("E014", "this window is empty", token, "write a duration above zero")
        return length

    def no_window_outside(self, word: Token, *, to: int = 0) -> NoReturn:
        """Say that a window stands inside the brackets of what it belongs to."""
        cure = "write it inside: count(order_completed in last 30d)"
        self.fail("E014", "a window stands inside the brackets", word, cure, to=to)


def _several(function: str) -> str:
    if function in ("min", "max"):
        return f"of several values take {'least' if function == 'min' else 'greatest'}(...)"
    return "add the counts of several events: count(a) + count(b)"
