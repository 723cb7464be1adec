"""A clock that is set back: what was received before is decided all the same, and what comes after does not wait."""

from __future__ import annotations

import pytest

from decide_help import NOON, plan
from retain.instants import HOUR, MINUTE
from retain.pipeline import Options, Pipeline
from retain.store.store import Store
from store_help import message

RULES = """
rules:
  r: {when: {event: a}, runs: {mode: parallel}, then: [{wait: 1m}, {note.write: {text: later}}]}
"""
CRON = """
  hourly:
    when: {schedule: {cron: "0 * * * *", each: ["known_days() >= 0"]}}
    then: [{note.write: {text: hourly}}]
"""


@pytest.mark.parametrize("batch", [1, 50])
@pytest.mark.parametrize("rules", [RULES, RULES + CRON], ids=["events", "cron"])
def test_a_clock_that_is_set_back_holds_up_no_event(rules: str, batch: int) -> None:
    store = Store.in_memory()
    pipeline = Pipeline(store, plan(rules), NOON - HOUR, Options(batch=batch))
    store.accept([message("a", user_id="u1", at=NOON)], NOON)
    earlier = NOON - HOUR + MINUTE
    store.accept([message("a", user_id="u2", at=earlier)], earlier)
    for now, ended in ((earlier, 0), (earlier + MINUTE, 1), (NOON, 1), (NOON + MINUTE, 2)):
        while pipeline.step(now).more:
            pass
        assert not store.has_undecided()
        assert sum(run.rule == "r" and run.ended_by == "done" for run in store.list_runs()) == ended
