"""What a start or a reload brings into force, in the words of the audit trail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from retain.language.rules import Rule
from retain.model import Instant, Json, digest
from retain.pipeline.backfills import Backfill
from retain.store.store import Store

Rules = Mapping[str, Rule]
_MOST_NAMES = 100
_DEPLOYED = ("reload", "start")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """What came of a reload: the new rules are in force, or the old ones stay and `problems` says why."""

    at: Instant
    ok: bool
    rules: int
    problems: tuple[str, ...] = ()
    moved: Mapping[str, int] | None = None  # waiting runs that were moved, ended, or stayed on their old text
    cannot_move: tuple[str, ...] = ()  # the runs that stayed
    restart: tuple[str, ...] = ()  # changed keys of retain.yaml that only a restart applies
    backfills: tuple[Backfill, ...] = ()  # new rules that have all customers to look at


def rules_changed(store: Store, before: Rules, after: Rules, at: Instant) -> dict[str, Json]:
    """Which rules a reload changes; of those with another text, the ones whose text was in force once before.

    Args:
        at: of the reload; a text that was first loaded earlier is an older one.
    """
    changed = [name for name, rule in after.items() if name in before and _said(rule) != _said(before[name])]
    other_text = [name for name in changed if after[name].revision != before[name].revision]
    return _named(
        added=[name for name in after if name not in before],
        changed=changed,
        removed=[name for name in before if name not in after],
        back=_first(other_text, lambda name: _was_loaded(store, after[name], at)),
    ) | _mark(after)


def rules_started(store: Store, rules: Rules) -> dict[str, Json]:
    """Whether a daemon starts with the rules that were in force last; None at the first start."""
    last = next(iter(store.list_audit(1, what=_DEPLOYED)), None)
    mark = _mark(rules)
    return mark | {"as_before": None if last is None else last.details.get("mark") == mark["mark"]}


def _mark(rules: Rules) -> dict[str, Json]:
    return {"rules": len(rules), "mark": digest(*sorted(repr(_said(rule)) for rule in rules.values()))}


def _said(rule: Rule) -> tuple[object, ...]:
    """All that a rule says of what it does; where it stands in its file is no part of that."""
    limits = (rule.holdout, rule.breaker, rule.liveness)
    return (rule.id, rule.revision, rule.status, rule.owner, rule.was, rule.on_change, *limits)


def _was_loaded(store: Store, rule: Rule, at: Instant) -> bool:
    return any(row.revision == rule.revision and row.at < at for row in store.list_revisions(rule.id))


def _first(names: list[str], wanted: Callable[[str], bool]) -> list[str]:
    return [name for name in names[:_MOST_NAMES] if wanted(name)]


def _named(**lists: list[str]) -> dict[str, Json]:
    return {what: sorted(names)[:_MOST_NAMES] for what, names in lists.items() if names}
