"""The core's steps that hold no others: `wait`, `set`, `emit` and `stop`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from retain.errors import did_you_mean
from retain.instants import parse_duration
from retain.language.documents.nodes import MapNode, Node, Scalar
from retain.language.documents.shapes import misfit, read_duration, read_keys, read_text
from retain.language.environment import Environment
from retain.language.load.context import EACH_CURE, Draft, StepText, known_event
from retain.language.load.messages import declares
from retain.language.load.values import value_problems
from retain.language.rules import EmitStep, SetStep, StopStep, WaitStep
from retain.language.template import Insert, Template, Text, read_template
from retain.language.time.schedules import parse_until
from retain.language.types import Type
from retain.model import Json, Problem

_UNTIL_KINDS = ("instant", "date", "text")


def read_wait(text: StepText, env: Environment, draft: Draft) -> WaitStep | None:
    """`wait: 1h`, `wait: {for: 4h, clock: office}` or `wait: {until: "tomorrow 09:00"}`.

    `until` and `clock` may stand beside `wait` as well as in its map.
    """
    node, value, key = text.node, text.value, text.key
    parts: dict[str, Node] = {name: node.entries[name] for name in ("until", "clock") if name in node.entries}
    if isinstance(value, MapNode):
        read_keys(value, ("for", "until", "clock"), "wait", draft.problems)
        parts |= value.entries
    elif not (isinstance(value, Scalar) and value.value is None):
        parts["for"] = value
    if not text.id:
        draft.waits_without_id.append(key)
    clock = read_clock(parts.get("clock"), draft)
    if ("for" in parts) == ("until" in parts):
        what = "a wait has both a duration and 'until'" if "for" in parts else "a wait needs a duration or 'until'"
        draft.problems.append(key.complain("E219", what, 'write wait: 1h, or wait: {until: "tomorrow 09:00"}'))
        return None
    if clock and "until" in parts:
        draft.problems.append(
            parts["clock"].complain("E219", "'clock' does not go with 'until'", "it counts a duration")
        )
    duration = _read_duration(parts["for"], env, draft) if "for" in parts else None
    until = _read_until(parts["until"], env, draft) if "until" in parts else None
    return WaitStep(path=text.path, id=text.id, place=node.place, duration=duration, until=until, clock=clock)


def read_clock(node: Node | None, draft: Draft) -> str:
    """The name of a calendar."""
    name = read_text(node, "clock", draft.problems)
    if name and node is not None:
        known = draft.names.calendar_sources
        if name not in known:
            cure = did_you_mean(name, known) or "define it under calendars: in a rule file"
            draft.problems.append(node.complain("E403", f"no calendar is called {name!r}", cure))
        draft.mention(f"calendar {name}")
    return name


def _read_duration(node: Node, env: Environment, draft: Draft) -> Template:
    """A duration as a template that renders to milliseconds."""
    if not isinstance(node, Scalar) or "{{" not in node.text:
        return Template(read_duration(node, "wait", draft.problems))
    found: list[Problem] = []
    template = read_template(node, env, found, in_millis=True)
    draft.keep(found, node.text)
    shape = template.shape
    if isinstance(shape, Text) or (isinstance(shape, Insert) and shape.expression and shape.type.kind != "duration"):
        cure = "write one such as 4h, or a function that gives one"
        draft.problems.append(node.complain("E308", "wait must be a duration", cure))
    return template


def _read_until(node: Node, env: Environment, draft: Draft) -> Template:
    found: list[Problem] = []
    template = read_template(node, env, found)
    draft.keep(found, getattr(node, "text", ""))
    shape = template.shape
    if isinstance(shape, Insert):
        if shape.expression and shape.type.kind not in _UNTIL_KINDS:
            draft.problems.append(node.complain("E308", "until must be an instant, a date or a text"))
    elif isinstance(shape, str):
        try:
            parse_until(shape)
        except ValueError as error:
            what, _, cure = str(error).partition("; ")
            if parse_duration(shape) is not None:
                cure = f"a duration is written wait: {shape}"
            draft.problems.append(node.complain("E311", what, cure))
    elif not isinstance(shape, Text):
        draft.problems.append(misfit(node, "a time such as tomorrow 09:00", "until"))
    return template


def read_set(text: StepText, env: Environment, draft: Draft) -> SetStep | None:
    """`set: {field: value}`; null takes a value away."""
    node = text.value
    if not isinstance(node, MapNode) or not node.entries:
        draft.problems.append(misfit(node, "a map of customer fields", "set", "write set: {stage: 2}"))
        return None
    if not draft.has_customer:
        what = "set changes a customer, and this schedule has none"
        draft.problems.append(node.complain("E315", what, EACH_CURE))
    template = _read_data(node, env, draft)
    known = draft.names.schema.customer
    for name, value in node.entries.items():
        if not declares(known, name.removeprefix("customer.")) or name.startswith("customer."):
            cure = (
                f"write {name.removeprefix('customer.')}" if name.startswith("customer.") else did_you_mean(name, known)
            )
            what = f"no customer field is called {name!r}"
            draft.problems.append(node.keys[name].complain("E102", what, cure or "declare it in schemas/customer.json"))
        elif name in known and isinstance(template.shape, Mapping):
            validator = draft.names.validator_of_type(known[name])
            part = Template(template.shape[name])
            draft.problems.extend(value_problems(value, part, validator, name, node.keys[name]))
    return SetStep(path=text.path, id=text.id, place=text.node.place, fields=template)


def read_emit(text: StepText, env: Environment, draft: Draft) -> EmitStep | None:
    """`emit: NAME`, or `emit: {event: NAME, data: {...}}`."""
    node = text.value
    event_node: Node | None = node
    data_node: Node | None = None
    if isinstance(node, MapNode):
        read_keys(node, ("event", "data"), "emit", draft.problems, required=("event",))
        event_node, data_node = node.get("event"), node.get("data")
    if not draft.has_customer:
        what = "emit makes an event of a customer, and this schedule has none"
        draft.problems.append(node.complain("E315", what, EACH_CURE))
    event = known_event(event_node, draft.names, draft.problems) if event_node is not None else ""
    data = _read_event_data(data_node, event, env, draft)
    return EmitStep(path=text.path, id=text.id, place=text.node.place, event=event, data=data) if event else None


def _read_event_data(node: Node | None, event: str, env: Environment, draft: Draft) -> Template:
    """The fields of a new event, in the types that it declares; it may have others."""
    if node is None:
        return Template({})
    if not isinstance(node, MapNode):
        draft.problems.append(misfit(node, "a map", "data"))
        return Template({})
    data = _read_data(node, env, draft)
    known = draft.names.schema.events.get(event, {})
    draft.problems.extend(_field_problems(node, data.shape, known, draft))
    return data


def _field_problems(
    node: MapNode, shape: Json, known: Mapping[str, Type], draft: Draft, above: str = ""
) -> Iterator[Problem]:
    for name, value in node.entries.items() if isinstance(shape, Mapping) else ():
        path = above + name
        if path in known:
            validator = draft.names.validator_of_type(known[path])
            yield from value_problems(value, Template(shape[name]), validator, path, node.keys[name])
        elif isinstance(value, MapNode):
            yield from _field_problems(value, shape[name], known, draft, f"{path}.")


def read_stop(text: StepText, draft: Draft) -> StopStep:
    """`stop: true`, or `stop: REASON`."""
    node = text.value
    reason = ""
    if not (isinstance(node, Scalar) and node.value is True):
        reason = read_text(node, "stop", draft.problems)
    return StopStep(path=text.path, id=text.id, place=text.node.place, reason=reason)


def _read_data(node: MapNode, env: Environment, draft: Draft) -> Template:
    found: list[Problem] = []
    template = read_template(node, env, found)
    draft.keep(found, draft.text_of(node))
    return template
