"""What an edit changes in the text: rule by rule, in one canonical form, so that a moved comment is no change."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from retain.app.planning.sides import Side
from retain.language.documents.nodes import MapNode, plain
from retain.language.documents.writing import write_yaml
from retain.language.documents.yaml import read_yaml
from retain.language.rules import Rule
from retain.language.types import Type
from retain.model import Json

Change: TypeAlias = Literal["added", "removed", "changed", "renamed"]
Definitions: TypeAlias = Mapping[str, Mapping[str, Json]]

_KINDS = {
    "rules": "rule",
    "segments": "segment",
    "metrics": "metric",
    "teams": "team",
    "tiers": "programme",
    "calendars": "calendar",
    "policies": "policy",
}
TEMPLATE, SETTING, SCHEMA = "template", "setting", "schema"
_SETTINGS = ("max_lateness", "zone", "breaker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One thing that differs between two sides.

    Args:
        kind: rule, segment, metric, team, programme, calendar, policy, template, setting or schema.
        was: the id that a renamed rule had before.
        keys: the keys of a rule that differ.
        through: what a rule names or is bound by and that differs, such as `segment vip`.
        lines: the difference of the texts, each line with ` `, `-` or `+` before it.
    """

    kind: str
    name: str
    change: Change
    was: str = ""
    keys: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


def edits_between(base: Side, head: Side) -> list[Edit]:
    """Everything that differs, rules first, each kind by name."""
    before, after = _definitions(base), _definitions(head)
    found: list[Edit] = []
    for kind, one in _KINDS.items():
        if kind != "rules":
            found += _edits(one, before[kind], after[kind])
    found += _edits(TEMPLATE, _letters(base), _letters(head))
    found += _edits(SETTING, _settings(base), _settings(head))
    found += _edits(SCHEMA, _schemas(base), _schemas(head))
    return [*_rule_edits(base, head, before["rules"], after["rules"], found), *found]


def renamed(base: Side, head: Side) -> dict[str, str]:
    """The present id of each rule that was renamed, by its former one."""
    return {
        rule.was: rule.id
        for rule in head.rules.rules.values()
        if rule.was and rule.was in base.rules.rules and rule.was not in head.rules.rules
    }


def difference(before: Json, after: Json) -> tuple[str, ...]:
    """The lines in which two values differ as YAML, with two lines around them."""
    old = write_yaml(before).splitlines() if before is not None else []
    new = write_yaml(after).splitlines() if after is not None else []
    return text_difference(old, new)


def text_difference(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """The lines in which two texts differ, with two lines around them."""
    found = [line for line in difflib.unified_diff(old, new, n=2, lineterm="") if not line.startswith(("---", "+++"))]
    return tuple("  …" if line.startswith("@@") else f"{line[0]} {line[1:]}" for line in found[1:])


def _rule_edits(
    base: Side, head: Side, before: Mapping[str, Json], after: Mapping[str, Json], others: Sequence[Edit]
) -> Iterator[Edit]:
    former = {new: old for old, new in renamed(base, head).items()}
    for name in sorted({*before, *after}):
        if name in former.values() and name not in after:
            continue
        was = former.get(name, "")
        old, new = before.get(was or name), after.get(name)
        through = _through(head.rules.rules.get(name), others)
        if old is None or new is None:
            change: Change = "added" if old is None else "removed"
            yield Edit(kind="rule", name=name, change=change, lines=difference(old, new))
        elif was or old != new or through:
            yield Edit(
                kind="rule",
                name=name,
                change="renamed" if was else "changed",
                was=was,
                keys=tuple(key for key in {**old, **new} if old.get(key) != new.get(key) and key != "was"),
                through=through,
                lines=difference(old, new),
            )


def _through(rule: Rule | None, others: Sequence[Edit]) -> tuple[str, ...]:
    """What a rule depends on and that differs."""
    if rule is None:
        return ()
    named = {
        f"{kind[:-1]} {name}" for kind in ("segments", "metrics", "calendars") for name in rule.source.get(kind, ())
    }
    for use in rule.uses:
        named |= {f"template {use.inputs[key]}" for key in ("template",) if isinstance(use.inputs.get(key), str)}
        named |= {f"team {use.inputs['team']}"} if isinstance(use.inputs.get("team"), str) else set()
        named |= {f"programme {use.inputs['programme']}"} if isinstance(use.inputs.get("programme"), str) else set()
        named.add(f"policy {use.action.partition('.')[0]}")
    return tuple(f"{edit.kind} {edit.name}" for edit in others if f"{edit.kind} {edit.name}" in named)


def _edits(kind: str, before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[Edit]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old != new:
            change: Change = "added" if old is None else "removed" if new is None else "changed"
            texts = isinstance(old if new is None else new, str)
            lines = (
                text_difference((old or "").splitlines(), (new or "").splitlines()) if texts else difference(old, new)
            )
            yield Edit(kind=kind, name=name, change=change, lines=lines)


def _definitions(side: Side) -> Definitions:
    """Everything that the rule files define, as plain values by kind and name."""
    found: dict[str, dict[str, Json]] = {kind: {} for kind in _KINDS}
    for name, text in side.files.items():
        root, _ = read_yaml(text, name)
        for kind in _KINDS:
            node = root.get(kind) if isinstance(root, MapNode) else None
            if isinstance(node, MapNode):
                found[kind].update({key: plain(value) for key, value in node.entries.items()})
    return found


def _letters(side: Side) -> dict[str, str]:
    return {
        name: "\n".join(part.source.text for _, part in sorted(template.parts.items()))
        for name, template in side.project.templates.templates.items()
    }


def _settings(side: Side) -> dict[str, Json]:
    shown = side.project.config.shown()
    return {name: {name: shown[name]} for name in _SETTINGS}


def _schemas(side: Side) -> dict[str, Json]:
    """The declared fields of customers and of each event."""
    declared = {"customer": side.project.schema.customer, **side.project.schema.events}
    return {name: {field: _type(type_) for field, type_ in sorted(fields.items())} for name, fields in declared.items()}


def _type(type_: Type) -> str:
    parts = [type_.kind, *(["nullable"] if type_.nullable else []), *type_.enum]
    return " ".join([*parts, *([f"1/{type_.scale}"] if type_.scale else [])])
