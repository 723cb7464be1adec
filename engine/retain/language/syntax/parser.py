"""Text to tree: `parse` reads one condition or value of the language, and nothing else.

Recursive descent over a bounded text: 8,192 characters, 32 levels, 512 nodes. What names mean is the checker's matter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.language.syntax.cursor import bound
from retain.language.syntax.lexer import Token, text_of
from retain.language.syntax.parser_history import HistoryParser
from retain.language.syntax.parser_values import list_of_literals, literal, plain_argument, signed_number
from retain.language.syntax.source import Source
from retain.language.syntax.words import (
    AFTER_VALUE,
    COMPARISONS,
    FOREIGN_VALUES,
    HISTORY_FUNCTIONS,
    RESERVED,
    ROOTS,
    SCALAR_FUNCTIONS,
)


def parse(source: Source) -> Node:
    """The tree of a text, unchecked.

    Raises:
        ConditionError: the text is not of the language; its problem says where and what to write instead.
    """
    parser = Parser(source)
    node = parser.condition()
    parser.finish()
    bound(node, source)
    return node


class Parser(HistoryParser):
    """One reading of one text."""

    def finish(self) -> None:
        """Nothing may follow."""
        if self.token.kind == "end":
            return
        if self.at_window():
            self.no_window_outside(self.token)
        if self.at_sign(","):
            self.fail("E011", "did not expect ',' here", self.token, "join conditions with 'and' or 'or'")
        self.unexpected(*AFTER_VALUE)

    def condition(self) -> Node:
        """`a or b`, one level deeper."""
        self.enter(self.token)
        node = self._chain("or", lambda: self._chain("and", self._not, ast.And), ast.Or)
        self.leave()
        return node

    def _chain(self, word: str, part: Callable[[], Node], make: type[ast.And | ast.Or]) -> Node:
        start = self.token.start
        parts = [part()]
        while self.take_word(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else make(start=start, end=self.taken_to, parts=tuple(parts))

    def _not(self) -> Node:
        starts: list[int] = []
        while self.at_word("not"):
            self.enter(self.token)
            starts.append(self.take().start)
        node = self._test()
        for start in reversed(starts):
            node = ast.Not(start=start, end=self.taken_to, part=node)
            self.leave()
        return node

    def _test(self) -> Node:
        start = self.token.start
        left = self._sum()
        if self.at_sign(*COMPARISONS):
            return self._comparison(start, left)
        negated = self.at_word("not")
        if negated:
            self.take()
            if not self.at_word("in", "between", "contains", "starts", "ends"):
                self.unexpected("in", "between", "contains", "starts", "ends", cure="'not' stands before a whole test")
        node = self._word_test(start, left)
        if negated:
            return ast.Not(start=start, end=self.taken_to, part=node)
        return node

    def _comparison(self, start: int, left: Node) -> Node:
        sign = self.take().text
        right = self._sum()
        if self.at_sign(*COMPARISONS):
            cure = "write 'x between low and high', or join two comparisons with 'and'"
            self.fail("E013", "comparisons cannot be chained", self.token, cure)
        op = cast(ast.CompareOp, "==" if sign == "=" else sign)
        return ast.Compare(start=start, end=self.taken_to, op=op, left=left, right=right)

    def _word_test(self, start: int, left: Node) -> Node:
        word, after = self.token, self.ahead(1)
        if word.word == "in" and after.kind == "name" and after.word in ("last", "the", "past", "next"):
            if self.in_row:
                return left
            self.no_window_outside(word)
        if self.in_row and self.at_window():
            return left
        if self.take_word("in"):
            if self.at_word("segment"):
                self.fail("E011", "only a customer is in a segment", self.token, "write 'customer in segment NAME'")
            items = list_of_literals(self)
            return ast.In(start=start, end=self.taken_to, value=left, items=items)
        if self.take_word("between"):
            low = self._sum()
            self.need_word("and")
            high = self._sum()
            if self.at_word("ago"):
                self.no_window_outside(word, to=self.token.end)
            return ast.Between(start=start, end=self.taken_to, value=left, low=low, high=high)
        if self.take_word("contains"):
            return self._contains(start, left)
        if self.take_word("starts", "ends"):
            self.need_word("with")
            part = self._sum()
            op = "starts" if word.word == "starts" else "ends"
            return ast.TextTest(start=start, end=self.taken_to, op=op, value=left, part=part)  # type: ignore[arg-type]
        if self.take_word("is"):
            return self._missing(start, left)
        if self.take_word("changed"):
            if not isinstance(left, ast.Field):
                self.fail("E119", "only a field of the customer can have changed", word, "write customer.plan changed")
            return ast.Changed(start=start, end=self.taken_to, value=left)
        return left

    def _contains(self, start: int, left: Node) -> Node:
        mode = self.token.word if self.at_word("any", "all") else "one"
        if mode == "one":
            if self.at_sign("["):
                cure = "write 'contains any of [...]' or 'contains all of [...]'"
                self.fail("E012", "'contains' takes one value", self.token, cure)
            part = self._sum()
            return ast.Contains(start=start, end=self.taken_to, value=left, mode="one", items=(part,))
        self.take()
        self.take_word("of")
        items = list_of_literals(self)
        any_or_all = "any" if mode == "any" else "all"
        return ast.Contains(start=start, end=self.taken_to, value=left, mode=any_or_all, items=items)  # type: ignore[arg-type]

    def _missing(self, start: int, left: Node) -> Node:
        negated = self.take_word("not")
        if self.at_word("null", "none", "empty", "blank", "unknown", "set", "nil"):
            cure = "write 'is missing' or 'is present'"
            self.fail("E010", f"'is {self.token.text}' is not of this language", self.token, cure)
        if self.at_word("true", "false") or self.token.kind in ("number", "text"):
            self.fail("E010", "'is' asks only whether a value is missing", self.token, "compare values with '=='")
        word = self.token.word
        self.need_word("missing", "present")
        node = ast.Missing(start=start, end=self.taken_to, value=left)
        if negated != (word == "present"):
            return ast.Not(start=start, end=self.taken_to, part=node)
        return node

    def _sum(self) -> Node:
        return self._arithmetic(("+", "-"), lambda: self._arithmetic(("*", "/"), self._prim))

    def _arithmetic(self, signs: tuple[str, ...], part: Callable[[], Node]) -> Node:
        start = self.token.start
        left = part()
        while self.at_sign(*signs):
            op = cast(ast.ArithmeticOp, self.take().text)
            right = part()
            left = ast.Arithmetic(start=start, end=self.taken_to, op=op, left=left, right=right)
        return left

    def _prim(self) -> Node:
        token = self.token
        if self.at_sign("-"):
            if number := signed_number(self):
                return number
            self.enter(self.take())
            value = self._prim()
            self.leave()
            return ast.Negate(start=token.start, end=self.taken_to, value=value)
        if self.at_sign("("):
            self.take()
            node = self.condition()
            self.close(")", token)
            return node
        if found := literal(self):
            return found
        if token.kind != "name":
            if self.at_sign("["):
                self.fail("E012", "a list stands only after 'in' and 'contains any of'", token, "write 'x in [a, b]'")
            self.unexpected("a value")
        if token.word == "case":
            return self._case()
        if token.word in FOREIGN_VALUES and self.ahead(1).text not in ("(", "."):
            self.fail("E010", f"'{token.text}' is not of this language", token, FOREIGN_VALUES[token.word])
        if token.word in RESERVED:
            self.unexpected("a value")
        return self._named()

    def _case(self) -> Node:
        opened = self.take()
        self.enter(opened)
        if not self.at_word("when"):
            self.fail("E018", "'case' goes on with 'when'", self.token, "write 'case when C then V else W end'")
        whens: list[tuple[Node, Node]] = []
        while self.take_word("when"):
            test = self.condition()
            self.need_word("then")
            whens.append((test, self._sum()))
        otherwise = self._sum() if self.take_word("else") else None
        if not self.take_word("end"):
            if self.token.kind == "end":
                self.fail("E018", "this 'case' has no 'end'", opened, "write 'case when C then V else W end'")
            self.unexpected("when", "else", "end")
        self.leave()
        return ast.Case(start=opened.start, end=self.taken_to, whens=tuple(whens), otherwise=otherwise)

    def _named(self) -> Node:
        token = self.take()
        if self.at_sign("("):
            return self._call(token)
        if token.word == "customer" and (self.at_word("in") or (self.at_word("not") and self.ahead(1).word == "in")):
            return self._segment(token)
        path = self.dotted_path()
        if token.word in ROOTS and path:
            if token.word == "metrics":
                return ast.MetricRef(start=token.start, end=self.taken_to, name=path)
            return ast.Field(start=token.start, end=self.taken_to, root=cast(ast.Root, token.word), path=path)
        name = f"{token.text}.{path}" if path else token.text
        if self.in_row and token.word not in ROOTS:
            return ast.RowField(start=token.start, end=self.taken_to, path=name)
        return ast.Name(start=token.start, end=self.taken_to, name=name)

    def _segment(self, customer: Token) -> Node:
        negated = self.take_word("not")
        self.need_word("in")
        if not self.take_word("segment"):
            self.unexpected(
                "segment", cure="write 'customer in segment NAME', or name a field: customer.country in [DE]"
            )
        name = self.joined_name()
        text = text_of(name.text) if name.kind == "text" else name.text
        node = ast.InSegment(start=customer.start, end=self.taken_to, name=text)
        return ast.Not(start=customer.start, end=self.taken_to, part=node) if negated else node

    def _call(self, name: Token) -> Node:
        if name.word in HISTORY_FUNCTIONS and not (name.word == "days_since" and self._value_follows()):
            return self.history(name)
        opened = self.take()
        self.enter(opened)
        built_in = name.word in SCALAR_FUNCTIONS
        args: list[Node] = []
        while not self.at_sign(")"):
            args.append(self.condition() if built_in else plain_argument(self, name))
            if not self.take_sign(","):
                break
            if self.at_sign(")"):
                self.unexpected("a value")
        if self.at_window():
            self.fail("E014", "only a look at events has a window", self.token)
        self.close(")", opened)
        self.leave()
        if built_in:
            return ast.Call(start=name.start, end=self.taken_to, function=cast(ast.Call_, name.word), args=tuple(args))
        return ast.PluginCall(start=name.start, end=self.taken_to, function=name.text, args=tuple(args))

    def _value_follows(self) -> bool:
        """Whether the bracket holds a value and not the name of an event: `days_since(customer.created_at)`."""
        first, second = self.ahead(1), self.ahead(2)
        if first.kind == "name":
            return (first.word in ROOTS and second.text == ".") or second.text == "(" or first.word == "case"
        return first.kind == "date" or first.text == "("
