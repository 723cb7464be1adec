"""What can only be said of a configuration once plugins are loaded, or before a port is opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from retain.config.secrets import Secret
from retain.config.settings import FILE, Config, is_loopback, listen_text
from retain.errors import ConfigError, did_you_mean
from retain.language.documents.nodes import ListNode, MapNode, Node
from retain.language.documents.shapes import SCHEMA_WORDS, Problems, misfit
from retain.model import Fields, Problem
from retain.registry import ActionUse, JsonSchema, Registry


def check_plugin_sections(
    config: Config, schemas: Mapping[str, JsonSchema], broken: Mapping[str, str] | None = None
) -> list[Problem]:
    """The problems of the plugins' sections against the schemas that loaded plugins declare.

    Args:
        broken: plugins that are disabled, each with the reason.
    """
    problems: Problems = []
    sections = _sections(config)
    if sections is None:
        return []
    for name, section in config.plugins.items():
        key, node = sections.keys[name], sections.entries[name]
        if name not in schemas and broken and name in broken:
            problems.append(key.complain("E211", f"plugin {name} is disabled, and its section not read", broken[name]))
            continue
        if name not in schemas:
            cure = did_you_mean(name, schemas) if schemas else "install it, or take its section out"
            problems.append(key.complain("E211", f"no plugin {name!r} with a configuration is loaded", cure))
            continue
        problems.extend(_open_secrets(name, node, schemas[name], section))
        for error in Draft202012Validator(dict(schemas[name])).iter_errors(section):
            problems.extend(_plugin_problems(name, node, error))
    return sorted(problems, key=lambda problem: (problem.place.line, problem.place.column))


def check_used_sections(config: Config, registry: Registry, uses: Iterable[ActionUse]) -> list[Problem]:
    """The plugins that are to carry out a step, must be configured and have no section, each at the first such step.

    A section that is there and lacks a key disables its plugin, which is told elsewhere.

    Args:
        uses: the steps that will be carried out, in their order.
    """
    sections = _sections(config)
    there = {*config.plugins, *(sections.keys if sections is not None else ())}  # one that is no map is not read
    lacking: dict[str, list[ActionUse]] = {}
    for use in uses:
        action = registry.actions[use.action]
        if action.is_outside and action.plugin not in there and action.plugin in registry.config_schemas:
            lacking.setdefault(action.plugin, []).append(use)
    found = []
    for plugin, steps in lacking.items():
        schema = registry.config_schemas[plugin]
        shared = config.shared_with(schema.get("properties", {}))
        if not Draft202012Validator(dict(schema)).is_valid(shared):
            found.append(_no_section(plugin, [key for key in schema.get("required", ()) if key not in shared], steps))
    return found


def _no_section(plugin: str, keys: list[str], steps: list[ActionUse]) -> Problem:
    what = f"{FILE} has no section plugins.{plugin}, which must say {' and '.join(keys) or 'something'}"
    more = len(steps) - 1
    if more:
        what += f"; {more} more {'step needs' if more == 1 else 'steps need'} it"
    inside = ", ".join(f"{key}: ..." for key in keys) or "..."
    cure = f"add to {FILE}: plugins: {{{plugin}: {{{inside}}}}}, as retain docs {plugin} says"
    return steps[0].problem("", "E133", what, cure)


def check_listen(config: Config) -> list[ConfigError]:
    """What forbids listening: an address that others can reach, without a key that keeps them out."""
    if config.http.keys or is_loopback(config.http.host):
        return []
    address = listen_text(config.http.host, config.http.port)
    cure = "add http.keys, or listen on 127.0.0.1"
    what = f"{address} can be reached from other machines, and no write keys are configured"
    return [ConfigError(what, where=f"{FILE}: http.listen", cure=cure)]


_AT_START = {
    "store": (),
    "http": ("listen", "keys", "cors"),
    "public": ("listen", "url"),
    "plugins": ("allow",),
    "strict_events": (),
    "reload": (),
    "log": ("format", "level"),
}


def needs_restart(running: Config, now: Config) -> list[str]:
    """The keys of retain.yaml that differ from what a daemon was started with and that it reads at a start only."""
    before, after = running.shown(), now.shown()
    found = []
    for name, parts in _AT_START.items():
        if not parts and before[name] != after[name]:
            found.append(name)
        found += [f"{name}.{part}" for part in parts if before[name][part] != after[name][part]]
    return found


def _sections(config: Config) -> MapNode | None:
    sections = config.nodes.get("plugins") if config.nodes is not None else None
    return sections if isinstance(sections, MapNode) else None


def _open_secrets(plugin: str, node: Node, schema: JsonSchema, section: Fields) -> list[Problem]:
    """Values that stand in the file although the plugin marks their keys as secret, with `writeOnly`."""
    found = []
    for name, declared in schema.get("properties", {}).items():
        value = section.get(name)
        values = value if isinstance(value, list) else [] if value is None else [value]
        if declared.get("writeOnly") and not all(isinstance(item, Secret) for item in values):
            cure = "write env:NAME or file:PATH, so that the secret does not stand in this file"
            place = _node_at(node, [name])
            found.append(place.complain("E210", f"{plugin}.{name} must be a reference to a secret", cure))
    return found


def _plugin_problems(plugin: str, node: Node, error: ValidationError) -> list[Problem]:
    """A schema's complaint at the key it is about."""
    place = _node_at(node, list(error.absolute_path))
    what = ".".join([plugin, *(str(part) for part in error.absolute_path)])
    if error.validator == "additionalProperties" and isinstance(place, MapNode):
        known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
        return [
            key.complain("E211", f"{what} has no key {key.text!r}", did_you_mean(key.text, known))
            for key in place.keys.values()
            if key.text not in known
        ]
    if error.validator == "required":
        return [place.complain("E212", f"{what}: {error.message}", "add it")]
    wanted = SCHEMA_WORDS.get(error.validator_value) if isinstance(error.validator_value, str) else None
    if error.validator == "type" and wanted is not None:
        return [misfit(place, wanted, what)]
    return [place.complain("E210", f"{what}: {error.message}")]


def _node_at(node: Node, path: list[str | int]) -> Node:
    for part in path:
        if isinstance(node, MapNode) and str(part) in node.entries:
            node = node.entries[str(part)]
        elif isinstance(node, ListNode) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
    return node
