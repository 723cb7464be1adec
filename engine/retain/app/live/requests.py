"""A claimed effect, made ready for its plugin: the plugin's configuration, and where a message really goes."""

from __future__ import annotations

from dataclasses import replace

from retain.app.projects.project import Project
from retain.decide.awaited import lookup
from retain.model import Fields, Json
from retain.registry import ActionRequest


class Requests:
    """Makes requests ready, by the project that was loaded last.

    Raises:
        ConfigError: a secret of a plugin's section cannot be read.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self.configs = plugin_configs(project)

    def take_over(self, other: Requests) -> None:
        """Go by another project from now on."""
        self._project, self.configs = other._project, other.configs

    def prepare(self, request: ActionRequest) -> ActionRequest:
        """The request with its plugin's configuration, and addressed as `only_to` says."""
        action = self._project.registry.actions.get(request.action)
        if action is None:
            return request
        ready = replace(request, config=self.configs.get(action.plugin, {}))
        return self._redirected(ready, action.channel) if action.channel else ready

    def _redirected(self, request: ActionRequest, channel: str) -> ActionRequest:
        """A message while `only_to` is set: to the address that stands in for its own, both as `to` and as field."""
        declared = self._project.registry.channels.get(channel)
        field = declared.address_field if declared is not None else ""
        address = request.inputs.get("to") or lookup(request.customer, field)
        if not isinstance(address, str):
            return request
        recipient = self._project.config.only_to.recipient(address)
        if recipient == address:
            return request
        properties = self._project.registry.actions[request.action].inputs.get("properties", {})
        inputs = {**request.inputs, "to": recipient} if "to" in properties else request.inputs
        return replace(request, inputs=inputs, customer=_with(request.customer, field, recipient))


def plugin_configs(project: Project) -> dict[str, Fields]:
    """The section of retain.yaml of every loaded plugin, secrets revealed.

    Raises:
        ConfigError: a secret cannot be read.
    """
    schemas = project.registry.config_schemas
    plugins = {action.plugin for action in project.registry.actions.values()}
    plugins |= {page.plugin for page in project.registry.pages} | set(project.config.plugins)
    return {name: project.config.plugin_config(name, schemas.get(name, {}).get("properties", {})) for name in plugins}


def _with(fields: Fields, path: str, value: Json) -> Fields:
    name, _, rest = path.partition(".")
    if not name:
        return fields
    inner = fields.get(name)
    return {**fields, name: _with(inner if isinstance(inner, dict) else {}, rest, value) if rest else value}
