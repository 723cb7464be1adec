"""Rows of the tables to values of the vocabulary, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from retain.model import Arm, DecisionRow, Effect, EffectState, Event, Json, LogKind, MessageKind, Record, Run, RunState
from retain.store.database import Row
from retain.store.rows import CustomerRow

KINDS = tuple(MessageKind)
KIND_NUMBER = {kind: number for number, kind in enumerate(KINDS)}
RUN_STATES: Mapping[str, RunState] = {state.value: state for state in RunState}
EFFECT_STATES: Mapping[str, EffectState] = {state.value: state for state in EffectState}

EVENT_COLUMNS = (
    "seq, customer, kind, name, body, occurred_at, received_at, source, message_id, depth, historical, origin,"
    " merged_from, cause_seq"
)
CUSTOMER_COLUMNS = "id, key, fields, stamps, first_seen, first_seq, watches, recheck_at, merged_into"
RUN_COLUMNS = (
    "id, rule, revision, customer, key, arm, state, step, wake_at, started_at, started_seq, cause, context, effects,"
    " first_sent_at, goal_until, ended_at, ended_by"
)
EFFECT_COLUMNS = (
    "id, run, rule, step, customer, action, channel, inputs, arm, state, created_at, due_at, attempt, sent_at, reason,"
    " output, first_failed_at"
)
DECISION_COLUMNS = "id, at, event_seq, rule, customer, run, kind, outcome, path, why, seen"
RECORD_COLUMNS = "kind, id, customer, owner, state, due_at, fields, version"

decode: Callable[[str | bytes], Any] = msgspec.json.decode
_encoder = msgspec.json.Encoder()


def encode(value: Json) -> str:
    """Compact JSON."""
    return _encoder.encode(value).decode()


def event_of(row: Row, sources: Mapping[int, str]) -> Event:
    """An event from its EVENT_COLUMNS."""
    seq, customer, kind, name, body, occurred_at, received_at, source, message_id, depth, historical, *others = row
    origin, merged_from, cause_seq = others
    return Event(
        seq, customer, KINDS[kind], name, decode(body), occurred_at, received_at, sources[source], message_id,
        depth, origin or "", bool(historical), merged_from, cause_seq,
    )  # fmt: skip


def customer_of(row: Row) -> CustomerRow:
    """A customer from its CUSTOMER_COLUMNS."""
    id_, key, fields, stamps, first_seen, first_seq, watches, recheck_at, merged_into = row
    watched = decode(watches) if watches else {}
    return CustomerRow(
        id_, key, decode(fields), decode(stamps), first_seen, watched, recheck_at, merged_into, first_seq
    )


def customer_values(row: CustomerRow) -> Row:
    """A customer as its CUSTOMER_COLUMNS, without merged_into."""
    return (
        row.id,
        row.key,
        encode(row.fields),
        encode(row.stamps),
        row.first_seen,
        row.first_seq,
        encode(row.watches) if row.watches else None,
        row.recheck_at,
    )


def run_of(row: Row) -> Run:
    """A run from its RUN_COLUMNS."""
    arm: Arm = row[5]
    return Run(
        id=row[0],
        rule=row[1],
        revision=row[2],
        customer=row[3],
        key=row[4],
        arm=arm,
        state=RUN_STATES[row[6]],
        step=row[7],
        wake_at=row[8],
        started_at=row[9],
        started_seq=row[10],
        cause=row[11],
        context=decode(row[12]),
        effects=row[13],
        first_sent_at=row[14],
        goal_until=row[15],
        ended_at=row[16],
        ended_by=row[17],
    )


def run_values(run: Run, started_seq: int) -> Row:
    """A run as its RUN_COLUMNS and whether it has ended; an ended one is woken by nothing."""
    return (
        run.id,
        run.rule,
        run.revision,
        run.customer,
        run.key,
        run.arm,
        run.state.value,
        run.step,
        None if run.state is RunState.ENDED else run.wake_at,
        run.started_at,
        started_seq,
        run.cause,
        encode(run.context),
        run.effects,
        run.first_sent_at,
        run.goal_until,
        run.ended_at,
        run.ended_by,
        run.state is RunState.ENDED,
    )


def effect_of(row: Row) -> Effect:
    """An effect from its EFFECT_COLUMNS."""
    arm: Arm = row[8]
    return Effect(
        id=row[0],
        run=row[1],
        rule=row[2],
        step=row[3],
        customer=row[4],
        action=row[5],
        channel=row[6],
        inputs=decode(row[7]),
        arm=arm,
        state=EFFECT_STATES[row[9]],
        created_at=row[10],
        due_at=row[11],
        attempt=row[12],
        sent_at=row[13],
        reason=row[14],
        output=decode(row[15]),
        first_failed_at=row[16],
    )


def effect_values(effect: Effect) -> Row:
    """An effect as its EFFECT_COLUMNS."""
    return (
        effect.id,
        effect.run,
        effect.rule,
        effect.step,
        effect.customer,
        effect.action,
        effect.channel,
        encode(effect.inputs),
        effect.arm,
        effect.state.value,
        effect.created_at,
        effect.due_at,
        effect.attempt,
        effect.sent_at,
        effect.reason,
        encode(effect.output),
        effect.first_failed_at,
    )


def decision_of(row: Row) -> DecisionRow:
    """A row of the decision log from its DECISION_COLUMNS."""
    kind: LogKind = row[6]
    return DecisionRow(
        at=row[1],
        event_seq=row[2],
        rule=row[3],
        customer=row[4],
        run=row[5],
        kind=kind,
        outcome=row[7],
        path=row[8],
        why=row[9],
        values=decode(row[10]) if row[10] else {},
    )


def record_of(row: Row) -> Record:
    """A record from its RECORD_COLUMNS."""
    return Record(
        kind=row[0],
        id=row[1],
        customer=row[2],
        owner=row[3],
        state=row[4],
        due_at=row[5],
        fields=decode(row[6]),
        version=row[7],
    )
