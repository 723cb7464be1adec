"""The JSON Schemas of the files that people write."""

from __future__ import annotations

from pathlib import Path

from retain.app.projects.project import SCHEMAS, template_files
from retain.config.keys import config_json_schema
from retain.config.settings import FILE, load_config
from retain.deliver.loading import LoadedPlugins, PluginInfo, load_plugins
from retain.language.schemas.fields import load_schema
from retain.language.schemas.rule_files import rules_json_schema
from retain.language.types import Schema
from retain.model import Json

__all__ = ["LoadedPlugins", "PluginInfo", "config_schema", "plugins_of", "rules_schema", "schema_of"]


def plugins_of(folder: Path) -> LoadedPlugins:
    """The plugins as the project in a folder loads them; outside a project all that are installed."""
    if not (folder / FILE).is_file():
        return load_plugins({})
    config = load_config(folder)
    return load_plugins(config.plugins, allow=config.allow_plugins)


def schema_of(folder: Path, loaded: LoadedPlugins) -> Schema:
    """The declared customer fields and events of a project; outside one, the shipped ones."""
    return load_schema([folder / SCHEMAS] if (folder / FILE).is_file() else [], loaded.registry)[0]


def rules_schema(folder: Path) -> Json:
    """The JSON Schema of rule files for these plugins, events, fields and templates."""
    loaded = plugins_of(folder)
    templates = {name.rpartition(".")[0] for name in template_files(folder)} if (folder / FILE).is_file() else ()
    return rules_json_schema(loaded.registry, schema_of(folder, loaded), templates)


def config_schema(folder: Path) -> Json:
    """The JSON Schema of retain.yaml with the sections of these plugins."""
    return config_json_schema(plugins_of(folder).registry.config_schemas)
