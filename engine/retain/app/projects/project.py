"""A project: the folder with retain.yaml, rules, schemas and templates, read and checked as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from retain.app.live.collecting import no_collection
from retain.config.checks import check_plugin_sections, check_used_sections
from retain.config.settings import Config, load_config
from retain.deliver.loading import LoadedPlugins, load_plugins
from retain.errors import ConfigError, RuleError
from retain.language.load.files import load_rules
from retain.language.message_templates import MessageTemplates, read_templates
from retain.language.plan import Defaults, Plan, make_plan
from retain.language.rules import RuleSet
from retain.language.schemas.fields import load_schema
from retain.language.types import Schema
from retain.model import Fields, Problem
from retain.registry import CheckContext, Registry

log = structlog.get_logger("retain.project")
_OF_SENDING = frozenset({"E132", "E133"})
RULES, TEMPLATES, SCHEMAS, TESTS = "rules", "templates", "schemas", "tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Everything that a project's files say."""

    dir: Path
    config: Config
    plugins: LoadedPlugins
    schema: Schema
    templates: MessageTemplates
    ruleset: RuleSet
    files: tuple[str, ...]  # rule files, relative to the folder
    problems: tuple[Problem, ...]

    @property
    def registry(self) -> Registry:
        """What the loaded plugins declare."""
        return self.plugins.registry

    @property
    def errors(self) -> list[Problem]:
        """The problems that keep something from running."""
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def errors_of_sending(self) -> list[Problem]:
        """The errors that only matter once something is sent."""
        return [problem for problem in self.errors if problem.code in _OF_SENDING]

    @property
    def errors_of_deciding(self) -> list[Problem]:
        """The other errors: with them nothing can be decided as written."""
        return [problem for problem in self.errors if problem.code not in _OF_SENDING]

    def refuse_errors(self) -> None:
        """Refuse rules with which nothing can be decided; what only matters once something is sent is no reason.

        Raises:
            RuleError: there are such errors.
        """
        if self.errors_of_deciding:
            cure = "see them with: retain check"
            raise RuleError("the rules have errors", cure=cure, problems=self.errors_of_deciding)

    def plan(self) -> Plan:
        """The rules indexed for deciding."""
        config = self.config
        return make_plan(self.ruleset, self.schema, self.registry, defaults_of(config))


def defaults_of(config: Config) -> Defaults:
    """What retain.yaml sets for every rule."""
    return Defaults(
        zone=ZoneInfo(config.zone),
        max_lateness=config.max_lateness,
        breaker_count=config.breaker.count,
        breaker_per=config.breaker.per,
    )


def open_project(directory: Path, *, extra: Sequence[object] = (), plugins: LoadedPlugins | None = None) -> Project:
    """Read a project's folder.

    Args:
        extra: plugin objects beside the installed ones.
        plugins: already loaded plugins, for a reload.

    Raises:
        ConfigError: retain.yaml cannot be used at all. Problems of rules are in the project instead.
    """
    directory = directory.resolve()
    config = load_config(directory)
    loaded = plugins or load_plugins(config.plugins, allow=config.allow_plugins, extra=extra)
    files = rule_files(directory)
    return read_project(directory, config, loaded, files)


def read_project(
    directory: Path, config: Config, loaded: LoadedPlugins, files: Mapping[str, str], *, lint: bool = False
) -> Project:
    """A project from texts that are already read.

    Args:
        files: rule files by name.
        lint: whether warnings about rules as a whole are wanted too; who runs the rules does without.
    """
    registry = loaded.registry
    schema, problems = load_schema([directory / SCHEMAS], registry)
    templates = read_templates(template_files(directory), registry.filters)
    with no_collection():
        zone = ZoneInfo(config.zone) if lint else None
        ruleset, found = load_rules(list(files.items()), schema, registry, templates=templates, zone=zone)
    problems = [*problems, *found, *check_plugin_sections(config, registry.config_schemas, registry.broken)]
    problems += plugin_problems(directory, config, registry, ruleset)
    sending = [use for rule in ruleset.rules.values() if rule.status == "live" for use in rule.uses]
    problems += check_used_sections(config, registry, sending)
    return Project(
        dir=directory,
        config=config,
        plugins=loaded,
        schema=schema,
        templates=templates,
        ruleset=ruleset,
        files=tuple(files),
        problems=tuple(sorted(problems, key=_by_place)),
    )


def plugin_problems(directory: Path, config: Config, registry: Registry, ruleset: RuleSet) -> list[Problem]:
    """What the plugins' own checks find; a check that raises is logged and finds nothing."""
    uses = [use for rule in ruleset.rules.values() for use in rule.uses]
    purposes = {channel: policy.consent for channel, policy in ruleset.policies.items()}
    problems: list[Problem] = []
    for plugin, checks in sorted(registry.checks.items()):
        declared = registry.config_schemas.get(plugin, {}).get("properties", {})
        context = CheckContext(
            config={**config.shared_with(declared), **config.plugins.get(plugin, {})},
            project_dir=str(directory),
            uses=[use for use in uses if registry.actions[use.action].plugin == plugin],
            purposes=purposes,
        )
        for check in checks:
            try:
                problems += check(context)
            except Exception:  # an edge: a plugin's fault must not keep the rules from being checked
                log.exception("plugin_check_failed", plugin=plugin)
    return problems


def rule_files(directory: Path) -> dict[str, str]:
    """The texts of all rule and test files of a project, by name relative to its folder.

    Raises:
        RuleError: one cannot be read as text.
    """
    texts = {}
    for folder in (RULES, TESTS):
        for path in sorted((directory / folder).rglob("*.yaml")):
            name = path.relative_to(directory).as_posix()
            texts[name] = _read(path, name)
    if not texts and not (directory / RULES).is_dir():
        raise ConfigError(
            f"there is no folder {RULES}/", where=str(directory), cure="make a project with: retain init DIR"
        )
    return texts


def template_files(directory: Path) -> dict[str, str]:
    """The texts of a project's message templates, by path below the folder.

    Raises:
        RuleError: one cannot be read as text.
    """
    folder = directory / TEMPLATES
    texts = {}
    for path in sorted([*folder.rglob("*.txt"), *folder.rglob("*.html")]):
        name = path.relative_to(folder).as_posix()
        texts[name] = _read(path, f"{TEMPLATES}/{name}")
    return texts


def _read(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(f"the file cannot be read: {error}", where=name, cure="save it as UTF-8 text") from error


def plugin_sections(config: Config) -> dict[str, Fields]:
    """Every plugin's section with its secrets revealed."""
    return {name: config.plugin_config(name) for name in config.plugins}


def _by_place(problem: Problem) -> tuple[str, int, int, str]:
    return problem.place.file, problem.place.line, problem.place.column, problem.code
