"""Runs and effects as a step leaves them, on as few pages as can be.

Runs that step together lie apart where many wait, so that every page that a step touches is its own. SQLite writes the
indexes of every column that a statement names, whether or not it changes. So what a step writes names no column that
tells where a row belongs, and passes over a row in which one did change; how many rows it wrote tells of that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from retain.model import Effect, EffectState, Run, RunState
from retain.store.codec import effect_values, run_values
from retain.store.database import Row, Session
from retain.store.dialects.base import insert, upsert
from retain.store.tables import effects, runs

_STEPPED = ("revision", "state", "step", "wake_at", "context", "effects", "first_sent_at", "goal_until", "ended_at",
            "ended_by")  # fmt: skip
STEP_RUN = insert(runs, replace=_STEPPED, same=("rule", "customer", "started_at", "has_ended"))
END_RUN = insert(runs, replace=(*_STEPPED, "has_ended"), same=("rule", "customer", "started_at"))
UPSERT_RUN = upsert(runs)

_ANSWERED = ("step", "inputs", "state", "due_at", "attempt", "reason", "output", "first_failed_at")
ANSWER_EFFECT = insert(effects, replace=_ANSWERED, same=("rule", "customer", "sent_at"))
CLAIM_EFFECT = insert(effects, replace=(*_ANSWERED, "sent_at"), same=("rule", "customer"))
UPSERT_EFFECT = upsert(effects)
_CLAIMABLE = (EffectState.PENDING, EffectState.SENDING, EffectState.SHADOW)


def write_runs(session: Session, changed: Sequence[Run], numbers: Mapping[int, int]) -> None:
    """Write runs as they are now.

    Args:
        numbers: working numbers of the batch's own events to their places in the order.
    """
    live: list[Row] = []
    ended: list[Row] = []
    for run in changed:
        rows = ended if run.state is RunState.ENDED else live
        rows.append(run_values(run, numbers.get(run.started_seq, run.started_seq)))
    _write(session, STEP_RUN, live, UPSERT_RUN)
    _write(session, END_RUN, ended, UPSERT_RUN)


def write_effects(session: Session, changed: Sequence[Effect]) -> None:
    """Write effects as they are now."""
    claimable: list[Row] = []
    answered: list[Row] = []
    for effect in changed:
        is_answered = effect.sent_at is not None and effect.state not in _CLAIMABLE
        rows = answered if is_answered else claimable
        rows.append(effect_values(effect))
    _write(session, CLAIM_EFFECT, claimable, UPSERT_EFFECT)
    _write(session, ANSWER_EFFECT, answered, UPSERT_EFFECT)


def _write(session: Session, narrow: str, rows: list[Row], whole: str) -> None:
    """Write rows by the statement that names little; all of them whole where it has passed one over."""
    if session.change_many(narrow, rows) < len(rows):
        session.change_many(whole, rows)
