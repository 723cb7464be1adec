"""How the value of an expression moves with time alone: its value now, its pace, and how long both hold."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from retain.language.evaluation.scalars import calculate, compare
from retain.language.syntax.ast import ArithmeticOp, CompareOp
from retain.model import Instant, Json, Millis

Range: TypeAlias = tuple[Json, Json]
RangeOver: TypeAlias = Callable[[Millis], Range | None]
Turns: TypeAlias = Callable[[], Sequence[Instant]]

NEVER: Instant = 221_845_392_000_000  # the year 9000, before calendars run out
LONGEST: Millis = 200 * 366 * 86_400_000
ROUNDING = 2.0**-50  # relative error of one operation on doubles, with room to spare


def _no_turns() -> Sequence[Instant]:
    return ()


class Motion(NamedTuple):
    """A value as a function of time, from now until it may be another function.

    Args:
        value: now; None is missing.
        until: the first instant at which the rest may no longer hold; None is never.
        pace: what it gains in a millisecond; None where it does not move in a line.
        size: the magnitudes of all numbers that it is made of, and `drift` their paces: they bound rounding errors.
        over: the least and greatest value from now to so many milliseconds later; None where that is not bounded.
        turns: gives the only instants at which that range can widen, in any order; None where it can at any.
    """

    value: Json
    until: Instant | None = None
    pace: float | None = 0.0
    size: float = 0.0
    drift: float = 0.0
    over: RangeOver | None = None
    turns: Turns | None = _no_turns

    @property
    def moves(self) -> bool:
        """Whether the value changes before `until`."""
        return self.pace != 0.0 or self.drift > 0.0

    def range_over(self, length: Millis) -> Range | None:
        """The least and greatest value within the next `length` milliseconds."""
        return (self.value, self.value) if self.over is None else self.over(length)


def earliest(*instants: Instant | None) -> Instant | None:
    """The first of several instants, of which None is never."""
    found: Instant | None = None
    for instant in instants:
        if instant is not None and (found is None or instant < found):
            found = instant
    return found


def latest(*instants: Instant | None) -> Instant | None:
    """The last of several instants, of which None is never."""
    known = [instant for instant in instants if instant is not None]
    return max(known) if known and len(known) == len(instants) else None


def still(value: Json, until: Instant | None = None) -> Motion:
    """A value that time does not move."""
    size = abs(float(value)) if type(value) in (int, float) and abs(value) < 1e300 else 0.0
    return Motion(value, until, 0.0, size)


def missing(*parts: Motion) -> Motion:
    """What becomes of parts of which one is missing: nothing, for as long as one of those stays missing."""
    return Motion(None, latest(*(part.until for part in parts if part.value is None)))


def linear(value: float, until: Instant | None, pace: float, over: RangeOver) -> Motion:
    """A value that moves evenly."""
    return Motion(value, until, pace, abs(value), abs(pace), over, None)


def curved(value: Json, until: Instant | None, over: RangeOver, turns: Turns | None = None) -> Motion:
    """A value that moves, but not in a line."""
    return Motion(value, until, None, 0.0, 0.0, over, turns)


def combined(op: ArithmeticOp, left: Motion, right: Motion, now: Instant) -> Motion:
    """One operation on two moving values."""
    if left.value is None or right.value is None:
        return missing(left, right)
    until = earliest(left.until, right.until)
    value = calculate(op, left.value, right.value)
    if not (left.moves or right.moves):
        return still(value, until)
    if value is None:
        return Motion(None, now + 1)  # a divisor passes zero
    both_move = left.moves and right.moves
    if left.pace is None or right.pace is None or (op == "*" and both_move) or (op == "/" and right.moves):
        return curved(value, until, _operate(op, left, right), _turns_of(left, right))
    pace, size, drift = _line(op, left, right)
    return Motion(value, until, pace, size + abs(value), drift + abs(pace), _operate(op, left, right), None)


def _turns_of(*parts: Motion) -> Turns | None:
    known = [part.turns for part in parts if part.turns is not None]
    if len(known) < len(parts):
        return None
    return lambda: [turn for turns in known for turn in turns()]


def _line(op: ArithmeticOp, left: Motion, right: Motion) -> tuple[float, float, float]:
    """Pace, size and drift of an operation that stays a line."""
    assert left.pace is not None
    assert right.pace is not None
    if op in ("+", "-"):
        pace = left.pace + right.pace if op == "+" else left.pace - right.pace
        return pace, left.size + right.size, left.drift + right.drift
    if op == "/":
        factor = 1 / right.value
        return left.pace * factor, left.size * abs(factor), left.drift * abs(factor)
    moving, factor = (left, right.value) if left.moves else (right, left.value)
    assert moving.pace is not None
    return moving.pace * factor, moving.size * abs(factor), moving.drift * abs(factor)


def _operate(op: ArithmeticOp, left: Motion, right: Motion) -> RangeOver:
    """The range of an operation. Doubles round monotonically, so the corners bound every value in between."""

    def over(length: Millis) -> Range | None:
        first, second = left.range_over(length), right.range_over(length)
        if first is None or second is None or (op == "/" and second[0] <= 0 <= second[1]):
            return None
        corners = [calculate(op, a, b) for a in first for b in second]
        return None if None in corners else (min(corners), max(corners))

    return over


def negated(part: Motion) -> Motion:
    """The value with the other sign."""
    if part.value is None:
        return part

    def over(length: Millis) -> Range | None:
        found = part.range_over(length)
        return None if found is None else (-found[1], -found[0])

    pace = None if part.pace is None else -part.pace
    return Motion(-part.value, part.until, pace, part.size, part.drift, over, part.turns)


def applied(function: Callable[[Sequence[Json]], Json], parts: Sequence[Motion], *, bends: bool = False) -> Motion:
    """A function that grows with each argument; `bends` where it is `abs`, which does not."""
    if any(part.value is None for part in parts):
        return missing(*parts)
    until = earliest(*(part.until for part in parts))
    value = function([part.value for part in parts])
    if value is None or not any(part.moves for part in parts):
        return still(value, until)

    def over(length: Millis) -> Range | None:
        ranges = [part.range_over(length) for part in parts]
        if None in ranges:
            return None
        ends = [function([found[end] for found in ranges if found is not None]) for end in (0, 1)]
        if bends and ranges[0] is not None and ranges[0][0] <= 0 <= ranges[0][1]:
            ends.append(0)
        return None if None in ends else (min(ends), max(ends))

    return curved(value, until, over, _turns_of(*parts))


def crossing(op: CompareOp, left: Motion, right: Motion, now: Instant) -> Instant | None:
    """The first instant at which a comparison of two moving values may come out differently."""
    if not (left.moves or right.moves):
        return None
    if left.pace is None or right.pace is None:
        return _crossing_of_curves(op, left, right, now)
    distance, pace = left.value - right.value, left.pace - right.pace
    if pace == 0.0 and abs(distance) <= ROUNDING * (left.size + right.size):
        return None  # they move alike and are equal but for rounding, so there is nothing to wait for
    towards = -pace if distance > 0 else pace
    gap = abs(distance) - ROUNDING * (left.size + right.size)
    closing = towards + ROUNDING * (left.drift + right.drift)
    if gap <= 0:
        return now + 1
    return now + max(1, int(min(gap / closing, LONGEST * 1000))) if closing > 0 else None


def _crossing_of_curves(op: CompareOp, left: Motion, right: Motion, now: Instant) -> Instant | None:
    """Found by bisection over ever shorter times, each bounded from both sides; where turns are known, over those."""
    verdict = compare(op, left.value, right.value)

    def may_differ(at: Instant) -> bool:
        return not _is_certain(op, left, right, at - now, verdict)

    if left.turns is None or right.turns is None:
        lengths = range(LONGEST)
        return now + bisect_left(lengths, True, 1, key=lambda length: may_differ(now + length))
    turns = sorted([*left.turns(), *right.turns()])
    first = bisect_left(turns, True, key=may_differ)
    return turns[first] if first < len(turns) else None


def _is_certain(op: CompareOp, left: Motion, right: Motion, length: Millis, verdict: bool) -> bool:
    """Whether the comparison comes out as `verdict` at every instant of the next `length` milliseconds."""
    first, second = left.range_over(length), right.range_over(length)
    if first is None or second is None:
        return False
    if op in ("==", "!="):
        same = first[0] == first[1] == second[0] == second[1]
        apart = first[1] < second[0] or second[1] < first[0]
        return bool(same if (op == "==") == verdict else apart)
    return all(compare(op, a, b) is verdict for a in first for b in second)


class State(NamedTuple):
    """The verdict of a condition now, and the first instant at which it may be another; None is never."""

    now: bool | None
    until: Instant | None


def joined(states: Iterable[State], deciding: bool) -> State:
    """The state of `and` (decided by false) or `or` (decided by true)."""
    decided: list[Instant | None] = []
    unknown = False
    until: Instant | None = None
    for state in states:
        if state.now is deciding:
            if state.until is None:
                return state
            decided.append(state.until)
        else:
            unknown = unknown or state.now is None
            until = earliest(until, state.until)
    if decided:
        return State(deciding, latest(*decided))
    return State(None if unknown else not deciding, until)


def compared(op: CompareOp, left: Motion, right: Motion, now: Instant) -> State:
    """The state of a comparison of two values that move with time."""
    if left.value is None or right.value is None:
        return State(None, missing(left, right).until)
    until = earliest(left.until, right.until, crossing(op, left, right, now))
    return State(compare(op, left.value, right.value), until)
