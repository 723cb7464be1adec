"""Two customers turn out to be one: one transaction, one event, nobody's wait or limit is lost."""

from __future__ import annotations

from retain.decide.derive import derive
from retain.decide.facts import CustomerFacts, Facts, Moment
from retain.decide.runs import end_run
from retain.decide.watches import reschedule
from retain.language.time.schedules import zone_of
from retain.model import Json, NewEvent, Run
from retain.traits import merge_traits


def merge_customers(facts: Facts, loser_id: int, survivor: CustomerFacts, moment: Moment) -> None:
    """Move all that belongs to one customer to another.

    Where a rule's mode forbids two runs for one key, `restart` keeps the newest and the others the oldest; the rest
    end as `merged`. The newest consent counts, of equal ones the withdrawal; counters and histories add up.
    """
    loser = facts.customers.get(loser_id)
    if loser is None or loser.id == survivor.id:
        return
    facts.changes.merges.append((loser.id, survivor.id, moment.at))
    merge_traits(survivor.fields, survivor.stamps, loser.fields, loser.stamps)
    survivor.zone = zone_of(survivor.fields, facts.plan.defaults.zone)
    survivor.first_seen = min(survivor.first_seen, loser.first_seen)
    survivor.first_seq = survivor.first_seq or loser.first_seq
    for name, series in loser.history.series.items():
        for index, at in enumerate(series.at):
            survivor.history.add(name, at, series.rows[index])
    survivor.sends = sorted(survivor.sends + loser.sends)
    for purpose, granted in loser.consents.items():
        survivor.answer(purpose, granted, loser.answered_at[purpose])
    for watch, state in loser.watches.items():
        survivor.watches[watch] = _state_of_both(survivor.watches.get(watch, {}), state)
    reschedule(facts, survivor)
    facts.records.move(loser.id, survivor.id)
    _move_runs(facts, loser, survivor, moment)
    for known in [name for name, found in facts.customers.items() if found is loser]:
        facts.customers[known] = survivor
    facts.save_customer(survivor)
    new = NewEvent(name="customers_merged", fields={"absorbed": loser.key, "survivor": survivor.key})
    derive(facts, survivor, new, moment, f"merge:{loser.key}:{survivor.key}", 0)


def _state_of_both(mine: dict[str, Json], other: dict[str, Json]) -> dict[str, Json]:
    """An edge or a planned start that either of the two has used up is used up; the earlier look comes first."""
    state = {**other, **mine}
    if other.get("f") and not mine.get("f"):
        state.update(other)
    if "n" in mine and "n" in other and other["n"] < mine["n"]:
        state.update({key: other[key] for key in ("n", "o") if key in other})
    if "l" in mine and "l" in other:
        state["l"] = max(mine["l"], other["l"])
    return state


def _move_runs(facts: Facts, loser: CustomerFacts, survivor: CustomerFacts, moment: Moment) -> None:
    for run in loser.runs.values():
        run.customer = survivor.id
        survivor.runs[run.id] = run
        facts.changes.runs.setdefault(run.id, run)
    loser.runs = {}
    by_key: dict[tuple[str, str, bool], list[Run]] = {}
    for run in survivor.live_runs():
        if run.is_live:
            by_key.setdefault((run.rule, run.key, run.arm == "shadow"), []).append(run)
    for runs in by_key.values():
        mode = facts.rule_of(runs[0]).runs.mode
        if len(runs) < 2 or mode == "parallel":
            continue
        kept = runs[-1] if mode == "restart" else runs[0]
        for run in runs:
            if run is not kept and not (mode == "queue" and run.state.value == "queued"):
                end_run(facts, run, "merged", moment)
