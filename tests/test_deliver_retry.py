"""When a failed attempt is tried again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from retain.deliver.retry import jitter_of, next_attempt
from retain.registry import Retry

RETRY = Retry(first_s=5, factor=3, most_s=3600, give_up_after_s=72 * 3600)
JITTER = st.floats(0, 1, exclude_max=True)


def test_the_first_wait_is_between_half_and_the_whole_of_the_first_backoff() -> None:
    assert next_attempt(RETRY, 1, 0, 0, jitter=0.0) == 2_500
    assert next_attempt(RETRY, 1, 0, 0, jitter=0.999999) == 5_000


def test_each_wait_is_three_times_the_one_before() -> None:
    assert [next_attempt(RETRY, n, 0, 0, jitter=0.0) for n in (1, 2, 3)] == [2_500, 7_500, 22_500]


@given(st.integers(1, 10_000), JITTER)
def test_no_backoff_is_above_its_upper_bound(attempt: int, jitter: float) -> None:
    at = next_attempt(RETRY, attempt, 0, 0, jitter=jitter)
    assert at is not None
    assert 2_500 <= at <= 3_600_000


@given(st.floats(0, 60 * 3600), JITTER)
def test_it_never_comes_back_before_the_other_side_asked_for(after: float, jitter: float) -> None:
    at = next_attempt(RETRY, 1, 0, 0, jitter=jitter, after=after)
    assert at is not None
    assert at >= int(after * 1000)


def test_it_gives_up_once_the_next_attempt_would_be_too_late() -> None:
    day4 = 72 * 3_600_000
    assert next_attempt(RETRY, 90, 0, day4 - 3_600_000, jitter=0.0) is not None
    assert next_attempt(RETRY, 90, 0, day4 - 1_000, jitter=0.0) is None
    assert next_attempt(RETRY, 1, 0, 0, jitter=0.0, after=10 * 365 * 86_400.0) is None


def test_a_senseless_retry_after_changes_nothing() -> None:
    plain = next_attempt(RETRY, 1, 0, 0, jitter=0.5)
    assert next_attempt(RETRY, 1, 0, 0, jitter=0.5, after=-7.0) == plain
    assert next_attempt(RETRY, 1, 0, 0, jitter=0.5, after=float("nan")) == plain


def test_the_jitter_is_a_hash_so_a_replay_gives_the_same_instants() -> None:
    assert jitter_of("run1:1", 2) == jitter_of("run1:1", 2)
    assert jitter_of("run1:1", 2) != jitter_of("run1:1", 3)
    assert 0 <= jitter_of("run1:1", 2) < 1
