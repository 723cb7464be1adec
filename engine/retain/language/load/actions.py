"""Steps that are actions of plugins: their inputs, what they name, and what their channel asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from retain.errors import did_you_mean
from retain.instants import SECOND
from retain.language.documents.nodes import MapNode, Node, Part, Scalar, plain
from retain.language.documents.shapes import misfit, read_duration, read_keys, read_number
from retain.language.environment import Environment
from retain.language.load.context import EACH_CURE, Draft, optional
from retain.language.load.messages import message_problems
from retain.language.load.values import value_problems
from retain.language.rules import OnError
from retain.language.schemas.types import field_types
from retain.language.template import Insert, Template, read_template
from retain.language.types import Type
from retain.model import Json, Problem
from retain.registry import Action, ActionUse

RETRY_KEYS = {"first": "first_s", "factor": "factor", "most": "most_s", "give_up_after": "give_up_after_s"}


def unknown_action(key: Scalar, draft: Draft, core: tuple[str, ...]) -> Problem:
    """The problem that no loaded plugin offers a step of that name, with the reason where it is a disabled plugin."""
    registry = draft.names.registry
    prefix = key.text.split(".")[0]
    for plugin, reason in registry.broken.items():
        if plugin.startswith(prefix) or prefix.startswith(plugin):
            return key.complain(
                "E302", f"no step is called {key.text!r}", f"plugin {plugin} is disabled because {reason}"
            )
    return key.complain("E302", f"no step is called {key.text!r}", did_you_mean(key.text, [*core, *registry.actions]))


def read_inputs(action: Action, key: Scalar, node: Node, env: Environment, draft: Draft) -> Template:
    """The inputs of an action, checked as far as they are known."""
    problems = draft.problems
    if isinstance(node, Scalar) and node.value is None:
        node = MapNode(node.file, key.start, key.end)
    if not isinstance(node, MapNode):
        problems.append(misfit(node, "a map of inputs", action.name))
        return Template({})
    found: list[Problem] = []
    template = read_template(node, env, found)
    draft.keep(found, draft.text_of(node))
    validator = draft.names.validator(action)
    problems.extend(value_problems(node, template, validator, action.name, key))
    problems.extend(_missing_required(action, node, template, env))
    problems.extend(_unknown_names(action, node, template, draft))
    problems.extend(_channel_problems(action, key, draft))
    if action.channel:
        problems.extend(message_problems(action, node, template, env, draft.names))
    draft.actions.append(_use(action, key, node, draft))
    return template


def read_retry(node: Node | None, draft: Draft) -> Mapping[str, Json]:
    """What a step changes of its action's retries, by the names of `registry.Retry`."""
    if node is None:
        return {}
    read = read_keys(node, RETRY_KEYS, "retry", draft.problems)
    if read is None:
        return {}
    given: dict[str, Json] = {}
    for key, name in RETRY_KEYS.items():
        if key == "factor":
            given[name] = read_number(read.get(key), key, draft.problems, 1)
        else:
            millis = read_duration(read.get(key), key, draft.problems)
            given[name] = None if millis is None else millis / SECOND
    return {name: value for name, value in given.items() if value is not None}


def output_of(action: Action, *, on_error: OnError) -> Mapping[str, Type]:
    """What later steps can read of an action: its output, why it was refused and, where a run can go on, its error."""
    fields = field_types(action.output, lambda *_: None)
    if on_error == "stop":
        known = optional(fields) if action.channel else fields
        return {**known, "refused": Type("text", nullable=True)}
    return optional({**fields, "refused": Type("text"), "error": Type("text")})


def _missing_required(action: Action, node: MapNode, template: Template, env: Environment) -> list[Problem]:
    if not isinstance(template.shape, Mapping):
        return []
    found = []
    for name in action.inputs.get("required", ()):
        value = template.shape.get(name)
        if isinstance(value, Insert) and value.can_be_missing(env):
            what = f"{value.text} can be missing, and {action.name} needs {name!r}; then this step fails"
            cure = f"write default({value.text}, …), or ask for it in a condition before"
            found.append(node.entries[name].complain("W206", what, cure))
    return found


def _unknown_names(action: Action, node: MapNode, template: Template, draft: Draft) -> list[Problem]:
    """Inputs called team, programme and calendar name something that the rule files define."""
    names = draft.names
    kinds: dict[str, tuple[str, str, Mapping[str, Json]]] = {
        "team": ("E401", "team", names.teams),
        "programme": ("E402", "loyalty programme", names.tiers),
        "calendar": ("E403", "calendar", names.calendar_sources),
    }
    found = []
    for key, (code, word, known) in kinds.items():
        value = template.shape.get(key) if isinstance(template.shape, Mapping) else None
        if isinstance(value, str) and key in action.inputs.get("properties", {}) and value not in known:
            cure = did_you_mean(value, known)
            found.append(
                node.entries[key].complain(code, f"no {word} is called {value!r}", cure or "define it in a rule file")
            )
    return found


def _channel_problems(action: Action, key: Scalar, draft: Draft) -> list[Problem]:
    if action.customer == "required" and not draft.has_customer:
        return [key.complain("E315", f"{action.name} is about a customer, and this schedule has none", EACH_CURE)]
    if action.channel and action.channel not in draft.names.policies:
        cure = f"add to a rule file: policies: {{{action.channel}: {{consent: marketing, unknown: refuse}}}}"
        return [key.complain("E130", f"the channel {action.channel!r} has no policy", cure)]
    return []


def _use(action: Action, key: Scalar, node: MapNode, draft: Draft) -> ActionUse:
    return ActionUse(
        rule=draft.id,
        action=action.name,
        inputs=plain(node),
        events=tuple(name for name in draft.starts or () if name in draft.names.schema.events),
        problem=_problem_at(key, node),
    )


def _problem_at(key: Scalar, node: MapNode) -> Callable[[str, str, str, str], Problem]:
    def problem(name: str, code: str, message: str, help: str) -> Problem:
        part: Part = node.entries.get(name, key)
        return part.complain(code, message, help)

    return problem
