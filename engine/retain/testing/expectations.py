"""What a step of a test can expect: each check says what differs, or nothing where it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from retain.decide.awaited import lookup
from retain.decide.facts import Performed
from retain.model import Effect, EffectState, Json
from retain.testing.virtual import VirtualEngine

_ALL = 100_000


@dataclass(slots=True)
class Difference:
    """What differs: one sentence, and for actions the wanted and the performed ones side by side.

    `lines` begin with `-` (wanted, did not come), `+` (came, not wanted), `~` (came with other inputs) or a blank.
    """

    what: str
    lines: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Sight:
    """What a step may look at.

    Args:
        performed: actions of live runs since an `expect` last spoke; shadow runs do nothing.
        refused: effects that were refused since a list of refusals last spoke.
        outcomes: of the starts that were judged in this step.
    """

    engine: VirtualEngine
    customer: str
    performed: list[Performed]
    refused: list[Effect]
    outcomes: Counter[tuple[str, str]]


Check = Callable[[Sight, Json], Difference | None]


def expected(sight: Sight, wanted: Sequence[Json]) -> Difference | None:
    """These actions and no others, in this order."""
    performed = sight.performed
    if len(performed) == len(wanted) and all(map(fits, wanted, performed)):
        return None
    return Difference("what was performed differs", list(compared(wanted, performed)) or ["  nothing was performed"])


def fits(wanted: Json, performed: Performed) -> bool:
    """Whether an action is the wanted one, with at least the wanted inputs."""
    if isinstance(wanted, str):
        return wanted == performed.action
    if "customer" in wanted and str(wanted["customer"]) != name_of(performed.customer):
        return False
    return all(
        action == performed.action and contains(performed.inputs, inputs or {})
        for action, inputs in wanted.items()
        if action != "customer"
    )


def contains(value: Json, wanted: Json) -> bool:
    """Whether a value is the wanted one; of a map only the wanted keys are compared."""
    if isinstance(wanted, dict):
        return isinstance(value, Mapping) and all(contains(value.get(key), inner) for key, inner in wanted.items())
    return bool(value == wanted)


def compared(wanted: Sequence[Json], performed: Sequence[Performed]) -> Iterator[str]:
    """Both lists in one, aligned so that as many as possible agree."""
    left, right = 0, 0
    for matched_left, matched_right in [*_longest(wanted, performed), (len(wanted), len(performed))]:
        yield from _between(wanted[left:matched_left], performed[right:matched_right])
        if matched_left < len(wanted):
            yield f"  {shown(performed[matched_right])}"
        left, right = matched_left + 1, matched_right + 1


def _between(wanted: Sequence[Json], performed: Sequence[Performed]) -> Iterator[str]:
    """A stretch in which nothing agrees; the same action with other inputs is one line and its inputs."""
    rest = list(performed)
    for one in wanted:
        twin = next((other for other in rest if other.action == _action_of(one)), None)
        if twin is None:
            yield f"- {shown_wanted(one)}"
            continue
        rest.remove(twin)
        yield f"~ {twin.action}"
        yield from (f"~     {line}" for line in _inputs(one, twin))
    yield from (f"+ {shown(other)}" for other in rest)


def _inputs(wanted: Json, performed: Performed) -> Iterator[str]:
    if isinstance(wanted, str):
        return
    if "customer" in wanted and str(wanted["customer"]) != name_of(performed.customer):
        yield f"customer is {name_of(performed.customer)}, not {wanted['customer']}"
    for name, value in (wanted.get(performed.action) or {}).items():
        if not contains(performed.inputs.get(name), value):
            yield f"{name} is {performed.inputs.get(name)!r}, not {value!r}"


def _longest(wanted: Sequence[Json], performed: Sequence[Performed]) -> list[tuple[int, int]]:
    """The longest common subsequence, as pairs of places."""
    best: list[list[list[tuple[int, int]]]] = [[[] for _ in range(len(performed) + 1)] for _ in range(len(wanted) + 1)]
    for left in reversed(range(len(wanted))):
        for right in reversed(range(len(performed))):
            if fits(wanted[left], performed[right]):
                best[left][right] = [(left, right), *best[left + 1][right + 1]]
            else:
                best[left][right] = max(best[left + 1][right], best[left][right + 1], key=len)
    return best[0][0]


def _refused(sight: Sight, wanted: Json) -> Difference | None:
    if isinstance(wanted, str):
        if any(outcome == wanted for _, outcome in sight.outcomes):
            return None
        judged = ", ".join(sorted(f"{rule}: {outcome}" for rule, outcome in sight.outcomes)) or "no start was judged"
        return Difference(f"no start was refused for {wanted}; {judged}")
    if isinstance(wanted, list):
        found = [{effect.action: effect.reason} for effect in sight.refused]
        asked = [{action: reason for action, reason in one.items() if action != "customer"} for one in wanted]
        if found == asked:
            return None
        return Difference(
            "what was refused differs",
            [f"- {_pair(one)}" for one in asked if one not in found]
            + [f"+ {_pair(one)}" for one in found if one not in asked],
        )
    rows = sight.engine.store.list_effects(states=[EffectState.REFUSED], limit=_ALL)
    return _counts("effects refused for", Counter(row.reason for row in rows), wanted)


def _held(sight: Sight, reason: str) -> Difference | None:
    held = sight.engine.store.list_effects(states=[EffectState.PENDING], limit=_ALL)
    if any(row.reason == reason for row in held):
        return None
    others = ", ".join(f"{row.action} for {row.reason or 'its turn'}" for row in held) or "nothing is held"
    return Difference(f"no effect is held for {reason}; {others}")


def _ended_by(sight: Sight, wanted: str) -> Difference | None:
    runs = [run for run in sight.engine.store.list_runs(limit=_ALL) if run.ended_by]
    latest = max(runs, key=lambda run: (run.ended_at or 0, run.started_at, run.started_seq), default=None)
    if latest is not None and latest.ended_by == wanted:
        return None
    if latest is None:
        return Difference(f"no run has ended; one was to be ended by {wanted}")
    return Difference(f"the last run to end was ended by {latest.ended_by}, not {wanted}")


def _ended(sight: Sight, wanted: Mapping[str, int]) -> Difference | None:
    runs = sight.engine.store.list_runs(limit=_ALL)
    return _counts("runs ended by", Counter(run.ended_by for run in runs if run.ended_by), wanted)


def _started(sight: Sight, wanted: int) -> Difference | None:
    started = sum(run.state != "parked" for run in sight.engine.store.list_runs(limit=_ALL))
    return None if started == wanted else Difference(f"runs started so far: {started}, not {wanted}")


def _branch(sight: Sight, wanted: str) -> Difference | None:
    reached = sorted(place for _, place in sight.engine.visits if ":" in place)
    if any(place.endswith(f":{wanted}") for place in reached):
        return None
    return Difference(f"no step took the branch {wanted}; taken: {', '.join(reached) or 'none'}")


def _converted(sight: Sight, wanted: int) -> Difference | None:
    return _ended(sight, {"goal": wanted})


def _dead(sight: Sight, wanted: Mapping[str, int]) -> Difference | None:
    rows = sight.engine.store.list_effects(states=[EffectState.DEAD], limit=_ALL)
    return _counts("dead letters of", Counter(row.action for row in rows), wanted)


def _fields(sight: Sight, wanted: Mapping[str, Json]) -> Difference | None:
    fields = sight.engine.fields_of(sight.customer)
    return _first(
        f"customer.{name} is {lookup(fields, name)!r}, not {value!r}"
        for name, value in wanted.items()
        if not contains(lookup(fields, name), value)
    )


def _segments(sight: Sight, wanted: Mapping[str, bool]) -> Difference | None:
    return _first(
        f"{sight.customer} is {'not ' if is_in else ''}in segment {name}"
        for name, is_in in wanted.items()
        if sight.engine.is_in(sight.customer, name) is not is_in
    )


def _arm(sight: Sight, wanted: str) -> Difference | None:
    runs = sight.engine.store.list_runs(limit=1)
    if runs and runs[0].arm == wanted:
        return None
    return Difference(f"the newest run is {runs[0].arm if runs else 'missing'}, not {wanted}")


CHECKS: Mapping[str, Check] = {
    "expect": expected,
    "refused": _refused,
    "held": _held,
    "ended_by": _ended_by,
    "ended": _ended,
    "started": _started,
    "branch": _branch,
    "converted": _converted,
    "dead": _dead,
    "fields": _fields,
    "segments": _segments,
    "arm": _arm,
}


def shown(performed: Performed) -> str:
    """An action that was performed, with its inputs."""
    inputs = ", ".join(f"{key}: {value}" for key, value in performed.inputs.items())
    return f"{performed.action} {{{inputs}}}"


def shown_wanted(wanted: Json) -> str:
    """An expected action as it is written."""
    if isinstance(wanted, str):
        return wanted
    who = f" for {wanted['customer']}" if "customer" in wanted else ""
    inputs = wanted.get(_action_of(wanted)) or {}
    told = ", ".join(f"{key}: {value}" for key, value in inputs.items())
    return f"{_action_of(wanted)}{f' {{{told}}}' if told else ''}{who}"


def name_of(key: str) -> str:
    """A customer's name as tests write it."""
    return key.removeprefix("user:")


def _action_of(wanted: Json) -> str:
    return wanted if isinstance(wanted, str) else next((name for name in wanted if name != "customer"), "")


def _pair(one: Mapping[str, Json]) -> str:
    return ", ".join(f"{action} for {reason}" for action, reason in one.items())


def _counts(what: str, found: Counter[str], wanted: Mapping[str, int]) -> Difference | None:
    everything = ", ".join(f"{name}: {count}" for name, count in sorted(found.items())) or "none"
    return _first(
        f"{what} {name}: {found[name]}, not {count}; all: {everything}"
        for name, count in wanted.items()
        if found[name] != count
    )


def _first(differences: Iterator[str]) -> Difference | None:
    found = list(differences)
    return Difference("; ".join(found)) if found else None
