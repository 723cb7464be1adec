"""What the steps of rules and the message templates that they name ask of each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from retain.errors import did_you_mean, nearest
from retain.language.documents.nodes import MapNode, Node
from retain.language.environment import TRIGGER, Environment
from retain.language.load.context import Names
from retain.language.message_templates import MessagePart, MessageTemplate, MessageTemplates, unknown_roots
from retain.language.template import Insert, Template
from retain.language.types import Schema, Type
from retain.model import Json, Problem
from retain.registry import Action


def template_problems(templates: MessageTemplates, schema: Schema) -> Iterator[Problem]:
    """What is wrong with the templates whoever uses them: their form, names nobody knows, fields of the customer."""
    yield from templates.problems
    for template in templates.templates.values():
        for part in template.parts.values():
            for name in unknown_roots(part):
                cure = "a message knows customer, event, steps, data, trigger and unsubscribe_url"
                yield part.source.problem(
                    "E406", f"a message knows nothing called {name!r}", *part.place_of(name), cure
                )
            for name in sorted(part.names):
                root, _, path = name.partition(".")
                if root == "customer" and path:
                    yield from _customer_problem(part, path, schema)


def message_problems(
    action: Action, node: MapNode, template: Template, env: Environment, names: Names
) -> list[Problem]:
    """What is wrong with one step's use of a template: that there is none, or that it reads what is not there."""
    shape: Json = template.shape
    value = shape.get("template") if isinstance(shape, Mapping) else None
    if not isinstance(value, str) or names.templates is None or "template" not in action.inputs.get("properties", {}):
        return []
    at = node.entries["template"]
    found = names.templates.get(value)
    if found is None:
        cure = did_you_mean(value, names.templates.templates) or f"write templates/{value}.txt"
        return [at.complain("E404", f"there is no message template {value!r}", cure)]
    data = shape.get("data", {})
    return list(_use_problems(found, at, data, env))


def _use_problems(template: MessageTemplate, at: Node, data: Json, env: Environment) -> Iterator[Problem]:
    told: set[str] = set()
    for part in template.parts.values():
        for name in sorted(part.names - told):
            told.add(name)
            problem = _use_problem(part, name, at, data, env) if "." in name else None
            if problem:
                yield problem


def _use_problem(part: MessagePart, name: str, at: Node, data: Json, env: Environment) -> Problem | None:
    root, _, path = name.partition(".")
    if root == "data" and isinstance(data, Mapping):
        return _data_problem(part, path, at, data, env)
    if root == "customer":
        missing = _missing(part, f"customer.{path}", env.schema.customer.get(path), env)
        return at.complain("W206", f"{_where(part, name)} {missing[0]}", missing[1]) if missing else None
    if root == "event":
        return _event_problem(part, path, at, env)
    known: Mapping[str, Mapping[str, Type]] = {"steps": _flat(env.steps), "trigger": TRIGGER}
    if root in known and not declares(known[root], path):
        cure = did_you_mean(path, known[root])
        return at.complain("E406", f"{_where(part, name)} reads {root}.{path}, which is not there", cure)
    return None


def _where(part: MessagePart, name: str) -> str:
    place = part.source.place(*part.place_of(name))
    return f"{place.file}:{place.line}"


def _data_problem(part: MessagePart, path: str, at: Node, data: Mapping[str, Json], env: Environment) -> Problem | None:
    key = path.split(".", maxsplit=1)[0]
    name = f"data.{path}"
    if key not in data:
        if part.guards(name):
            return None
        near = nearest(key, data)
        cure = f"did you mean {near}?" if near else f"add data: {{{key}: …}} to the step"
        return at.complain("E406", f"{_where(part, name)} reads {name}, which this step does not give", cure)
    value = data[key]
    if isinstance(value, Insert) and value.can_be_missing(env) and not part.guards(name):
        cure = f"write default({value.text}, …), or {{{{ {name} | default('…') }}}} in the template"
        return at.complain("W206", f"{_where(part, name)} reads {name}, and {value.text} can be missing", cure)
    return None


def _event_problem(part: MessagePart, path: str, at: Node, env: Environment) -> Problem | None:
    if env.events is None or "" in env.events:
        where = _where(part, f"event.{path}")
        return at.complain("E406", f"{where} reads event.{path}, and this rule can start without an event")
    for event in dict.fromkeys(env.events):
        fields = env.schema.events.get(event)
        if fields is None:  # told where it is named
            continue
        if not declares(fields, path):
            cure = did_you_mean(path, fields)
            return at.complain(
                "E406", f"{_where(part, f'event.{path}')} reads event.{path}; {event} has no such field", cure
            )
        missing = _missing(part, f"event.{path}", fields.get(path), env)
        if missing:
            return at.complain("W206", f"{_where(part, f'event.{path}')} {missing[0]}", missing[1])
    return None


def _missing(part: MessagePart, name: str, kind: Type | None, env: Environment) -> tuple[str, str] | None:
    """What to say of a field that can be missing and is not asked for, neither by the rule nor by the template."""
    if kind is None or not kind.nullable or name in env.guards.present or part.guards(name):
        return None
    cure = f"write {{{{ {name} | default('…') }}}} in the template, or ask for it in a condition before"
    return f"reads {name}, which can be missing; then this step fails", cure


def _customer_problem(part: MessagePart, path: str, schema: Schema) -> Iterator[Problem]:
    name = f"customer.{path}"
    if not declares(schema.customer, path):
        cure = did_you_mean(name, [f"customer.{known}" for known in schema.customer])
        yield part.source.problem("E406", f"no customer field is called {name!r}", *part.place_of(name), cure)


def declares(fields: Mapping[str, Type], path: str) -> bool:
    """Whether a dotted path is declared, is a part that holds declared ones, or lies within something opaque."""
    if path in fields or any(name.startswith(f"{path}.") for name in fields):
        return True
    above = path.rpartition(".")[0]
    while above and above not in fields:
        above = above.rpartition(".")[0]
    return (
        above in fields and fields[above].kind == "opaque" and not any(name.startswith(f"{above}.") for name in fields)
    )


def _flat(steps: Mapping[str, Mapping[str, Type]]) -> dict[str, Type]:
    pairs: Iterable[tuple[str, Mapping[str, Type]]] = steps.items()
    return {f"{step}.{name}": kind for step, fields in pairs for name, kind in fields.items()}
