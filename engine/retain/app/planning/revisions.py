"""The texts that a rule has had: listed, compared, and written back into the file where the rule stands."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from retain.app.planning.edits import difference
from retain.app.projects.project import RULES, Project
from retain.app.reports.reading import has_store, reading
from retain.errors import NotFoundError, RetainError
from retain.language.documents.nodes import MapNode, plain
from retain.language.documents.writing import write_yaml
from retain.language.documents.yaml import read_yaml
from retain.language.load.pinning import PINNED
from retain.model import Instant, Json

_SHORTEST = 4  # characters of a revision that name it
_LINE = re.compile(r"[^\n]*\n|[^\n]+")  # as YAML counts lines: U+2028 and its like stand inside one


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One text of a rule, as it was when it was first loaded; `at` None is the file that was never loaded."""

    revision: str
    at: Instant | None
    rule: Mapping[str, Json]
    named: Mapping[str, Json]  # the segments, metrics and calendars that it names, as they were
    is_present: bool

    @property
    def source(self) -> dict[str, Json]:
        """What a waiting run is pinned to."""
        return {**self.named, "rule": dict(self.rule)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """What a rollback writes, and where."""

    file: str
    text: str
    lines: tuple[str, ...]  # the difference
    revision: str


def revisions_of(project: Project, rule_id: str) -> list[Revision]:
    """The texts of a rule, the oldest first, the present one among them.

    Raises:
        NotFoundError: there is no such rule, nor was there ever.
    """
    rule = project.ruleset.rules.get(rule_id)
    found = {}
    if has_store(project.config):
        with reading(project.config) as store:
            for row in store.list_revisions(rule_id):
                source = json.loads(row.source)
                present = rule is not None and row.revision == rule.revision
                found[row.revision] = _revision(row.revision, row.at, source, is_present=present)
    if rule is not None and rule.revision not in found:
        found[rule.revision] = _revision(rule.revision, None, rule.source, is_present=True)
    if not found:
        raise NotFoundError("rule", rule_id, {*project.ruleset.rules, *project.ruleset.disabled})
    return list(found.values())


def find_revision(revisions: list[Revision], wanted: str) -> Revision:
    """The one whose revision begins so; `""` is the newest that is not the present one.

    Raises:
        NotFoundError: there is none, or there are several.
    """
    if not wanted:
        former = [one for one in revisions if not one.is_present]
        if not former:
            raise RetainError("there is no earlier text", cure="a text is kept once the daemon has loaded it")
        return former[-1]
    found = [one for one in revisions if one.revision.startswith(wanted)]
    if len(wanted) < _SHORTEST or len(found) != 1:
        raise NotFoundError("revision", wanted, [one.revision for one in revisions])
    return found[0]


def present_of(revisions: list[Revision]) -> Revision | None:
    """The one that stands in the files; None where the rule is gone."""
    return next((one for one in revisions if one.is_present), None)


def difference_of(old: Revision, new: Revision | None) -> tuple[str, ...]:
    """The lines in which two texts differ, with what they name."""
    return difference(_shown(old), None if new is None else _shown(new))


def plan_rollback(project: Project, rule_id: str, old: Revision) -> Rollback:
    """The file as it would be with an older text of a rule; nothing is written yet.

    What a run is pinned to comes from the older text; the rule's description, owner, status, limits on its sending and
    the like stay as they are now. Comments inside the rule are lost.

    Raises:
        RetainError: the file is written so that the rule cannot be replaced in it.
    """
    rule = project.ruleset.rules.get(rule_id)
    kept = {} if rule is None else {key: value for key, value in rule.source["rule"].items() if key not in PINNED}
    wanted = {**kept, **{key: value for key, value in old.rule.items() if rule is None or key in PINNED}}
    if rule is None:
        file = f"{RULES}/{rule_id}.yaml"
        if (project.dir / file).exists():
            raise RetainError("the file exists already", where=file, cure="put the rule there by hand")
        text = write_yaml({"version": 1, "rules": {rule_id: wanted}})
        return Rollback(file=file, text=text, lines=difference(None, wanted), revision=old.revision)
    file = rule.place.file
    before = (project.dir / file).read_text(encoding="utf-8")
    after = _replaced(before, rule.place.line, rule_id, wanted)
    if after is None or not _is_only(before, after, rule_id, wanted):
        raise RetainError(
            "the rule cannot be replaced in this file",
            where=f"{file}:{rule.place.line}",
            cure="see the older text with: retain rules diff, and write it by hand",
        )
    return Rollback(file=file, text=after, lines=difference(rule.source["rule"], wanted), revision=old.revision)


def carry_out(project: Project, rollback: Rollback) -> None:
    """Write the file, whole or not at all."""
    path = project.dir / rollback.file
    fresh = Path(f"{path}.new")
    fresh.write_text(rollback.text, encoding="utf-8")
    os.replace(fresh, path)


def _revision(revision: str, at: Instant | None, source: Mapping[str, Json], *, is_present: bool) -> Revision:
    named = {key: value for key, value in source.items() if key != "rule"}
    return Revision(revision=revision, at=at, rule=source["rule"], named=named, is_present=is_present)


def _shown(revision: Revision) -> dict[str, Json]:
    named = {kind: revision.named.get(kind) for kind in ("segments", "metrics", "calendars")}
    return {**revision.rule, **{kind: value for kind, value in named.items() if value}}


def _replaced(text: str, line: int, rule_id: str, wanted: Mapping[str, Json]) -> str | None:
    """The text with the block that begins at a line replaced; None where it is no block of its own."""
    lines = _LINE.findall(text)
    head = lines[line - 1]
    depth = len(head) - len(head.lstrip())
    if not head.strip().removeprefix('"').removeprefix("'").startswith(rule_id):
        return None
    end = line
    while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > depth):
        end += 1
    while end > line and not lines[end - 1].strip():
        end -= 1
    block = write_yaml({rule_id: dict(wanted)})
    indented = "".join(f"{' ' * depth}{one}" for one in _LINE.findall(block))
    return "".join([*lines[: line - 1], indented, *lines[end:]])


def _is_only(before: str, after: str, rule_id: str, wanted: Mapping[str, Json]) -> bool:
    """Whether the two texts say the same but for the one rule."""
    old, new = _plain(before), _plain(after)
    if not isinstance(old, dict) or not isinstance(new, dict):
        return False
    old["rules"] = {**old.get("rules", {}), rule_id: dict(wanted)}
    return old == new


def _plain(text: str) -> Json:
    root, problems = read_yaml(text, "")
    return plain(root) if isinstance(root, MapNode) and not problems else None
