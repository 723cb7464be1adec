"""Tests: whether a condition is true, and whether it is false, each as one SQL test in which NULL is no."""

from __future__ import annotations

from sqlalchemy import and_, false, or_, true
from sqlalchemy import not_ as sql_not

from retain.language.evaluation.interpreter import is_changed, root_fields
from retain.language.evaluation.values import common_type, read, type_of
from retain.language.scope import History, Scope
from retain.language.sql.operand import NotInSqlError, Operand, bound, compared
from retain.language.sql.source import Sql
from retain.language.sql.spans import money_spans, number_spans
from retain.language.sql.values import Values, either
from retain.language.syntax import ast
from retain.language.syntax.ast import CompareOp, Node
from retain.language.types import Type
from retain.model import Json

_OPPOSITE: dict[CompareOp, CompareOp] = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_MIRROR: dict[CompareOp, CompareOp] = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_SIGNS: dict[CompareOp, str] = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_DOUBLES = ("int", "number", "money", "duration")


class Logic(Values):
    """Translates conditions."""

    def test(self, node: Node, want: bool) -> Sql:
        """Whether a condition is true, or false; NULL is no.

        Where the database cannot tell: nowhere while `sure` is set, else everywhere.
        """
        try:
            return self._test(node, want)
        except NotInSqlError:
            return self._unsure()

    def _unsure(self) -> Sql:
        self.is_exact = False
        return false() if self.sure else true()

    def _test(self, node: Node, want: bool) -> Sql:
        match node:
            case ast.And(parts=parts) | ast.Or(parts=parts):
                together = and_ if isinstance(node, ast.And) is want else or_
                return together(*(self.test(part, want) for part in parts))
            case ast.Not(part=part):
                return self.test(part, not want)
            case ast.MetricRef(body=Node() as body) | ast.Expanded(body=body):
                return self.test(body, want)
            case ast.InSegment(body=Node() as body):
                return self.test(body, True) if want else self._is_not(body, True)
            case ast.Compare():
                return self.compare(node.op if want else _OPPOSITE[node.op], node.left, node.right)
            case ast.In():
                return self._in(node, want)
            case ast.Between():
                return self._between(node, want)
            case ast.Contains():
                return self._contains(node, want)
            case ast.TextTest():
                return self._text_test(node, want)
            case ast.Missing(value=value):
                return self._missing(value) if want else self._present(value)
            case ast.Changed():
                return _known(is_changed(node, self._scope()), want)
            case ast.Field(root="customer") | ast.RowField():
                doc = self.document_of(node)
                assert doc is not None
                return self.dialect.flag(doc, node.path, want)
            case ast.History(function="exists"):
                return self.exists(node, want)
            case _:
                operand = self.operand(node)
                if operand.is_constant:
                    return _known(operand.constant, want)
                return operand.whole() if want else sql_not(operand.whole())

    def exists(self, node: ast.History, want: bool) -> Sql:
        """Whether there is such an event, or none."""
        raise NotInSqlError

    def _is_not(self, node: Node, verdict: bool) -> Sql:
        """Whether a condition is anything but this verdict."""
        with self.flipped():
            found = self.test(node, verdict)
        return found.is_not(true())

    def _scope(self) -> Scope:
        setting = self.setting
        return Scope(setting.now, {}, History(), 0, setting.event, setting.steps, setting.trigger, setting.changed)

    def compare(self, op: CompareOp, left: Node, right: Node) -> Sql:
        """Whether a comparison of two values holds; both must be present."""
        type_ = common_type(type_of(left), type_of(right))
        first, second = self.as_type(left, type_), self.as_type(right, type_)
        return self._compare(op, (left, first), (right, second), type_)

    def _compare(self, op: CompareOp, left: tuple[Node, Operand], right: tuple[Node, Operand], type_: Type) -> Sql:
        (node, first), (_, second) = left, right
        if first.is_constant and not second.is_constant:
            return self._compare(_MIRROR[op], right, left, type_)
        if second.is_constant:
            if second.constant is None:
                return false()
            doc = self._document_under(node)
            if doc is not None and type_.kind in _DOUBLES and type_of(node).kind in _DOUBLES:
                return self._spans(op, node, doc, type_, second.constant)
        if not (first.is_exact and second.is_exact):
            return self._by_bounds(op, first, second)
        return self._guarded(compared(first.value, _SIGNS[op], second.value), *first.guards, *second.guards)

    def _guarded(self, test: Sql, *guards: Sql) -> Sql:
        self.late += guards
        return and_(test, *guards)

    def _document_under(self, node: Node) -> Sql | None:
        return self.document_of(node) if isinstance(node, ast.Field | ast.RowField) else None

    def _spans(self, op: CompareOp, node: Node, doc: Sql, type_: Type, value: Json) -> Sql:
        """A comparison of a stored number with a constant, as spans of doubles, so that an index can answer it."""
        assert isinstance(node, ast.Field | ast.RowField)
        own, spans = type_of(node), None
        if own == type_.as_nullable(own.nullable) and own.kind == "money":
            spans = money_spans(op, value, own.scale)
        elif own.kind != "money" and type_.kind != "money":
            spans = number_spans(op, value)
        if spans is None:
            operand = self.as_type(node, type_)
            return self._guarded(compared(operand.value, _SIGNS[op], bound(value)), *operand.guards)
        found = or_(*(self.dialect.in_range(doc, node.path, low, high) for low, high in spans))
        guards = (self.dialect.is_integer(doc, node.path),) if own.kind in ("int", "duration") else ()
        return self._guarded(found, *guards)

    def _by_bounds(self, op: CompareOp, left: Operand, right: Operand) -> Sql:
        """A comparison of values of which only bounds are known."""
        self.is_exact = False
        if op in (">", ">="):
            return self._by_bounds(_MIRROR[op], right, left)
        if op in ("<", "<="):
            low, high = (left.upper, right.value) if self.sure else (left.value, right.upper)
            holds = compared(low, _SIGNS[op], high)
        else:
            holds = self._equality(op, left, right)
        return self._with_doubt(and_(holds, *left.guards, *right.guards), either(left.doubt, right.doubt))

    def _equality(self, op: CompareOp, left: Operand, right: Operand) -> Sql:
        overlap = and_(compared(left.value, "<=", right.upper), compared(right.value, "<=", left.upper))
        exact = and_(compared(left.value, "=", right.upper), compared(right.value, "=", left.upper))
        if op == "==":
            return exact if self.sure else overlap
        return sql_not(overlap) if self.sure else sql_not(exact)

    def _with_doubt(self, holds: Sql, doubt: Sql | None) -> Sql:
        if doubt is None:
            return holds
        return and_(holds, sql_not(doubt)) if self.sure else or_(holds, doubt)

    def _in(self, node: ast.In, want: bool) -> Sql:
        op: CompareOp = "==" if want else "!="
        if type_of(node.value).kind == "text":
            operand = self.operand(node.value)
            items = [item.value for item in node.items]
            if operand.is_constant:
                value = operand.constant
                return false() if value is None else _known(value in items, want)
            member = operand.value.in_(items) if want else operand.value.not_in(items)
            return self._guarded(member, *operand.guards)
        return (or_ if want else and_)(*(self._quietly(op, node.value, item) for item in node.items))

    def _quietly(self, op: CompareOp, left: Node, right: Node) -> Sql:
        try:
            return self.compare(op, left, right)
        except NotInSqlError:
            return self._unsure()

    def _between(self, node: ast.Between, want: bool) -> Sql:
        low = self._quietly(">=" if want else "<", node.value, node.low)
        high = self._quietly("<=" if want else ">", node.value, node.high)
        return and_(low, high) if want else or_(low, high)

    def _contains(self, node: ast.Contains, want: bool) -> Sql:
        items = [self._has(node.value, self.operand(item), want) for item in node.items]
        return (or_ if (node.mode == "any") is want else and_)(*items)

    def _has(self, set_: Node, item: Operand, want: bool) -> Sql:
        if item.is_constant and item.constant is None:
            return false()
        present = () if item.is_constant else (item.whole().is_not(None),)
        member = self.has_member(set_, item.whole())
        return and_(*present, member if want else member.is_not(true()))

    def _text_test(self, node: ast.TextTest, want: bool) -> Sql:
        value, part = self.operand(node.value), self.operand(node.part)
        if (value.is_constant and value.constant is None) or (part.is_constant and part.constant is None):
            return false()
        test = self.dialect.starts if node.op == "starts" else self.dialect.ends
        found = test(value.value, part.value)
        return and_(found if want else sql_not(found), *value.guards, *part.guards)

    def _missing(self, value: Node) -> Sql:
        if type_of(value).kind == "bool":
            return and_(self._is_not(value, True), self._is_not(value, False))
        with self.flipped():
            present = self._quiet_present(value)
        return present.is_not(true())

    def _quiet_present(self, value: Node) -> Sql:
        try:
            return self._present(value)
        except NotInSqlError:
            return self._unsure()

    def _present(self, value: Node) -> Sql:
        type_ = type_of(value)
        if type_.kind == "bool":
            return or_(self.test(value, True), self.test(value, False))
        if type_.kind == "opaque" and isinstance(value, ast.Field | ast.RowField):
            return self._opaque(value)
        operand = self.operand(value)
        if operand.is_constant:
            return _known(operand.constant is not None, True)
        if operand.doubt is not None:
            self.is_exact = False
        return self._with_doubt(and_(operand.value.is_not(None), *operand.guards), operand.doubt)

    def _opaque(self, field: ast.Field | ast.RowField) -> Sql:
        doc = self.document_of(field)
        if doc is not None:
            return self.dialect.is_present(doc, field.path)
        assert isinstance(field, ast.Field)
        return _known(read(root_fields(field.root, self._scope()), field.path) is not None, True)


def _known(value: Json, want: bool) -> Sql:
    return true() if value is want else false()
