"""What a start or a reload brings into force, in the words of the audit trail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from retain.app.commands.desk import Desk, options_of
from retain.app.projects.project import Project
from retain.errors import RetainError
from retain.language.plan import Plan
from retain.language.rules import Rule
from retain.model import Instant, Json, digest
from retain.pipeline.backfills import Backfill, backfills_of
from retain.pipeline.operating import migrate, wake_held
from retain.store.store import Store

Rules = Mapping[str, Rule]
_MOST_NAMES = 100
_DEPLOYED = ("reload", "start")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """What came of a reload.

    Args:
        ok: whether the new rules are in force; else the old ones stay.
        problems: why they stay, or what is not done yet.
    """

    at: Instant
    ok: bool
    rules: int
    problems: tuple[str, ...] = ()
    moved: Mapping[str, int] | None = None  # waiting runs that were moved, ended, or stayed on their old text
    cannot_move: tuple[str, ...] = ()  # the runs that stayed
    restart: tuple[str, ...] = ()  # changed keys of retain.yaml that only a restart applies
    backfills: tuple[Backfill, ...] = ()  # new rules that have all customers to look at


def put_in_force(desk: Desk, project: Project, plan: Plan, restart: Sequence[str], by: str) -> Reload:
    """Let a daemon decide by a plan from now on, and let what waits follow it.

    Args:
        restart: changed keys of retain.yaml that only a restart applies.

    Raises:
        RetainError: it could not be put in force; what was stays.
    """
    pipeline, now = desk.pipeline, desk.now()
    before, options = pipeline.plan, pipeline.options
    changed = rules_changed(desk.store, before.rules, plan.rules, now)
    pipeline.options = replace(options, only_to=options_of(project.config.only_to).only_to)
    told = Reload(at=now, ok=True, rules=len(plan.rules), restart=tuple(restart))
    try:
        pipeline.use(plan, now)
        told = _follow(desk, told)
    except RetainError as error:
        if pipeline.plan is not plan:
            pipeline.options = options
            raise
        what = "the new rules are in force, but not all that waits follows them yet"
        told = replace(told, problems=(f"{what}: {error.what}; mend it, then run `retain reload` again",))
    desk.project = project
    return _audited(desk, told, changed, by)


def _follow(desk: Desk, told: Reload) -> Reload:
    wake_held(desk.pipeline, told.at)
    found = migrate(desk.pipeline, told.at)
    stayed = tuple(run for _, run in found.stayed)
    moved = {str(what): count for what, count in found.counts.items()}
    begun = tuple(backfills_of(desk.store, desk.pipeline.plan))
    return replace(told, moved=moved, cannot_move=stayed, backfills=begun)


def _audited(desk: Desk, told: Reload, changed: Mapping[str, Json], by: str) -> Reload:
    """Keep what changed, also where it is unfinished: the next reload compares with the rules that are in force."""
    unfinished: dict[str, Json] = {"problems": told.problems} if told.problems else {}
    found = {"moved": told.moved, "cannot_move": told.cannot_move, "restart": told.restart}
    try:
        desk.audit(by, "reload", **changed, **found, **unfinished)
    except RetainError as error:
        missing = f"the new rules are in force, but the audit trail does not say so: {error.what}"
        told = replace(told, problems=(*told.problems, missing))
    return told


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
