"""An explanation as values: what was judged, how it came out, and what the run has not done."""

from __future__ import annotations

from dataclasses import dataclass, field

from retain.app.reports.unsent import Unsent
from retain.decide.explain import Line
from retain.instants import format_instant
from retain.model import Effect, Instant, Json, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a rule did or did not start for a customer as of an instant.

    Args:
        at: the instant that is asked about; `decided_at` that of the newest event, edge or planned instant by then.
        verdict: what became of it, for people: `no run started`, `run started`.
        supposed: what was supposed to be otherwise, as written; then nothing is said of what really happened.
        run: the run that this cause started, if there is one, with its effects and those that were not sent, and why.
    """

    rule: str
    customer: str
    at: Instant
    revision: str
    verdict: str
    outcome: str
    lines: tuple[Line, ...]
    would_start_if: str = ""
    next_look: str = ""
    decided_at: Instant | None = None
    supposed: tuple[str, ...] = ()
    run: Run | None = None
    effects: tuple[Effect, ...] = ()
    unsent: tuple[Unsent, ...] = ()
    zone: str = "UTC"
    state: dict[str, Json] = field(default_factory=dict)

    def as_json(self) -> dict[str, Json]:
        """The explanation for machines; instants are ISO texts."""
        return {
            "rule": self.rule,
            "customer": self.customer,
            "at": format_instant(self.at),
            "decided_at": None if self.decided_at is None else format_instant(self.decided_at),
            "revision": self.revision,
            "verdict": self.verdict,
            "outcome": self.outcome,
            "supposed": list(self.supposed),
            "lines": [_line_json(line) for line in self.lines],
            "would_start_if": self.would_start_if,
            "next_look": self.next_look,
            "run": None if self.run is None else _run_json(self.run),
            "effects": [_effect_json(effect) for effect in self.effects],
            "not_sent": [{"step": one.step, "action": one.action, "why": one.why} for one in self.unsent],
        }


def _line_json(line: Line) -> dict[str, Json]:
    return {
        "label": line.label.strip(),
        "path": line.path,
        "text": line.text,
        "mark": line.mark,
        "detail": line.detail,
        "values": line.values,
    }


def _effect_json(effect: Effect) -> dict[str, Json]:
    return {
        "id": effect.id,
        "action": effect.action,
        "step": effect.step,
        "state": effect.state.value,
        "reason": effect.reason,
        "decided_at": format_instant(effect.created_at),
    }


def _run_json(run: Run) -> dict[str, Json]:
    return {
        "id": run.id,
        "state": run.state.value,
        "arm": run.arm,
        "step": run.step,
        "started_at": format_instant(run.started_at),
        "wake_at": None if run.wake_at is None else format_instant(run.wake_at),
        "ended_by": run.ended_by,
    }
