"""`retain status`: what a project does right now, in one value."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from retain.app.projects.project import Project
from retain.app.reports.figures import counted
from retain.app.reports.reading import has_store, reading
from retain.app.reports.rows import iso
from retain.model import EffectState, Instant, Json
from retain.pipeline.backfills import Backfill, backfills_of
from retain.store.dialects.location import shown
from retain.store.rows import PauseRow, StoreCounts
from retain.store.store import Store

_NOTHING = StoreCounts(customers=0, events=0, undecided=0, rejects=0, failed=0, runs={}, effects={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A project at one instant."""

    name: str
    dir: Path
    store: str  # the file, or the URL without its password
    has_store: bool
    writer: int | None  # the process that has the store open for writing
    rules: dict[str, int]  # by status, `disabled` included
    disabled: dict[str, str]  # rules with an error, and their first one
    broken_plugins: dict[str, str]
    pauses: list[PauseRow] = field(default_factory=list)
    counts: StoreCounts = _NOTHING
    next_due: Instant | None = None
    backfills: list[Backfill] = field(default_factory=list)  # first looks of new rules that are under way
    only_to: bool = False  # whether messages are limited to some addresses

    @property
    def troubles(self) -> list[str]:
        """What a person should look at, each in a few words."""
        effects = self.counts.effects
        found = [
            (len(self.disabled), "rule with an error", "rules with an error"),
            (len(self.broken_plugins), "disabled plugin", "disabled plugins"),
            (effects.get(EffectState.DEAD, 0), "dead letter", "dead letters"),
            (effects.get(EffectState.IN_DOUBT, 0), "effect in doubt", "effects in doubt"),
            (self.counts.failed, "event that could not be decided", "events that could not be decided"),
        ]
        return [counted(count, one, many) for count, one, many in found if count]

    def as_json(self) -> dict[str, Json]:
        """The same as plain JSON."""
        return {
            "name": self.name,
            "dir": str(self.dir),
            "store": self.store,
            "writer": self.writer,
            "degraded": bool(self.disabled or self.broken_plugins),
            "rules": self.rules,
            "disabled": self.disabled,
            "broken_plugins": self.broken_plugins,
            "paused": [
                {"scope": row.scope, "name": row.name, "reason": row.reason, "by": row.by, "at": iso(row.at)}
                for row in self.pauses
            ],
            "customers": self.counts.customers,
            "events": self.counts.events,
            "undecided": self.counts.undecided,
            "failed_events": self.counts.failed,
            "rejects": self.counts.rejects,
            "runs": self.counts.runs,
            "effects": self.counts.effects,
            "next_due": iso(self.next_due),
            "backfills": [one.as_json() for one in self.backfills],
            "only_to": self.only_to,
            "troubles": self.troubles,
        }


def status_of(project: Project) -> Status:
    """What a project does right now; works before anything is stored, too."""
    location = project.config.store_location()
    rules = Counter(str(rule.status) for rule in project.ruleset.rules.values())
    rules.update({"disabled": len(project.ruleset.disabled)} if project.ruleset.disabled else {})
    known = Status(
        name=project.config.name,
        dir=project.dir,
        store=shown(location),
        has_store=has_store(project.config),
        writer=Store.writer_of(location),
        rules=dict(rules),
        disabled=dict(project.ruleset.disabled),
        broken_plugins=dict(project.registry.broken),
        only_to=project.config.only_to.is_set,
    )
    return _with_store(project, known) if known.has_store else known


def _with_store(project: Project, known: Status) -> Status:
    with reading(project.config) as store:
        return replace(
            known,
            pauses=store.pauses(),
            counts=store.counts(),
            next_due=store.next_due(),
            backfills=backfills_of(store, project.plan()),
        )
