"""A thousand leads through the whole engine: shared out as the weights say, whatever the size of a batch."""

from __future__ import annotations

from collections import Counter

import pytest

from decide_help import NOON, engine, outcomes
from retain.instants import MINUTE
from retain.model import MessageKind

LEADS = """
teams:
  sales:
    members:
      - {email: ada@example.test, weight: 5}
      - {email: ben@example.test, weight: 3}
      - {email: cem@example.test, weight: 2, capacity: 50}
      - {email: dia@example.test, weight: 9, away: [{from: "2026-01-05", to: "2026-01-09"}]}
rules:
  leads: {when: {event: signed_up}, then: [{lead.assign: {team: sales, strategy: weighted, on_nobody: queue}}]}
"""


@pytest.mark.parametrize("batch", [7, 500])
def test_a_thousand_leads_go_by_weight_capacity_and_absence(batch: int) -> None:
    world = engine(LEADS, batch=batch)
    for start in range(0, 1000, 100):
        world.move_to(NOON + start // 100 * MINUTE)
        numbers = range(start, start + 100)
        world.send(*(world.message(f"c{number}", MessageKind.TRACK, "signed_up", {}) for number in numbers))
    assert outcomes(world, "leads") == {"started": 1000}
    had = Counter(record.owner for record in world.store.list_records("lead", limit=2000))
    assert (had["cem@example.test"], had["dia@example.test"], sum(had.values())) == (50, 0, 1000)
    # until Cem is full, ten leads go 5, 3, 2; after that eight go 5, 3
    assert had["ada@example.test"] == pytest.approx(125 + 750 * 5 / 8, abs=1)
    assert had["ben@example.test"] == pytest.approx(75 + 750 * 3 / 8, abs=1)
