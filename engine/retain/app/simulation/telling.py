"""A simulation as plain JSON and as CSV; nothing in them depends on how fast the machine is but `seconds`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from retain.app.simulation.outcome import RuleOutcome, Simulation, Week
from retain.instants import format_instant
from retain.model import Json

CSV_COLUMNS = ("day", "rule", "started", "effects", "refused", "goal")
_NAMED = 20  # customers in the list of those who would get too much


def simulation_json(outcome: Simulation) -> dict[str, Json]:
    """A simulation as plain JSON."""
    busiest = outcome.busiest_hour
    return {
        "events": outcome.events,
        "customers": outcome.customers,
        "from": format_instant(outcome.start),
        "to": format_instant(outcome.end),
        "seconds": round(outcome.seconds, 3),
        "messages": outcome.messages,
        "busiest_hour": None if busiest is None else {"at": format_instant(busiest[0]), "messages": busiest[1]},
        "too_many": {
            "more_than": outcome.pressure.limit,
            "customers": len(outcome.pressure.weeks),
            "rules": _sorted(outcome.pressure.rules),
            "most": [_week(key, week) for key, week in outcome.pressure.fullest(_NAMED)],
        },
        "cost": round(outcome.cost, 6),
        "rules": {name: _rule(rule) for name, rule in sorted(outcome.rules.items())},
    }


def csv_rows(outcome: Simulation) -> Iterator[tuple[str, ...]]:
    """One row per day and rule on which anything happened, by day and rule."""
    for day in sorted({day for rule in outcome.rules.values() for day, _ in rule.days}):
        for name, rule in sorted(outcome.rules.items()):
            counts = [rule.days.get((day, what), 0) for what in CSV_COLUMNS[2:]]
            if any(counts):
                yield (day, name, *map(str, counts))


def converted(rule: RuleOutcome) -> Iterator[tuple[str, int, int]]:
    """(arm, reached the goal, started) for each arm that started."""
    for arm in ("live", "holdout", "shadow"):
        if rule.arms[arm]:
            yield arm, rule.goals[arm], rule.arms[arm]


def _rule(rule: RuleOutcome) -> dict[str, Json]:
    days: dict[str, dict[str, int]] = {}
    for (day, what), count in sorted(rule.days.items()):
        days.setdefault(day, {})[what] = count
    return {
        "started": rule.started,
        "refused": _sorted(rule.refused),
        "effects": _sorted(rule.effects),
        "ended": _sorted(rule.ended),
        "messages": rule.messages,
        "arms": {arm: {"started": started, "goal": goal} for arm, goal, started in converted(rule)},
        "held_back": _sorted(rule.held_back),
        "delayed": _sorted(rule.delayed),
        "steps": _sorted(rule.steps),
        "days": days,
        "cost": round(rule.cost, 6),
        "really": None if rule.really is None else _sorted(rule.really),
    }


def _week(key: str, week: Week) -> dict[str, Json]:
    return {
        "customer": key.removeprefix("user:"),
        "messages": week.messages,
        "until": format_instant(week.until),
        "rules": _sorted(week.rules),
    }


def _sorted(counts: Mapping[str, int] | Counter[str]) -> dict[str, int]:
    return {name: count for name, count in sorted(counts.items()) if count}
