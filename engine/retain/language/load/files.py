"""Rule files into a `RuleSet`, with every problem of every file.

A rule with an error is left out and named in `RuleSet.disabled`; the others stay. Problems come sorted by place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import TypeVar

from retain.errors import RuleError
from retain.language.documents.nodes import MapNode, Node, Scalar, SourceFile, from_plain, plain
from retain.language.documents.shapes import Problems, good_name, misfit, refuse_unknown
from retain.language.documents.yaml import read_yaml
from retain.language.environment import Environment
from retain.language.lint.rules import Surroundings, lint_rules
from retain.language.lint.subject import Subject
from retain.language.load.context import CUSTOMER, Names
from retain.language.load.messages import template_problems
from retain.language.load.names import read_names
from retain.language.load.pinning import LANGUAGE_VERSION
from retain.language.load.rule import read_rule
from retain.language.load.sets import check_qualifies, read_calendar, read_policy, read_team, read_test, read_tier
from retain.language.message_templates import MessageTemplates
from retain.language.rules import Metric, Rule, RuleSet, Segment
from retain.language.types import Schema
from retain.model import Json, Problem
from retain.registry import Registry

KINDS = ("rules", "tests", "segments", "metrics", "teams", "tiers", "calendars", "policies")
_LINE_BEGINS = re.compile(r"^ *([\w-]+) *(?::|\r?$)", re.MULTILINE)
T = TypeVar("T")


@dataclass(slots=True)
class _Files:
    """The entries of all files by kind and name, each with its key."""

    problems: Problems = field(default_factory=list)
    entries: dict[str, dict[str, tuple[Scalar, Node]]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    disabled: dict[str, str] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)  # words of files that are no YAML, which may be names of rules

    def read(self, name: str, text: str) -> None:
        """Add one file."""
        root, found = read_yaml(text, name)
        self.problems.extend(found)
        if root is None:
            self.unread.update(_LINE_BEGINS.findall(text))
            if not found:
                source = SourceFile(name, text)
                self.problems.append(source.problem("E208", "the file is empty", 0, 1, "begin it with version: 1"))
            return
        if not isinstance(root, MapNode):
            self.problems.append(misfit(root, "a map", "a rule file", "begin it with version: 1"))
            return
        self._check_version(root)
        refuse_unknown(root, ("version", *KINDS), "a rule file", self.problems)
        for kind in KINDS:
            node = root.get(kind)
            if node is not None and not (isinstance(node, Scalar) and node.value is None):
                self._add(kind, node)
        self._disable_broken(root, found)

    def _check_version(self, root: MapNode) -> None:
        version = root.get("version")
        if version is None:
            self.problems.append(root.complain("E208", "a rule file needs 'version'", "begin it with version: 1"))
        elif not isinstance(version, Scalar) or version.value != 1 or version.value is True:
            self.problems.append(version.complain("E208", "this program knows version 1 only", "write version: 1"))

    def _add(self, kind: str, node: Node) -> None:
        if not isinstance(node, MapNode):
            self.problems.append(misfit(node, "a map", kind, f"write {kind}: and below it NAME: …"))
            return
        known = self.entries[kind]
        for name, value in node.entries.items():
            key = node.keys[name]
            if name in known:
                first = known[name][0].place
                what = f"{name!r} is defined twice in {kind}"
                self.problems.append(key.complain("E217", what, f"the first is at {first.file}:{first.line}"))
            else:
                known[name] = (key, value)

    def _disable_broken(self, root: MapNode, found: list[Problem]) -> None:
        """A rule in which YAML itself is broken is not run, though the rest of its text may read well."""
        rules = root.get("rules")
        if not isinstance(rules, MapNode):
            return
        for problem in found:
            for name, node in rules.entries.items():
                first, last = node.place.line, node.file.place(max(node.start, node.end - 1), node.end).line
                if first <= problem.place.line <= last or problem.place.line == rules.keys[name].place.line:
                    self.disabled.setdefault(name, _summary(problem))


def load_rules(
    files: Sequence[tuple[str, str]],
    schema: Schema,
    registry: Registry,
    *,
    templates: MessageTemplates | None = None,
    zone: tzinfo | None = None,
) -> tuple[RuleSet, list[Problem]]:
    """All rules of a project, from the names and texts of its files, and every problem in them.

    Args:
        templates: the project's message templates; without them, what steps say of templates is not checked.
        zone: the account's; with it rules are warned of as a whole too, which takes its time.
    """
    read = _Files()
    for name, text in files:
        read.read(name, text)
    problems = read.problems
    names = _names(schema, registry, templates)
    segments, metrics = _read_definitions(read.entries, names, problems)
    if templates is not None:
        problems.extend(template_problems(templates, schema))
    rules: dict[str, Rule] = {}
    for name, (key, node) in read.entries["rules"].items():
        rule, found, blamed = read_rule(key, node, names)
        problems.extend(found)
        problems.extend(_renaming_problems(key, node, read.entries["rules"]))
        if rule is not None and name not in read.disabled:
            rules[name] = rule
        elif rule is None:
            read.disabled[name] = _reason(found, blamed, names)
    rule_ids = read.entries["rules"].keys()
    tests = _read_all(read.entries["tests"], lambda key, node: read_test(key, node, rule_ids, problems, read.unread))
    ruleset = RuleSet(
        rules=rules,
        segments=segments,
        metrics=metrics,
        teams=names.teams,
        tiers=names.tiers,
        calendars=names.calendars,
        policies=names.policies,
        tests=tests,
        disabled=read.disabled,
    )
    if zone is not None:
        problems.extend(_lint(ruleset, read.entries["rules"], registry, zone))
    return ruleset, sorted(dict.fromkeys(problems), key=_order)


def _lint(
    ruleset: RuleSet, entries: Mapping[str, tuple[Scalar, Node]], registry: Registry, zone: tzinfo
) -> Iterator[Problem]:
    """Warnings about whole rules, less those that their authors allow."""
    read = ((rule, *entries[name]) for name, rule in ruleset.rules.items())
    subjects = [Subject(rule, key, node) for rule, key, node in read if isinstance(node, MapNode)]
    around = Surroundings(registry=registry, policies=ruleset.policies, tests=ruleset.tests, zone=zone)
    for subject, problem in lint_rules(subjects, around):
        if problem.code not in subject.rule.allow:
            yield problem


def load_revision(source: Mapping[str, Json], schema: Schema, registry: Registry, current: RuleSet) -> Rule:
    """A rule rebuilt from the text that a waiting run is pinned to.

    Teams, tiers and policies are those of the current rules: they are never pinned.

    Raises:
        RuleError: the stored text cannot be read any more: a plugin or a declared field is gone.
    """
    where = f"revision of {source.get('id', '?')}"
    if source.get("language") != LANGUAGE_VERSION:
        raise RuleError(
            "this revision is of another version of the language", where=where, cure="see `retain db upgrade`"
        )
    names = _names(schema, registry, None)
    names.teams, names.tiers, names.policies = dict(current.teams), dict(current.tiers), dict(current.policies)
    names.env = replace(names.env, named={"tiers": names.tiers, "teams": names.teams})
    names.calendar_sources = dict.fromkeys(current.calendars)
    file = SourceFile(where, "")
    entries = {kind: _entries_of(source.get(kind, {}), file) for kind in ("segments", "metrics", "calendars")}
    problems: Problems = []
    for name, (key, node) in entries["calendars"].items():
        calendar = read_calendar(key, node, problems)
        if calendar is not None:
            names.calendars[name] = calendar
            names.calendar_sources[name] = plain(node)
    read_names(entries["segments"], entries["metrics"], names, problems)
    key = Scalar(file, 0, 0, source["id"], source["id"])
    rule, found, _ = read_rule(key, from_plain(source["rule"], file), names)
    if rule is None:
        problems.extend(found)
        first = next((problem for problem in problems if problem.severity == "error"), None)
        raise RuleError(first.message if first else "it cannot be read", where=where, problems=problems)
    return rule


def _names(schema: Schema, registry: Registry, templates: MessageTemplates | None) -> Names:
    env = Environment(schema=schema, roots=CUSTOMER, functions=registry.functions, memo={})
    return Names(schema=schema, registry=registry, templates=templates, env=env)


def _read_definitions(
    entries: Mapping[str, Mapping[str, tuple[Scalar, Node]]], names: Names, problems: Problems
) -> tuple[dict[str, Segment], dict[str, Metric]]:
    """Everything but rules and tests, in the order in which they name one another."""
    for kind, what in (("teams", "a team"), ("calendars", "a calendar")):
        for key, _ in entries[kind].values():
            good_name(key, what, problems)
    for key, _ in entries["tiers"].values():
        good_name(key, "a programme", problems, word=True)
    names.policies = _read_all(entries["policies"], lambda key, node: read_policy(key, node, names, problems))
    names.teams = _read_all(entries["teams"], lambda key, node: read_team(key, node, problems))
    names.tiers = _read_all(entries["tiers"], lambda key, node: read_tier(key, node, problems))
    for name, (key, node) in entries["calendars"].items():
        found: Problems = []
        calendar = read_calendar(key, node, found)
        problems.extend(found)
        names.calendar_sources[name] = plain(node)
        if calendar is None or found:
            names.broken[f"calendar {name}"] = str(found[0].place if found else key.place)
        else:
            names.calendars[name] = calendar
    names.env = replace(names.env, named={"tiers": names.tiers, "teams": names.teams})
    defined = read_names(entries["segments"], entries["metrics"], names, problems)
    for _, node in entries["tiers"].values():
        check_qualifies(node, names, problems)
    return defined


def _read_all(entries: Mapping[str, tuple[Scalar, Node]], read: Callable[[Scalar, Node], T | None]) -> dict[str, T]:
    found = ((name, read(key, node)) for name, (key, node) in entries.items())
    return {name: value for name, value in found if value is not None}


def _renaming_problems(key: Scalar, node: Node, rules: Mapping[str, object]) -> list[Problem]:
    was = node.get("was") if isinstance(node, MapNode) else None
    if isinstance(was, Scalar) and was.text in rules:
        what = f"the rule {was.text!r} is still there" if was.text != key.text else "a rule was not itself before"
        return [was.complain("E407", what, "`was` names the id that a renamed rule had before")]
    return []


def _reason(found: Sequence[Problem], blamed: set[str], names: Names) -> str:
    errors = [problem for problem in sorted(found, key=_order) if problem.severity == "error"]
    if errors:
        return _summary(errors[0])
    name = min(blamed)
    return f"{name} has an error ({names.broken[name]})"


def _summary(problem: Problem) -> str:
    return f"{problem.place}: {problem.message}"


def _order(problem: Problem) -> tuple[str, int, int, str]:
    return problem.place.file, problem.place.line, problem.place.column, problem.code


def _entries_of(values: Mapping[str, Json], file: SourceFile) -> dict[str, tuple[Scalar, Node]]:
    return {name: (Scalar(file, 0, 0, name, name), from_plain(value, file)) for name, value in values.items()}
