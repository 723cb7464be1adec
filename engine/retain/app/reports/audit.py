"""The audit trail in words: who did what, by which command."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from retain.app.reports.figures import counted
from retain.app.reports.rows import iso
from retain.model import Json
from retain.store.rows import AuditRow

Details = Mapping[str, Json]
_MOST_NAMES = 5
_VERBS = {
    "accept": "import",
    "close_task": "tasks close",
    "confirm_effects": "effects confirm",
    "drop_effects": "effects drop",
    "drop_events": "events failed drop",
    "import_consents": "consents import",
    "import_suppressions": "suppressions import",
    "reload_refused": "reload refused",
    "retry_effects": "effects retry",
    "retry_events": "events failed retry",
    "retry_runs": "runs retry",
    "rollback": "rules rollback",
    "start": "run",
    "stop_run": "runs stop",
}
_SUMMED = {"accept": "messages", "import_consents": "rows", "import_suppressions": "rows"}


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of the audit trail; an import that came in many parts is one."""

    row: AuditRow
    parts: int = 1

    @property
    def verb(self) -> str:
        """The command, as it is called on the command line."""
        return _VERBS.get(self.row.what, self.row.what.replace("_", " "))

    def told(self) -> str:
        """What it was about, in words."""
        tell = _TELLING.get(self.row.what)
        return tell(self.row.details) if tell else _plainly(self.row.details)

    def as_json(self) -> dict[str, Json]:
        """The same as plain JSON."""
        row = self.row
        return {"at": iso(row.at), "who": row.who, "what": row.what, "details": row.details, "parts": self.parts}


def deeds_of(rows: Iterable[AuditRow]) -> Iterator[Deed]:
    """The lines of an audit trail that is newest first; parts of one import, one after the other, are put together."""
    held: Deed | None = None
    for row in rows:
        if held is not None and _is_more_of(held.row, row):
            held = _joined(held, row)
            continue
        if held is not None:
            yield held
        held = Deed(row)
    if held is not None:
        yield held


def _is_more_of(later: AuditRow, row: AuditRow) -> bool:
    same = (later.who, later.what) == (row.who, row.what) and later.what in _SUMMED
    sources = ("sources", "source")
    return same and all(later.details.get(name) == row.details.get(name) for name in sources)


def _joined(deed: Deed, row: AuditRow) -> Deed:
    names = (_SUMMED[row.what], "duplicates")
    sums = {name: deed.row.details[name] + row.details[name] for name in names if name in row.details}
    return Deed(replace(deed.row, details=deed.row.details | sums), deed.parts + 1)


def _pause(details: Details) -> str:
    return _with_reason(_what(details), details)


def _resume(details: Details) -> str:
    released = details.get("released", 0)
    dropped = "parked runs dropped" if details.get("parked") == "drop" else ""
    return _joined_words(_what(details), counted(released, "parked run") + " started" if released else dropped)


def _what(details: Details) -> str:
    return "everything" if details["scope"] == "all" else f"{details['scope']} {details['name']}"


def _reload(details: Details) -> str:
    named = ("added", "changed", "removed")
    parts = [f"{what}: {_listed(details[what])}" for what in named if details.get(what)]
    if details.get("back"):
        parts.append(f"back to an older text: {_listed(details['back'])}")
    moved = [f"{counted(count, 'waiting run')} {what}" for what, count in sorted((details.get("moved") or {}).items())]
    restart = [f"only a restart applies {_listed(details['restart'])}"] if details.get("restart") else []
    unfinished = [_first_problem(details)] if details.get("problems") else []
    return _joined_words(counted(details["rules"], "rule"), *(parts or ["none changed"]), *moved, *restart, *unfinished)


def _start(details: Details) -> str:
    compared = {None: "", True: "as before", False: "not as before"}[details["as_before"]]
    return _joined_words(counted(details["rules"], "rule"), compared)


def _first_problem(details: Details) -> str:
    problems = details.get("problems") or ()
    return str(problems[0]).splitlines()[0] if problems else ""


def _effects(details: Details) -> str:
    return _ids("effect", details)


def _runs(details: Details) -> str:
    return _ids("run", details)


def _ids(one: str, details: Details) -> str:
    refused = details.get("refused") or {}
    ids = [name for name in details["ids"] if name not in refused]
    not_done = f"{counted(len(refused), one)} refused" if refused else ""
    return _joined_words(f"{counted(len(ids), one)}: {_listed(ids)}" if ids else f"no {one}", not_done)


def _retried_events(details: Details) -> str:
    return f"{counted(len(details['seqs']), 'event')}: {_listed(details['seqs'])}"


def _dropped_events(details: Details) -> str:
    events = details["events"]
    return f"{counted(len(events), 'event')}: {_listed([event['seq'] for event in events])}"


def _accepted(details: Details) -> str:
    again = details.get("duplicates", 0)
    known = f"{again:,} of them known already" if again else ""
    return _joined_words(counted(details["messages"], "message"), known)


def _rows(details: Details) -> str:
    source = f" from {details['source']}" if details.get("source") else ""
    return counted(details["rows"], "row") + source


def _stopped(details: Details) -> str:
    return _with_reason(str(details["run"]), details)


def _closed(details: Details) -> str:
    return f"{details['task']}: {details['outcome']}"


def _exported(details: Details) -> str:
    events, customers = counted(details["events"], "event"), counted(details["customers"], "customer")
    return f"{events} of {customers}, with pseudonyms, to {details['file']}"


def _rolled_back(details: Details) -> str:
    return f"rule {details['rule']} as in {details['revision']}, written into {details['file']}"


def _with_reason(text: str, details: Details) -> str:
    reason = str(details.get("reason", "")).removeprefix("breaker: ")  # who it was stands before it
    return f"{text}: {reason}" if reason else text


def _listed(names: Iterable[Json]) -> str:
    found = [str(name) for name in names]
    more = f" and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
    return ", ".join(found[:_MOST_NAMES]) + more


def _joined_words(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _plainly(details: Details) -> str:
    return ", ".join(f"{name}: {value}" for name, value in details.items())


_TELLING: Mapping[str, Callable[[Details], str]] = {
    "accept": _accepted,
    "close_task": _closed,
    "confirm_effects": _effects,
    "drop_effects": _effects,
    "drop_events": _dropped_events,
    "export": _exported,
    "import_consents": _rows,
    "import_suppressions": _rows,
    "pause": _pause,
    "reload": _reload,
    "reload_refused": _first_problem,
    "resume": _resume,
    "retry_effects": _effects,
    "retry_events": _retried_events,
    "retry_runs": _runs,
    "rollback": _rolled_back,
    "start": _start,
    "stop_run": _stopped,
}
