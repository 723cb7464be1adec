"""Calls: functions of values, looks at history, and functions of plugins."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace

from retain.errors import ConditionError, RetainError
from retain.language.checking.context import BOOL, INT, NUMBER, describe, may_be_missing, nearest
from retain.language.checking.functions import HISTORY, SCALAR
from retain.language.checking.operators import Operators
from retain.language.checking.values import TIMES
from retain.language.syntax import ast
from retain.language.syntax.ast import Literal_, Node
from retain.language.syntax.expansion import expand, wrong_argument
from retain.language.syntax.source import Source, TextSource
from retain.language.types import NUMERIC, ORDERED, SETS, Type
from retain.registry import Function

MAX_EXPANSION = 8
MAX_PLACES = 6


class Calls(Operators):
    """Types calls and puts expressions in place of plugin functions."""

    @abstractmethod
    def expanded(self, source: Source) -> tuple[Node, list[str]]:
        """The checked tree of a plugin function's text, and what is wrong with it."""

    def call(self, node: ast.Call) -> Node:
        """A function of values."""
        form = SCALAR[node.function]
        if not form.least <= len(node.args) <= form.most:
            self.report(
                "E114", f"{node.function}() does not take {len(node.args)} arguments", node, f"write {form.form}"
            )
            return replace(node, type=NUMBER if node.function == "known_days" else None)
        args = tuple(self.check(arg) for arg in node.args)
        if node.function == "known_days":
            self.needs_root("customer", node)
            return replace(node, type=NUMBER)
        if node.function in ("default", "least", "greatest"):
            return self._choice(node, args)
        if node.function in ("age", "days_since", "days_until"):
            return self._of_time(node, args[0])
        return self._of_number(node, args)

    def _choice(self, node: ast.Call, args: tuple[Node, ...]) -> Node:
        args, type_ = self.common(args)
        if type_ is not None and node.function != "default" and type_.kind not in ORDERED:
            self.report(
                "E108", f"{describe(type_)} has no order", node, f"{node.function}() compares numbers and dates"
            )
            type_ = None
        if type_ is not None and type_.kind not in SETS:
            missing = [may_be_missing(arg) for arg in args]
            type_ = type_.as_nullable(all(missing) if node.function == "default" else any(missing))
        return replace(node, args=args, type=type_)

    def _of_time(self, node: ast.Call, arg: Node) -> Node:
        if isinstance(arg, Literal_) and arg.type is not None and arg.type.kind == "text":
            arg = self.as_time(arg, date_only=False)
        if arg.type is None:
            return replace(node, args=(arg,))
        if arg.type.kind not in TIMES:
            cure = (
                f"{node.function}() counts from a date or an instant; declare the field with format date or date-time"
            )
            self.report("E114", f"{self.text(arg)} is {describe(arg.type)}, not a date", arg, cure)
        result = INT if node.function == "age" else NUMBER
        return replace(node, args=(arg,), type=result.as_nullable(may_be_missing(arg)))

    def _of_number(self, node: ast.Call, args: tuple[Node, ...]) -> Node:
        value, places = args[0], args[1] if len(args) > 1 else None
        if value.type is None or (places is not None and places.type is None):
            return replace(node, args=args)
        if value.type.kind not in NUMERIC:
            self.report("E114", f"{node.function}() takes a number; this is {describe(value.type)}", value)
            return replace(node, args=args)
        if node.function == "abs":
            return replace(node, args=args, type=value.type)
        is_places = isinstance(places, Literal_) and isinstance(places.value, int) and 0 <= places.value <= MAX_PLACES
        if places is not None and (not is_places or self.text(places) in ("true", "false")):
            self.report("E114", f"round() takes 0 to {MAX_PLACES} places", places, "write round(x, 2)")
        result = INT if places is None else value.type if value.type.kind != "int" else INT
        return replace(node, args=args, type=result.as_nullable(may_be_missing(value)))

    def history(self, node: ast.History) -> Node:
        """A look at the customer's past."""
        if self.row is not None:
            self.report(
                "E115",
                "inside 'where' the past cannot be asked again",
                node,
                "name it as a metric, and compare outside",
            )
            return replace(node, type=None)
        self.needs_root("customer", node)
        event = self.event(node.event, node.path, node.spans[0])
        event2 = self.event(node.event2, "", node.spans[1]) if node.event2 else ""
        node = replace(node, event=event, event2=event2)
        field_type = self._field_of(node)
        if node.where is not None:
            self.row = node
            node = replace(node, where=self.need_bool(node.where))
            self.row = None
            self._no_history_in(node.where)
        if node.window is not None and node.window.form == "start" and not self.env.has_start:
            cure = "'since start' counts from the start of a run; here there is none, so write 'in last 30d'"
            self.report("E127", "there is no run here that could have started", node, cure)
        return replace(node, field_type=field_type, type=self._history_type(node, field_type))

    def _no_history_in(self, where: Node | None) -> None:
        for part in _with_bodies(where) if where is not None else ():
            if any(isinstance(inner, ast.History) for inner in part.walk()):
                what = f"inside 'where' the past cannot be asked again, and {self.text(part)} does so"
                self.report("E115", what, part, "compare it outside of 'where'")

    def _field_of(self, node: ast.History) -> Type | None:
        form, span = HISTORY[node.function], node.spans[0]
        if form.field == "refused":
            if node.path:
                self._needless_field(node)
            return None
        if not node.path:
            fields = self.env.schema.events.get(node.event, {})
            example = next((path for path, type_ in fields.items() if type_.kind in NUMERIC), "total")
            cure = f"write {node.function}({node.event}.{example})"
            self.report_at("E113", f"{node.function}() needs a field of the event", span, cure)
            return None
        fields = self.env.schema.events.get(node.event, {})
        if node.event in self.env.schema.events and node.path not in fields:
            near = nearest(node.path, fields)
            cure = f"did you mean {node.event}.{near}?" if near else f"declare it in schemas/events/{node.event}.json"
            self.report_at("E102", f"{node.event} has no field {node.path}", span, cure)
        return fields.get(node.path)

    def _needless_field(self, node: ast.History) -> None:
        joined = f"{node.event}_{node.path.replace('.', '_')}"
        cure = f"write {node.function}({node.event}), or {node.function}({node.event} where {node.path} is present)"
        if joined in self.env.schema.events:
            cure = f"write {node.function}({joined})"
        self.report_at("E113", f"{node.function}() takes an event without a field", node.spans[0], cure)

    def _history_type(self, node: ast.History, of: Type | None) -> Type | None:
        if node.function in ("count", "distinct"):
            return INT
        if node.function == "exists":
            return BOOL
        if node.function in ("ratio", "days_since"):
            return NUMBER.as_nullable()
        if node.function in ("last_at", "first_at"):
            return Type("instant", nullable=True)
        if of is None:
            return None
        if of.kind == "opaque":
            self.report("E116", f"{node.event}.{node.path} is {describe(of)}", node, "name a field inside it")
            return None
        if node.function in ("last", "first"):
            return of if of.kind in SETS else of.as_nullable()
        if node.function in ("min", "max"):
            if of.kind not in ORDERED:
                self.report(
                    "E108", f"{describe(of)} has no order", node, f"{node.function}() compares numbers and dates"
                )
                return None
            return of.as_nullable()
        if of.kind not in NUMERIC:
            what = f"{node.function}() adds numbers; {node.event}.{node.path} is {describe(of)}"
            self.report("E109", what, node, "count events with count(), different values with distinct()")
            return None
        return NUMBER.as_nullable() if node.function == "avg" else of.as_nullable(False)

    def plugin_call(self, node: ast.PluginCall) -> Node:
        """A function that a plugin declares as an expression."""
        function = self.env.functions.get(node.function)
        name_span = (node.start, node.start + len(node.function))
        if function is None:
            near = nearest(node.function, [*HISTORY, *SCALAR, *self.env.functions])
            cure = (
                f"did you mean {near}()?" if near else f"known: {', '.join([*HISTORY, *SCALAR, *self.env.functions])}"
            )
            self.report_at("E104", f"there is no function {node.function}()", name_span, cure)
            return node
        if not self._arguments_fit(node, function):
            return node
        body = self._body(node, function)
        return (
            node
            if body is None
            else ast.Expanded(start=node.start, end=node.end, call=self.text(node), body=body, type=body.type)
        )

    def _arguments_fit(self, node: ast.PluginCall, function: Function) -> bool:
        form = f"write {function.name}({', '.join(function.parameters)})"
        if len(node.args) != len(function.parameters):
            self.report("E114", f"{function.name}() does not take {len(node.args)} arguments", node, form)
            return False
        wrong = [
            (wrong_argument(name, kind, arg), arg)
            for (name, kind), arg in zip(function.parameters.items(), node.args, strict=True)
        ]
        for what, arg in wrong:
            if what:
                self.report("E114", f"{function.name}(): {what}", arg, form)
        return not any(what for what, _ in wrong)

    def _body(self, node: ast.PluginCall, function: Function) -> Node | None:
        call = self.text(node)
        if self.depth >= MAX_EXPANSION:
            self.report("E126", f"{call} expands to more than {MAX_EXPANSION} functions within functions", node)
            return None
        kind = f"body {self.depth}"
        try:
            text = expand(function, node.args, [self.text(arg) for arg in node.args], self.env.named)
            known = self.env.remembered(kind, text)
            if known is not None:
                return known
            body, wrong = self.expanded(TextSource(text, f"function {function.name}"))
        except ConditionError as error:
            wrong = [f"{error.problem.message} (in its text, column {error.problem.place.column})"]
        except RetainError as error:
            self.report("E125", f"{call}: {error.what}", node, error.cure)
            return None
        if wrong:
            cure = f"plugin {function.plugin} declares it" if function.plugin else ""
            self.report("E125", f"{call} cannot be used here: {wrong[0]}", node, cure)
            return None
        self.env.remember(kind, text, body)
        return body


def _with_bodies(node: Node) -> Iterator[Node]:
    """The metrics, segments and functions that a text itself names, without those that they name."""
    if isinstance(node, ast.MetricRef | ast.InSegment | ast.Expanded):
        yield node
        return
    for child in node.children():
        yield from _with_bodies(child)
