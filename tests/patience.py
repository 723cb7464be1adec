"""Bounds of time on a machine that has other work too.

Other work only ever adds to a time, so what is quick enough once of several times is quick enough, and what is too slow
by itself is so each time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

TIMES = 6


def shortest(measure: Callable[[], float], bound: float) -> float:
    """The shortest of several measurements, in seconds; the first within the bound is the last."""
    best = measure()
    for _ in range(TIMES - 1):
        if best < bound:
            break
        best = min(best, measure())
    return best


async def shortest_of(measure: Callable[[], Awaitable[float]], bound: float) -> float:
    """The same of what is awaited."""
    best = await measure()
    for _ in range(TIMES - 1):
        if best < bound:
            break
        best = min(best, await measure())
    return best
