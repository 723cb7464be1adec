"""What names mean: fields, metrics, segments and events, with the nearest known name where one is unknown."""

from __future__ import annotations

from dataclasses import replace

from retain.language.checking.context import BOOL, Context, nearest
from retain.language.environment import TRIGGER
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.language.syntax.words import ROOTS
from retain.language.types import Type
from retain.model import slug

_NOT_HERE = {
    "customer": "there is no customer here",
    "event": "there is no event here",
    "steps": "there are no steps here",
    "trigger": "there is no trigger here",
    "metrics": "metrics cannot be used here",
}
_CURES = {
    "customer": "give the schedule 'each:', so that every member of a segment gets a run of its own",
    "event": "only a rule that starts on an event has one; ask the past with e.g. last(order_completed.total)",
    "steps": "results of steps can be used in the steps after them",
    "trigger": "the trigger can be used in conditions and steps of a rule",
    "metrics": "use the expression itself",
}


class Names(Context):
    """Gives names their types."""

    def needs_root(self, root: str, node: Node) -> bool:
        """Whether a root may be used here; a problem where it may not."""
        if root in self.env.roots and (root != "event" or self.has_event):
            return True
        self.report("E103", f"{_NOT_HERE[root]}, so {self.text(node)} means nothing", node, _CURES[root])
        return False

    def field(self, node: ast.Field) -> Node:
        """`customer.country`, `event.total`, `steps.coupon.code`, `trigger.kind`."""
        if not self.needs_root(node.root, node):
            return node
        if node.root == "event":
            return replace(node, type=self._event_field(node))
        if node.root == "steps":
            return replace(node, type=self._step_field(node))
        known = self.env.schema.customer if node.root == "customer" else TRIGGER
        if node.path not in known:
            self._unknown_field(node)
        return replace(node, type=known.get(node.path))

    def _event_field(self, node: ast.Field) -> Type | None:
        schema = self.env.schema.events
        declared = [name for name in self.event_names if name in schema]
        types = {name: schema[name][node.path] for name in declared if node.path in schema[name]}
        if not types:
            if declared:
                self._unknown_field(node)
            return None
        without = [name for name in declared if name not in types]
        if without or "" in (self.env.events or ()):
            what = f"{without[0]} has no field {node.path}" if without else "one trigger of this rule is no event"
            cure = "every trigger of a rule must have what the rule uses; write one rule for each, or leave it out"
            self.report("E105", f"{what}, so {self.text(node)} is not always there", node, cure)
            return None
        first = next(iter(types.values()))
        for name, type_ in types.items():
            if (type_.kind, type_.scale) != (first.kind, first.scale):
                cure = "declare both with one type, or write one rule for each event"
                what = f"{self.text(node)} has one type in {declared[0]} and another in {name}"
                self.report("E105", what, node, cure)
                return None
        enums = [type_.enum for type_ in types.values()]
        merged = tuple(dict.fromkeys(value for enum in enums for value in enum)) if all(enums) else ()
        return replace(first, nullable=any(type_.nullable for type_ in types.values()), enum=merged)

    def _step_field(self, node: ast.Field) -> Type | None:
        step, _, path = node.path.partition(".")
        outputs = self.env.steps.get(step)
        if outputs is None:
            near = nearest(step, self.env.steps)
            cure = f"did you mean steps.{near}?" if near else "give the step an 'id' and use it in a step after it"
            self.report("E102", f"no earlier step is called '{step}'", node, cure)
            return None
        if path not in outputs:
            near = nearest(path, outputs)
            known = ", ".join(sorted(outputs)) or "nothing"
            cure = f"did you mean steps.{step}.{near}?" if near else f"the step gives: {known}"
            self.report("E102", f"the step '{step}' does not give '{path}'", node, cure)
        return outputs.get(path)

    def _unknown_field(self, node: ast.Field) -> None:
        written = self.text(node)
        events = self.event_names
        place = {
            "customer": "declare it in schemas/customer.json",
            "event": f"declare it in schemas/events/{events[0] if events else 'NAME'}.json",
        }.get(node.root, f"known: {', '.join(f'trigger.{name}' for name in TRIGGER)}")
        near = self.suggestion(node.root, node.path)
        cure = f"did you mean {near}? else {place}" if near and node.root != "trigger" else place
        self.report("E102", f"unknown field {written}", node, cure)

    def suggestion(self, root: str, path: str) -> str:
        """The known field that was probably meant: the same name under another root, else the nearest one."""
        fields = self.fields()
        tail = path.rsplit(".", 1)[-1].lower()
        for known in fields:
            if known.partition(".")[2].lower() == path.lower():
                return known
        near = nearest(path, (known.partition(".")[2] for known in fields if known.startswith(f"{root}.")))
        if near:
            return f"{root}.{near}"
        return next((known for known in fields if known.rsplit(".", 1)[-1].lower() == tail), "")

    def fields(self) -> list[str]:
        """Every field that may be written here, with its root."""
        known: list[str] = []
        if "customer" in self.env.roots:
            known += [f"customer.{path}" for path in self.env.schema.customer]
        if self.has_event:
            found = [self.env.schema.events.get(name, {}) for name in self.event_names]
            known += [f"event.{path}" for path in found[0] if all(path in fields for fields in found)]
        if "metrics" in self.env.roots:
            known += [f"metrics.{name}" for name in self.env.metrics]
        return known

    def row_field(self, node: ast.RowField) -> Node:
        """A bare name inside `where`."""
        assert self.row is not None, "the parser makes these inside where only"
        fields = self.env.schema.events.get(self.row.event)
        if fields is None:
            return node
        if node.path not in fields:
            near = nearest(node.path, fields)
            quotes = f"a text is written in quotes: '{node.path}'"
            cure = f"did you mean {near}? {quotes}" if near else quotes
            self.report("E102", f"{self.row.event} has no field {node.path}", node, cure)
        return replace(node, type=fields.get(node.path))

    def name(self, node: ast.Name) -> Node:
        """A bare name where none belongs."""
        head, _, tail = node.name.partition(".")
        near = next((known for known in self.fields() if known.partition(".")[2] == node.name), "")
        if node.name.lower() in ROOTS:
            cure = f"name a field of it, e.g. {node.name.lower()}.{'email' if node.name == 'customer' else 'name'}"
        elif near:
            cure = f"did you mean {near}? a text is written in quotes: '{node.name}'"
        elif tail and slug(head) in self.env.schema.events:
            cure = f"the past is asked with a function: last({node.name}), count({head} where {tail} == ...)"
        else:
            cure = f"a text is written in quotes: '{node.name}'; a field begins with customer. or event."
        self.report("E106", f"{node.name} stands alone", node, cure)
        return node

    def metric(self, node: ast.MetricRef) -> Node:
        """`metrics.NAME`."""
        if not self.needs_root("metrics", node):
            return node
        body = self.env.metrics.get(node.name)
        if body is None:
            near = nearest(node.name, self.env.metrics)
            cure = f"did you mean metrics.{near}?" if near else "define it under 'metrics:' in a rule file"
            self.report("E118", f"there is no metric {node.name}", node, cure)
            return node
        return replace(node, body=body, type=body.type)

    def segment(self, node: ast.InSegment) -> Node:
        """`customer in segment NAME`."""
        checked = replace(node, type=BOOL)
        if not self.needs_root("customer", node):
            return checked
        body = self.env.segments.get(node.name)
        if body is None:
            near = nearest(node.name, self.env.segments)
            cure = f"did you mean {near}?" if near else "define it under 'segments:' in a rule file"
            begin = node.end - len(node.name) if self.text(node).endswith(node.name) else node.start
            self.report_at("E117", f"there is no segment {node.name}", (begin, node.end), cure)
        return replace(checked, body=body)

    def event(self, written: str, path: str, span: tuple[int, int]) -> str:
        """The one form of an event's name; a problem where no such event is declared."""
        name = slug(written)
        is_dotted = slug(f"{written}.{path}") in self.env.schema.events
        if name not in self.env.schema.events and not is_dotted:
            near = nearest(name, self.env.schema.events)
            cure = f"did you mean {near}? else " if near else ""
            cure += f"declare it in schemas/events/{name or 'NAME'}.json"
            self.report_at("E112", f"unknown event {written}", span, cure)
        return name
