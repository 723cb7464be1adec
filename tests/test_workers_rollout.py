"""Two workers that decide by different rules for a while, because one was reloaded before the other."""

from __future__ import annotations

import pytest

from decide_help import NOON, plan
from retain.instants import DAY
from retain.store.sharing import PARTITIONS, partition_of
from store_help import identify, message
from test_workers import Worker, wait, workers

NONE = "rules: {other: {when: {event: b}, runs: {mode: parallel}, then: [{note.write: {text: b}}]}}"
QUIET = "rules: {q: {when: {becomes: [days_since(a) >= 30]}, then: [{note.write: {text: quiet}}]}}"
DATED = "rules: {q: {when: {schedule: {date: customer.renews_at, at: '13:00'}}, then: [{note.write: {text: due}}]}}"
WAITS = "rules: {w: {when: {event: a}, runs: {mode: parallel}, then: [{wait: 1h}, {note.write: {text: TEXT}}]}}"


@pytest.mark.parametrize("first", [0, 1], ids=["whoever_leads_first", "whoever_leads_last"])
def test_what_a_worker_missed_by_its_older_rules_is_looked_at_once_it_is_reloaded(first: int) -> None:
    with workers(2, NONE) as made:
        made.sort(key=lambda worker: worker.store.leads, reverse=not first)
        made[0].pipeline.use(plan(QUIET), NOON)
        settle(made, NOON)
        made[0].store.accept([message("a", user_id=f"u{user}", at=NOON) for user in range(PARTITIONS)], NOON)
        settle(made, NOON)
        made[1].pipeline.use(plan(QUIET), NOON + 1)
        wait(lambda: settle(made, NOON + 1) and all(row.done for row in made[0].store.watch_rows()))
        settle(made, NOON + 31 * DAY)
        assert len(made[0].store.list_runs(limit=1_000)) == PARTITIONS


def test_a_date_that_a_worker_without_the_schedule_took_in_is_met_as_it_is_once_the_rule_is_back() -> None:
    with workers(2, DATED) as made:
        made.sort(key=lambda worker: worker.store.leads, reverse=True)
        renews_at(made, "2026-01-08")
        made[1].pipeline.use(plan(NONE), NOON)
        renews_at(made, "2026-01-20")
        made[1].pipeline.use(plan(DATED), NOON)
        wait(lambda: settle(made, NOON) and all(row.done and row.rule for row in made[0].store.watch_rows()))
        settle(made, NOON + 10 * DAY)
        assert made[0].store.list_runs(limit=1_000) == []
        settle(made, NOON + 30 * DAY)
        assert len(made[0].store.list_runs(limit=1_000)) == PARTITIONS


def renews_at(made: list[Worker], day: str) -> None:
    """Everybody's date changes."""
    people = [identify(user_id=f"u{user}", at=NOON, fields={"renews_at": day}) for user in range(PARTITIONS)]
    made[0].store.accept(people, NOON)
    settle(made, NOON)


def test_a_run_goes_on_by_the_text_that_it_began_with_whichever_worker_takes_it_over() -> None:
    with workers(2, WAITS.replace("TEXT", "old")) as made:
        made[0].pipeline.use(plan(WAITS.replace("TEXT", "new")), NOON)
        made[1].store.accept([message("a", user_id=f"u{user}", at=NOON) for user in range(PARTITIONS)], NOON)
        settle(made, NOON)
        texts = {partition_of(run.customer): run.revision for run in made[0].store.list_runs(limit=1_000)}
        assert len(set(texts.values())) == 2, "each decides by the rules that it has"
        made[0].store.close()
        wait(lambda: (made[1].turn(), len(made[1].store._share.tokens) == PARTITIONS)[1])
        settle(made[1:], NOON + DAY)
        ended = made[1].store.list_runs(limit=1_000)
        assert {run.state.value for run in ended} == {"ended"}
        assert {partition_of(run.customer): run.revision for run in ended} == texts


def settle(made: list[Worker], now: int) -> bool:
    """Let each decide what is its own, up to an instant."""
    while sum(worker.turn(now) for worker in made):
        pass
    return True
