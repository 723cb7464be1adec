"""What becomes of the runs that wait when other rules are deployed, and who is in which segment then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from retain.app.planning.edits import Edit
from retain.app.reports.reading import short_key
from retain.decide.facts import Facts, Moment
from retain.decide.scopes import event_scope
from retain.language.condition import Condition, Needs
from retain.language.plan import Plan
from retain.model import Instant, Run, RunState
from retain.pipeline.load import load_customers
from retain.store.store import Store

Becomes: TypeAlias = Literal["finish", "move", "exit", "cannot_move", "held", "orphaned"]
LIVE = tuple(state for state in RunState if state is not RunState.ENDED)
_ALL = 1 << 31
_CHUNK = 500
_DEFINING = frozenset({"segment", "metric", "programme"})  # what a segment's condition can be made of


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Runs of one rule that wait, and what becomes of them.

    Args:
        becomes: `finish` on the text that they began with; `move` to the new one; `exit`: they end; `cannot_move`:
            their step is not found in the new text, so they finish; `held`: the rule is off, so they stand still;
            `orphaned`: the rule is gone, and they finish.
    """

    rule: str
    becomes: Becomes
    runs: tuple[str, ...]
    customers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One segment before and after, by those who know: how many are in, and who comes and goes."""

    segment: str
    before: int
    after: int
    enter: tuple[str, ...]
    leave: tuple[str, ...]


def waiting_runs(store: Store) -> list[Run]:
    """The runs that have not ended."""
    return store.list_runs(states=LIVE, limit=_ALL)


def fates_of(former: Iterable[Run], store: Store, base: Plan, head: Plan, renamed: Mapping[str, str]) -> list[Waiting]:
    """What became of runs that waited, now that a plan is deployed; runs of rules that stay as they are are left out.

    Args:
        former: as they were before.
        store: as it is now.
        renamed: the present id of each rule that was renamed, by its former one.
    """
    former = [run for run in former if run.state is not RunState.WATCHED]
    after = store.runs_by_id([run.id for run in former])
    names = {number: short_key(row.key) for number, row in store.customers([run.customer for run in former]).items()}
    found: dict[tuple[str, Becomes], list[Run]] = defaultdict(list)
    for run in former:
        becomes = None if _is_same(run, base, head) else _becomes(run, after[run.id], head, renamed)
        if becomes is not None:
            found[renamed.get(run.rule, run.rule), becomes].append(run)
    return [
        Waiting(
            rule=rule,
            becomes=becomes,
            runs=tuple(sorted(run.id for run in runs)),
            customers=tuple(sorted({names.get(run.customer, "-") for run in runs})),
        )
        for (rule, becomes), runs in sorted(found.items())
    ]


def _is_same(run: Run, base: Plan, head: Plan) -> bool:
    old, new = base.rules.get(run.rule), head.rules.get(run.rule)
    if old is None or new is None:
        return old is new
    return old.revision == new.revision and (old.status == "off") == (new.status == "off")


def _becomes(before: Run, after: Run, plan: Plan, renamed: Mapping[str, str]) -> Becomes | None:
    rule = plan.rules.get(renamed.get(before.rule, before.rule))
    if rule is None:
        return "orphaned"
    if after.ended_by == "edited":
        return "exit"
    if rule.status == "off":
        return "held"
    if before.revision == rule.revision:
        return None
    if after.revision == rule.revision:
        return "move"
    return "cannot_move" if rule.on_change == "move" else "finish"


def memberships(store: Store, base: Plan, head: Plan, edits: Sequence[Edit], at: Instant) -> list[Membership]:
    """The segments whose definition differs, with the customers who are in one side only."""
    if not any(edit.kind in _DEFINING for edit in edits):
        return []
    sides = [_members(store, plan, at) for plan in (base, head)]
    found = []
    for name in sorted({*base.ruleset.segments, *head.ruleset.segments}):
        old, new = (side.get(name, set()) for side in sides)
        if old == new and (name in sides[0]) == (name in sides[1]):
            continue
        rows = store.customers(sorted(old ^ new))
        found.append(
            Membership(
                segment=name,
                before=len(old),
                after=len(new),
                enter=tuple(sorted(short_key(rows[number].key) for number in new - old)),
                leave=tuple(sorted(short_key(rows[number].key) for number in old - new)),
            )
        )
    return found


def _members(store: Store, plan: Plan, at: Instant) -> dict[str, set[int]]:
    """The customers of each segment at an instant."""
    conditions: dict[str, Condition] = {name: one.condition for name, one in plan.ruleset.segments.items()}
    needs = Needs.union(plan.needs, *(condition.needs for condition in conditions.values()))
    asking = replace(plan, needs=needs)
    found: dict[str, set[int]] = {name: set() for name in conditions}
    moment = Moment.of_timer(at)
    for ids in _ids(store):
        facts = Facts(plan=asking)
        load_customers(store, facts, ids, at)
        for number in ids:
            scope = event_scope(facts.customers[number], moment)
            for name, condition in conditions.items():
                if condition.is_true(scope):
                    found[name].add(number)
    return found


def _ids(store: Store) -> Iterator[list[int]]:
    position = 0
    while ids := store.customer_ids_after(position, _CHUNK):
        yield ids
        position = ids[-1]
