"""A project at a start: what cannot be read costs as little as it can, and nothing of it is silent."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from retain.app.projects.project import Project, read_project, rule_files
from retain.config.settings import FILE, load_config
from retain.deliver.loading import load_plugins
from retain.errors import ConfigError, RuleError
from retain.language.documents.nodes import MapNode
from retain.language.documents.yaml import read_yaml
from retain.model import Problem

FOLDER = ".retain"  # beside retain.yaml: what the daemon keeps for itself
_LAST_GOOD = "rules.json"
log = structlog.get_logger("retain.project")


def open_for_run(directory: Path, *, extra: Sequence[object] = ()) -> tuple[Project, list[str]]:
    """A project for the daemon, and why it is not all that its files say.

    A rule with an error is left out; where a file cannot be read at all, the last set of rule files without an error is
    taken instead.

    Args:
        extra: plugin objects beside the installed ones.

    Raises:
        ConfigError: retain.yaml cannot be used, or rule files cannot be read and no earlier set is kept.
    """
    directory = directory.resolve()
    config = load_config(directory)
    loaded = load_plugins(config.plugins, allow=config.allow_plugins, extra=extra)
    notes = [f"plugin {name} is disabled: {reason}" for name, reason in loaded.registry.broken.items()]
    try:
        files = rule_files(directory)
        unreadable = _first_unreadable(files)
    except RuleError as error:
        files, unreadable = {}, error.render()
    if unreadable:
        kept = last_good(directory)
        if kept is None:
            raise ConfigError(unreadable, cure="mend the file; no earlier set of rules is kept to go on with")
        notes.append(f"the last good rules are used, because a file cannot be read: {unreadable}")
        files = kept
    project = read_project(directory, config, loaded, files)
    of_config = [one for one in project.errors if one.place.file == FILE]
    notes += [_told(one) for one in of_config]
    notes += [f"rule {rule} is disabled: {why}" for rule, why in sorted(project.ruleset.disabled.items())]
    of_sending: dict[str, Problem] = {}
    for one in project.errors_of_sending:
        of_sending.setdefault(one.message, one)  # that all letters lack the same is told once
    notes += [_told(one) for one in of_sending.values()]
    if not unreadable and not project.errors_of_deciding:
        keep_as_good(project, files)
    return project, notes


def keep_as_good(project: Project, files: Mapping[str, str] | None = None) -> None:
    """Keep the rule files of a project in which all can be decided, for a start with files that cannot be read."""
    path = project.dir / FOLDER / _LAST_GOOD
    text = json.dumps(files if files is not None else rule_files(project.dir))
    try:
        path.parent.mkdir(exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, path)
    except OSError as error:
        log.warning("rules_not_kept", reason=str(error))


def last_good(directory: Path) -> dict[str, str] | None:
    """The rule files of the last start or reload without errors, by name; None where none are kept."""
    try:
        found = json.loads((directory / FOLDER / _LAST_GOOD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _told(problem: Problem) -> str:
    return "; ".join(filter(None, (f"{problem.place}: {problem.message}", problem.help)))


def _first_unreadable(files: Mapping[str, str]) -> str:
    for name, text in files.items():
        root, problems = read_yaml(text, name)
        if problems and not isinstance(root, MapNode):
            return problems[0].render()
    return ""
