"""`retain doctor`: everything that needs a person, each finding with its cure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from retain.app.projects.project import Project
from retain.app.reports.figures import counted, size
from retain.app.reports.reading import reading, stuck_runs
from retain.app.reports.status import Status, status_of
from retain.errors import nearest
from retain.instants import DAY, MINUTE, SECOND, format_duration, format_instant, from_datetime
from retain.model import EffectState, Instant, Json
from retain.store.rows import StoreHealth
from retain.store.store import Store

Level = Literal["ok", "warning", "error"]
_SHIPPED = Instant(from_datetime(datetime(2025, 1, 1, tzinfo=UTC)))  # no clock is right that says it is earlier
_LEAST_FREE = 1_000_000_000  # bytes
_MOST_NAMES = 8


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    level: Level
    text: str
    cure: str = ""

    def as_json(self) -> dict[str, Json]:
        """The same as plain JSON."""
        return {"subject": self.subject, "level": self.level, "text": self.text, "cure": self.cure}


def examine(project: Project, now: Instant) -> list[Finding]:
    """Look at everything, the project's files first."""
    status = status_of(project)
    found = [*_files(project), *_machine(project, now), *_daemon(status)]
    if status.has_store:
        with reading(project.config) as store:
            found += [*_disk(store.health()), *_backlog(store, status, now), *_trouble(status), *_pauses(status)]
            found += [*_events(project, store), *_zones(store), *_silent(project, store, now), *_looks(store, now)]
            found += _stuck(store)
    else:
        found.append(Finding("store", "warning", "nothing is stored yet", "retain import FILE, or retain run"))
    return found


def _files(project: Project) -> Iterator[Finding]:
    errors, warnings = len(project.errors), len(project.problems) - len(project.errors)
    if errors:
        yield Finding("rules", "error", counted(errors, "error"), "retain check")
    elif warnings:
        yield Finding("rules", "warning", f"no errors, {counted(warnings, 'warning')}", "retain check")
    else:
        yield Finding("rules", "ok", f"{counted(len(project.ruleset.rules), 'rule')}, no problems")
    for plugin, reason in project.registry.broken.items():
        yield Finding(f"plugin {plugin}", "error", f"disabled: {reason.splitlines()[0]}", "retain plugins")
    for warning in project.config.warnings():
        yield Finding("secrets", "warning", warning)
    if project.config.only_to.is_set:
        yield Finding(
            "only_to", "warning", "messages go to some addresses only", "take it out of retain.yaml to go live"
        )


