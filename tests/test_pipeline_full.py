"""A store that is full for a while: what was under way is done again, nobody is passed over, nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from decide_help import NOON, engine, plan, said
from retain.errors import StoreFullError
from retain.instants import HOUR
from retain.testing.virtual import VirtualEngine

OTHER = "rules: {other: {when: {event: a}, then: [{wait: 1d}]}}"
SAY = "then: [{note.write: {text: '{{ trigger.kind }}'}}]"
EACH = f"rules: {{r: {{when: {{schedule: {{cron: '0 13 * * *', each: [known_days() >= 0]}}}}, {SAY}}}}}"
BACKFILL = f"rules: {{r: {{when: {{becomes: [customer.score < 40], backfill: true}}, {SAY}}}}}"
PEOPLE = 40


def limited(world: VirtualEngine, pages: int) -> None:
    """Let the store grow to so many pages; 0 is as many as it has now."""
    with world.store._db.write() as session:
        (now,) = session.rows("PRAGMA page_count")[0]
        session.rows(f"PRAGMA max_page_count = {pages or now}")


@pytest.mark.parametrize(
    ("text", "go_on"),
    [
        pytest.param(EACH, lambda world: world.move_to(NOON + HOUR), id="a cron for everybody"),
        pytest.param(BACKFILL, lambda world: world.move_to(world.now), id="a backfill"),
    ],
)
def test_a_sweep_that_could_not_be_stored_is_done_again(text: str, go_on: Callable[[VirtualEngine], None]) -> None:
    world = engine(OTHER, batch=7)
    for number in range(PEOPLE):
        world.identify(f"c{number}", {"score": 30})
    world.pipeline.use(plan(text), world.now)
    for _ in range(3):
        limited(world, 0)
        with pytest.raises(StoreFullError):
            go_on(world)
        limited(world, 1 << 20)
        world.pipeline.step(world.now if text == BACKFILL else NOON + HOUR)
    go_on(world)
    rows = [row for row in world.decisions("r") if row.kind == "start"]
    assert len({row.customer for row in rows}) == len(rows) == len(said(world)) == PEOPLE
