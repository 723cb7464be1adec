"""Rows of the store as plain JSON: what `--json` prints. Instants are ISO 8601 in UTC, durations texts."""

from __future__ import annotations

from collections.abc import Mapping

from retain.instants import format_instant
from retain.model import DecisionRow, Effect, Event, Instant, Json, Record, Run
from retain.store.rows import RejectRow, RuleStats

Names = Mapping[int, str]


def iso(at: Instant | None) -> str | None:
    """An instant as text; None stays."""
    return None if at is None else format_instant(at)


def run_json(run: Run, names: Names) -> dict[str, Json]:
    """A run, without its context."""
    return {
        "id": run.id,
        "rule": run.rule,
        "revision": run.revision,
        "customer": names.get(run.customer, f"#{run.customer}"),
        "key": run.key,
        "arm": run.arm,
        "state": run.state.value,
        "step": run.step,
        "wake_at": iso(run.wake_at),
        "started_at": iso(run.started_at),
        "ended_at": iso(run.ended_at),
        "ended_by": run.ended_by,
        "effects": run.effects,
    }


def effect_json(effect: Effect, names: Names) -> dict[str, Json]:
    """An effect."""
    return {
        "id": effect.id,
        "rule": effect.rule,
        "run": effect.run,
        "step": effect.step,
        "customer": names.get(effect.customer, f"#{effect.customer}"),
        "action": effect.action,
        "channel": effect.channel,
        "arm": effect.arm,
        "state": effect.state.value,
        "reason": effect.reason,
        "attempt": effect.attempt,
        "created_at": iso(effect.created_at),
        "due_at": iso(effect.due_at),
        "sent_at": iso(effect.sent_at),
        "inputs": effect.inputs,
        "output": effect.output,
    }


def event_json(event: Event, names: Names) -> dict[str, Json]:
    """An event."""
    return {
        "seq": event.seq,
        "customer": names.get(event.customer, f"#{event.customer}"),
        "kind": event.kind.value,
        "name": event.name,
        "fields": dict(event.fields),
        "occurred_at": iso(event.occurred_at),
        "received_at": iso(event.received_at),
        "source": event.source,
        "message_id": event.message_id,
        "historical": event.historical,
    }


def decision_json(row: DecisionRow) -> dict[str, Json]:
    """A row of the decision log."""
    return {
        "at": iso(row.at),
        "rule": row.rule,
        "run": row.run,
        "kind": row.kind,
        "outcome": row.outcome,
        "path": row.path,
        "why": row.why,
        "values": row.values,
    }


def reject_json(row: RejectRow) -> dict[str, Json]:
    """A message that was refused."""
    return {"id": row.id, "at": iso(row.at), "source": row.source, "reason": row.reason, "body": row.body}


def record_json(record: Record, names: Names) -> dict[str, Json]:
    """A record of a plugin, such as a task."""
    return {
        "id": record.id,
        "kind": record.kind,
        "customer": names.get(record.customer or 0, "-"),
        "owner": record.owner,
        "state": record.state,
        "due_at": iso(record.due_at),
        "fields": record.fields,
    }


def stats_json(stats: RuleStats) -> dict[str, Json]:
    """What came of one rule."""
    return {
        "started": stats.started,
        "live": stats.states,
        "sent": stats.sent,
        "refused": stats.refused,
        "refused_effects": stats.refused_effects,
        "ended": stats.ended,
        "effects": stats.effects,
        "converted": stats.converted,
    }
