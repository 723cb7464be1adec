"""Fields of customers, events and rows of history as typed values."""

from __future__ import annotations

from sqlalchemy import case, false, true

from retain.language.evaluation.values import literal, read, type_of, typed
from retain.language.sql.base import Base
from retain.language.sql.operand import NotInSqlError, Operand, constant
from retain.language.sql.source import Sql
from retain.language.syntax import ast
from retain.language.types import Type
from retain.model import Json


class FieldReading(Base):
    """Reads stored and given fields."""

    def literal(self, node: ast.Literal_) -> Operand:
        """A value as written; a local instant is another one in each zone."""
        if isinstance(node.value, str) and type_of(node).kind == "instant":
            return self.zones.local(("literal", node.value), lambda zone: literal(node, zone))
        return constant(literal(node, self.setting.zone))

    def document_of(self, node: ast.Field | ast.RowField) -> Sql | None:
        """The JSON that a field stands in; None where it is given and not stored."""
        if isinstance(node, ast.RowField):
            return self.row
        return self.customer if node.root == "customer" else None

    def field(self, node: ast.Field | ast.RowField) -> Operand:
        """A field as its declared type."""
        doc = self.document_of(node)
        if doc is None:
            assert isinstance(node, ast.Field)
            return self.given(node)
        return self.stored(doc, node.path, type_of(node))

    def stored(self, doc: Sql, path: str, type_: Type) -> Operand:
        """A value in a document as its declared type."""
        match type_.kind:
            case "bool":
                flag = self.dialect.flag
                return Operand(case((flag(doc, path, True), true()), (flag(doc, path, False), false())))
            case "int" | "duration" | "number":
                return self.dialect.number(doc, path, integer=type_.kind != "number")
            case "money":
                return self.dialect.money(doc, path, type_.scale)
            case "text":
                return self.dialect.text(doc, path)
            case "date":
                return self.dialect.day(doc, path)
            case "instant":
                return self.dialect.instant(doc, path)
            case _:
                raise NotInSqlError

    def given(self, node: ast.Field) -> Operand:
        """A field of the event, of steps or of the trigger: the same for all customers but for their zone."""
        raw = read(self.setting.root(node.root), node.path)
        type_ = type_of(node)
        if type_.kind != "instant" or type(raw) is int:
            return constant(raw if node.root == "trigger" and type(raw) is int else self.given_value(raw, type_))
        return self.zones.local(("given", raw), lambda zone: typed(raw, type_, zone))

    def given_value(self, raw: Json, type_: Type) -> Json:
        """A given value as its declared type."""
        return typed(raw, type_, self.setting.zone)

    def has_member(self, node: ast.Node, item: Sql) -> Sql:
        """Whether a set holds a present value; never NULL for sets that are given, else NULL is no."""
        match node:
            case ast.Field() | ast.RowField():
                doc = self.document_of(node)
                text = type_of(node).kind == "text_set"
                if doc is not None:
                    return self.dialect.has_member(doc, node.path, item, text=text)
                assert isinstance(node, ast.Field)
                members = sorted(self.given_value(read(self.setting.root(node.root), node.path), type_of(node)))
                return item.in_(members) if members else false()
            case ast.Case(whens=whens, otherwise=otherwise):
                cases = [(self.exact_test(when, True), self.has_member(value, item)) for when, value in whens]
                return case(*cases, else_=false() if otherwise is None else self.has_member(otherwise, item))
            case ast.Call(function="default", args=args):
                return self.has_member(args[0], item)
            case ast.Expanded(body=body):
                return self.has_member(body, item)
            case ast.MetricRef(body=ast.Node() as body):
                return self.has_member(body, item)
            case ast.History():
                return self.history_member(node, item)
            case _:
                raise NotInSqlError

    def history_member(self, node: ast.History, item: Sql) -> Sql:
        """Whether the set in the first or last event holds a value."""
        raise NotInSqlError
