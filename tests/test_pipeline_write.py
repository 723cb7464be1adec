"""How the outcomes of an event are packed."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from retain.pipeline.write import PackedOutcomes

NUMBERS = {"a": 1, "b": 200, "c": 70_000}
OUTCOME = st.tuples(st.sampled_from([*NUMBERS, "unknown"]), st.integers(0, 15), st.integers(-1, 40))


@given(st.lists(OUTCOME, max_size=40))
def test_packed_outcomes_are_one_message_of_revision_number_outcome_and_clause(
    outcomes: list[tuple[str, int, int]],
) -> None:
    packed = PackedOutcomes(NUMBERS).list_of(outcomes)
    assert msgspec.msgpack.decode(packed) == [
        [NUMBERS.get(name, 0), number, clause] for name, number, clause in outcomes
    ]


def test_more_outcomes_than_one_byte_can_count_are_packed_too() -> None:
    packed = PackedOutcomes(NUMBERS).list_of([("a", 1, 0)] * 1_000)
    assert msgspec.msgpack.decode(packed) == [[1, 1, 0]] * 1_000
