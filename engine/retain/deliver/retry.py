"""When a failed attempt is tried again. Pure: the jitter is a hash, so a replay gives the same instants."""

from __future__ import annotations

from retain.instants import SECOND
from retain.model import Instant, share
from retain.registry import Retry

_MOST_DOUBLINGS = 64  # beyond it every schedule is at its upper bound, and a float would overflow
_SPREAD = 0.1  # of what the other side asked for, so that a thousand effects do not come back in one second


def jitter_of(effect_id: str, attempt: int) -> float:
    """The share in [0, 1) by which this attempt of this effect is spread."""
    return share("retry", effect_id, str(attempt))


def next_attempt(
    retry: Retry, attempt: int, first_failed_at: Instant, now: Instant, *, jitter: float, after: float | None = None
) -> Instant | None:
    """The instant of the next attempt, or None where it is time to give up.

    The wait is between half and the whole of the backoff, and never shorter than what the other side asked for.

    Args:
        attempt: the number of the attempt that failed, from 1.
        jitter: a number in [0, 1).
        after: seconds that the other side asked for, as in `Retry-After`.
    """
    whole = min(retry.most_s, retry.first_s * retry.factor ** min(attempt - 1, _MOST_DOUBLINGS))
    wait = whole * (0.5 + jitter / 2)
    if after is not None and after > 0:
        wait = max(wait, after * (1 + _SPREAD * jitter))
    if now + wait * SECOND > first_failed_at + retry.give_up_after_s * SECOND:
        return None
    return now + round(wait * SECOND)
