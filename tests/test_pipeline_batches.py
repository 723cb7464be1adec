"""The size of a batch changes nothing: the same rows, in the same order, with the same numbers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from decide_help import plan
from decide_worlds import SLOW, decided, in_many_worlds, rule_texts, streams
from retain.model import Message


def same_in_every_batch(text: str, messages: list[Message]) -> None:
    """Decide one by one, in sevens and all at once; compare every table."""
    rules = plan(text)
    alone = decided(rules, messages, 1)
    for batch in (7, 500):
        together = decided(rules, messages, batch)
        for table, rows in alone.items():
            assert together[table] == rows, f"{table} differs in batches of {batch}"


@given(rule_texts(), streams())
@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
def test_one_batch_of_n_is_n_batches_of_one(text: str, messages: list[Message]) -> None:
    same_in_every_batch(text, messages)


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_one_batch_of_n_is_n_batches_of_one_over_many_worlds(part: int) -> None:
    in_many_worlds(part, same_in_every_batch)
