"""The two sides of a comparison: the project as it is, and as it was at a commit, in a folder, or as it runs."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from retain.app.live.starting import last_good
from retain.app.planning.git import read_commit
from retain.app.projects.project import Project, defaults_of, open_project, read_project, rule_files
from retain.config.settings import FILE
from retain.errors import RetainError
from retain.language.plan import Plan, make_plan
from retain.language.rules import RuleSet
from retain.model import digest

RUNNING = "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One rule set with all that it is read with.

    Args:
        files: the texts of its rule files by name.
        left_out: rules with an error, which do not run.
    """

    label: str
    project: Project
    files: Mapping[str, str]
    left_out: tuple[str, ...] = ()

    @property
    def rules(self) -> RuleSet:
        """Its rules, segments, policies and the rest."""
        return self.project.ruleset

    def plan(self) -> Plan:
        """The rules indexed for deciding."""
        return self.project.plan()

    def without_rules(self) -> Plan:
        """A plan that starts nothing, for what is known before the comparison begins."""
        project = self.project
        return make_plan(replace(self.rules, rules={}), project.schema, project.registry, defaults_of(project.config))

    def only(self, names: Collection[str]) -> Side:
        """The same with these rules alone."""
        kept = {name: rule for name, rule in self.rules.rules.items() if name in names}
        return replace(self, project=replace(self.project, ruleset=replace(self.rules, rules=kept)))

    def letters(self) -> dict[str, str]:
        """A digest of each message template's text."""
        return {
            name: digest(*(f"{kind}:{part.source.text}" for kind, part in sorted(template.parts.items())))
            for name, template in self.project.templates.templates.items()
        }


def present_side(project: Project, label: str = "the present files") -> Side:
    """The project as its files are now.

    Raises:
        RuleError: a rule has an error.
    """
    project.refuse_errors()
    return Side(label=label, project=project, files=rule_files(project.dir))


@contextmanager
def former_side(project: Project, against: str) -> Iterator[Side]:
    """The project as it was: in a folder, at a commit of its repository, or `running`, as the daemon last took it.

    Raises:
        RetainError: there is no such folder or commit, or it holds no project.
    """
    folder = Path(against)
    if folder.is_dir():
        yield _opened(against, folder, project)
    elif against == RUNNING:
        yield _running(project)
    else:
        with tempfile.TemporaryDirectory(prefix="retain-plan-") as scratch:
            commit = read_commit(project.dir, against, Path(scratch))
            label = against if commit.startswith(against) else f"{against} ({commit})"
            yield _opened(label, Path(scratch), project)


def _opened(label: str, folder: Path, present: Project) -> Side:
    if not (folder / FILE).is_file():
        raise RetainError(f"there is no {FILE}", where=str(folder), cure="name a folder or commit that holds a project")
    return _side(label, open_project(folder, plugins=present.plugins), rule_files(folder))


def _running(project: Project) -> Side:
    files = last_good(project.dir)
    if files is None:
        cure = "it keeps them at each start and reload; or name a commit or a folder"
        raise RetainError("no daemon has kept its rules here", where=str(project.dir), cure=cure)
    return _side("the running rules", read_project(project.dir, project.config, project.plugins, files), files)


def _side(label: str, project: Project, files: Mapping[str, str]) -> Side:
    return Side(label=label, project=project, files=files, left_out=tuple(sorted(project.ruleset.disabled)))
