"""`retain check`: every problem of a project, of a folder of rules, or of one file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from retain.app.projects.finding import Way, ways_of
from retain.app.projects.project import Project, read_project, rule_files
from retain.config.settings import FILE, Config, read_config
from retain.deliver.loading import load_plugins
from retain.errors import RetainError
from retain.language.rules import Rule
from retain.language.sql.cost import Asked, asked_of_all
from retain.model import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What was looked at and what is wrong with it; places are relative to `root`."""

    root: Path
    files: int
    rules: int  # those with an error included
    problems: tuple[Problem, ...]
    broken_plugins: Mapping[str, str]  # and why they did not load
    costs: tuple[Asked, ...] = ()  # of what is asked of all customers
    healthy: tuple[Rule, ...] = ()  # those without an error

    @property
    def errors(self) -> int:
        """How many problems keep something from running."""
        return sum(problem.severity == "error" for problem in self.problems)

    @property
    def ways(self) -> list[Way]:
        """How each trigger of the rules without an error is found; worked out when it is asked for."""
        return ways_of(self.healthy)

    @property
    def warnings(self) -> int:
        """How many problems only might."""
        return len(self.problems) - self.errors

    def shown_from(self, folder: Path) -> CheckReport:
        """The same, with places as somebody in `folder` writes them."""
        files = {problem.place.file for problem in self.problems}
        shown = {file: _shown(file, self.root, folder) for file in files}
        placed = (replace(one, place=replace(one.place, file=shown[one.place.file])) for one in self.problems)
        return replace(self, problems=tuple(placed))


def check_path(path: Path) -> CheckReport:
    """Check what a path names: a project, a part of one, or rules without a project.

    Rules without a project are checked against the installed plugins and the shipped schemas; what they need of a
    retain.yaml is not asked.

    Raises:
        RetainError: there is nothing to check.
    """
    path = path.resolve()
    if not path.exists():
        raise RetainError("there is no such file or folder", where=str(path))
    home = next((folder for folder in (path, *path.parents) if (folder / FILE).is_file()), None)
    if home is not None:
        report = _check_project(home)
        return report if path in (home, home / FILE) else _part(report, path)
    folder, paths = (path.parent, [path]) if path.is_file() else (path, sorted(path.rglob("*.yaml")))
    if not paths:
        raise RetainError("there are no rule files", where=str(path), cure="name a project's folder or a rule file")
    plugins = load_plugins({})  # which ask for a retain.yaml, which is not here
    plugins = replace(plugins, registry=replace(plugins.registry, checks={}, config_schemas={}))
    project = read_project(folder, Config(project_dir=folder), plugins, _texts(folder, paths), lint=True)
    return _report(folder, project, len(paths), project.problems)


def _check_project(folder: Path) -> CheckReport:
    config, problems = _read_config(folder)
    if config is None:
        return CheckReport(root=folder, files=1, rules=0, problems=tuple(problems), broken_plugins={})
    plugins = load_plugins(config.plugins, allow=config.allow_plugins)
    project = read_project(folder, config, plugins, rule_files(folder), lint=True)
    return _report(folder, project, len(project.files) + 1, (*problems, *project.problems))


def _report(root: Path, project: Project, files: int, problems: tuple[Problem, ...]) -> CheckReport:
    ruleset = project.ruleset
    return CheckReport(
        root=root,
        files=files,
        rules=len(ruleset.rules) + len(ruleset.disabled),
        problems=problems,
        broken_plugins=project.registry.broken,
        costs=tuple(asked_of_all(ruleset)),
        healthy=tuple(ruleset.rules.values()),
    )


def _part(report: CheckReport, path: Path) -> CheckReport:
    """What a whole project's report says about one file or folder of it."""
    inside = [problem for problem in report.problems if (report.root / problem.place.file).is_relative_to(path)]
    files = 1 if path.is_file() else sum(1 for _ in path.rglob("*.yaml"))
    return replace(report, files=files, problems=tuple(inside))


def _read_config(folder: Path) -> tuple[Config | None, list[Problem]]:
    path = folder / FILE
    try:
        return read_config(path.read_text(encoding="utf-8"), folder)
    except (OSError, UnicodeDecodeError) as error:
        raise RetainError(f"the file cannot be read: {error}", where=str(path)) from error


def _texts(folder: Path, paths: Iterable[Path]) -> dict[str, str]:
    texts = {}
    for path in paths:
        try:
            texts[path.relative_to(folder).as_posix()] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            cure = "save it as UTF-8 text"
            raise RetainError(f"the file cannot be read: {error}", where=str(path), cure=cure) from error
    return texts


def _shown(file: str, root: Path, folder: Path) -> str:
    """A file's name as somebody in `folder` writes it."""
    if file.startswith("plugin "):
        return file
    path = root / file
    shown = os.path.relpath(path, folder)
    return str(path) if shown.startswith("..") else shown