def _machine(project: Project, now: Instant) -> Iterator[Finding]:
    if now < _SHIPPED:
        yield Finding("clock", "error", f"the machine says it is {format_instant(now)}", "set the clock")
    else:
        yield Finding("clock", "ok", format_instant(now // SECOND * SECOND))
    yield _zone_data(project)


def _zone_data(project: Project) -> Finding:
    try:
        data = version("tzdata")
    except PackageNotFoundError:
        data = "of the system"
    berlin = ZoneInfo("Europe/Berlin")
    summer = {datetime(2026, month, 1, tzinfo=berlin).utcoffset() for month in (1, 7)}
    if len(summer) != 2 or len(available_timezones()) < 400:
        return Finding("time zones", "error", "the zone data is incomplete", "pip install tzdata")
    return Finding("time zones", "ok", f"data {data}; the account's zone is {project.config.zone}")


def _daemon(status: Status) -> Iterator[Finding]:
    if status.writer is None:
        yield Finding("daemon", "warning", "not running", "retain run")
    else:
        yield Finding("daemon", "ok", f"process {status.writer} has the store open")


def _disk(health: StoreHealth) -> Iterator[Finding]:
    if health.is_safe_version:
        yield Finding(health.database, "ok", health.version)
    else:
        what = f"{health.version}: before 3.51.3 a second writer can damage the journal"
        yield Finding(health.database, "warning", what, "let only the daemon and retain commands write to the file")
    if health.free_bytes is None:
        return
    free, needed = health.free_bytes, max(_LEAST_FREE, health.file_bytes)
    text = f"{size(free)} free, the store has {size(health.file_bytes)}"
    yield Finding("disk", "ok" if free >= needed else "error", text, "" if free >= needed else "make room")


def _backlog(store: Store, status: Status, now: Instant) -> Iterator[Finding]:
    oldest = store.next_undecided()
    if oldest is None:
        yield Finding("events", "ok", f"{status.counts.events:,}, all decided")
        return
    waited = max(0, now - oldest)
    late = waited > MINUTE
    text = f"{status.counts.undecided:,} not decided, the oldest for {format_duration(waited // SECOND * SECOND)}"
    cure = "" if not late else "retain run" if status.writer is None else "look at the daemon's log"
    yield Finding("events", "warning" if late else "ok", text, cure)


def _trouble(status: Status) -> Iterator[Finding]:
    counts = status.counts
    dead, doubt = (counts.effects.get(state, 0) for state in (EffectState.DEAD, EffectState.IN_DOUBT))
    if dead:
        yield Finding(
            "dead letters", "error", f"{counted(dead, 'effect')} failed for good", "retain effects list --state dead"
        )
    if doubt:
        what = f"{counted(doubt, 'effect')} may have been carried out or not"
        yield Finding("in doubt", "warning", what, "retain effects list --state in_doubt")
    if counts.failed:
        what = f"{counted(counts.failed, 'event')} could not be decided"
        yield Finding("failed events", "error", what, "retain events failed list")
    if counts.rejects:
        what = f"{counted(counts.rejects, 'message')} refused at the door"
        yield Finding("rejects", "warning", what, "retain rejects list")
    if not (dead or doubt or counts.failed):
        yield Finding("effects", "ok", "no dead letters, none in doubt")


def _pauses(status: Status) -> Iterator[Finding]:
    for row in status.pauses:
        what = "everything" if row.scope == "all" else f"{row.scope} {row.name}"
        option = "--all" if row.scope == "all" else f"--{row.scope} {row.name}"
        text = f"{what} by {row.by}, since {format_instant(row.at)}: {row.reason}"
        yield Finding("paused", "warning", text, f"retain resume {option}")


def _events(project: Project, store: Store) -> Iterator[Finding]:
    unknown = {name: count for name, count in store.event_names().items() if name not in project.schema.events}
    if not unknown:
        return
    near = {name: nearest(name, project.schema.events) for name in unknown}
    names = _listed(
        unknown, lambda name: f"{name} ({unknown[name]:,}{f'; did you mean {near[name]}?' if near[name] else ''})"
    )
    yield Finding("undeclared events", "warning", names, "declare each in schemas/events/NAME.json, or fix its sender")


def _zones(store: Store) -> Iterator[Finding]:
    wrong = {name: count for name, count in store.timezones().items() if not _is_zone(name)}
    if wrong:
        text = f"{counted(sum(wrong.values()), 'customer')}: {_listed(wrong, repr)}; such a zone counts as none"
        yield Finding("customers' zones", "warning", text, "send names such as Europe/Berlin")


def _silent(project: Project, store: Store, now: Instant) -> Iterator[Finding]:
    for rule in project.ruleset.rules.values():
        limit = rule.liveness
        if limit is None or rule.status == "off":
            continue
        started = len(store.starts_since(rule.id, now - limit.per))
        if started < limit.count:
            text = f"{rule.id}: {started} starts in {format_duration(limit.per)}, expected {limit.count}"
            yield Finding("silent rule", "warning", text, f"retain rules stats {rule.id}")


def _looks(store: Store, now: Instant) -> Iterator[Finding]:
    for (rule, why), count in store.failed_looks(now - DAY).items():
        text = f"{rule or 'all rules'}, {counted(count, 'customer')} in the last day: {why}"
        cure = "mend what raises; a look that failed is tried again within a day"
        yield Finding("failed looks", "error", text, cure)


def _stuck(store: Store) -> Iterator[Finding]:
    """Runs that nothing will wake: deciding about them raised."""
    counts = Counter((run.rule, str(run.context.get("held_because", ""))) for run in stuck_runs(store))
    for (rule, why), count in sorted(counts.items()):
        cure = f"mend what raises, then: retain runs retry --rule {rule}"
        yield Finding("held runs", "error", f"{rule}, {counted(count, 'run')}: {why}", cure)


def _listed(names: Iterable[str], show: Callable[[str], str]) -> str:
    found = sorted(names)
    more = f" and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
    return ", ".join(show(name) for name in found[:_MOST_NAMES]) + more


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
