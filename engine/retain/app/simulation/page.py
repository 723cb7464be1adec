"""A simulation as one page that needs nothing else: no script, no font, no picture from anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import tzinfo
from html import escape
from typing import TypeAlias

from retain.app.reports.times import show_time, zone_name
from retain.app.reports.words import WORDS
from retain.app.simulation.drawing import Bar, bars, columns_over_time, table, timeline
from retain.app.simulation.outcome import RuleOutcome, Simulation
from retain.app.simulation.style import STYLE
from retain.app.simulation.telling import converted
from retain.decide.steps import step_index
from retain.instants import to_datetime
from retain.language.rules import ActionStep, Rule

Period: TypeAlias = tuple[str, str]  # its first and last day
_GROUPS = 120
_FULLEST = 10  # customers who are named
_HEAD = (
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    f"<title>Retain: what the rules would have done</title><style>{STYLE}</style>"
)
_LIMITS = (
    "A simulation holds fixed what people did. It cannot know what they would have done after a message, "
    "and whoever reached a goal here did so without one."
)


def simulation_page(outcome: Simulation, rules: Mapping[str, Rule], zone: tzinfo) -> str:
    """The whole page as HTML.

    Args:
        rules: those that were simulated, for the names of their steps.
        zone: in which times are shown.
    """
    span = f"{show_time(outcome.start, zone)} to {show_time(outcome.end, zone)} {zone_name(zone)}"
    period = f"{to_datetime(outcome.start, zone):%Y-%m-%d}", f"{to_datetime(outcome.end, zone):%Y-%m-%d}"
    busy = [name for name, rule in sorted(outcome.rules.items()) if rule.started]
    body = [
        "<header><h1>What the rules would have done</h1>",
        f"<p>{outcome.events:,} events of {outcome.customers:,} customers, {escape(span)}. Nothing was sent.</p>",
        f'<p class="quiet">{_LIMITS}</p></header><main>',
        *_overview(outcome, zone, busy, period),
        *_pressure(outcome, zone),
    ]
    for name in busy:
        body += ["<section>", *_rule(name, outcome.rules[name], rules.get(name), period), "</section>"]
    body += [*_idle(outcome, busy), "</main>"]
    whole = "\n".join(body)
    return f'<!doctype html>\n<html lang="en">\n<head>{_HEAD}</head>\n<body>\n{whole}\n</body>\n</html>\n'


def _overview(outcome: Simulation, zone: tzinfo, busy: list[str], period: Period) -> Iterator[str]:
    rules = outcome.rules.values()
    numbers = [
        ("runs started", f"{sum(rule.started for rule in rules):,}"),
        ("messages", f"{outcome.messages:,}"),
        ("other actions", f"{sum(map(_other_actions, rules)):,}"),
        ("held back", f"{sum(rule.held_back.total() for rule in rules):,}"),
    ]
    if outcome.busiest_hour is not None:
        at, count = outcome.busiest_hour
        numbers.append((f"messages in the busiest hour, {show_time(at, zone)}", f"{count:,}"))
    if outcome.action_costs:
        numbers.append(("estimated cost", f"{outcome.cost:,.2f}"))
    tiles = "".join(f"<div><dt>{escape(what)}</dt><dd>{number}</dd></div>" for what, number in numbers)
    yield f'<dl class="tiles">{tiles}</dl>'
    volume = {name: _by_day(outcome.rules[name], "effects") for name in busy}
    if any(volume.values()):
        yield "<h2>Volume over time</h2>"
        yield columns_over_time(timeline(volume, _GROUPS, period), "messages and other actions")
    if busy:
        yield "<h2>The rules</h2>"
        yield table(
            ("rule", "started", "messages", "other actions", "held back", "goal reached"),
            [_row(name, outcome.rules[name]) for name in busy],
        )
    if outcome.action_costs:
        yield "<h2>Estimated cost</h2>"
        yield table(("action", "cost"), [(name, f"{cost:,.2f}") for name, cost in sorted(outcome.action_costs.items())])


def _row(name: str, rule: RuleOutcome) -> tuple[str, ...]:
    goal = f"{rule.goals.total():,} ({100 * rule.goals.total() / rule.started:.0f} %)" if rule.goals else "–"
    return (
        name, f"{rule.started:,}", f"{rule.messages:,}", f"{_other_actions(rule):,}",
        f"{rule.held_back.total():,}", goal,
    )  # fmt: skip


def _other_actions(rule: RuleOutcome) -> int:
    """Actions of live runs that are no messages."""
    return rule.effects.total() - rule.shadow.total() - rule.messages


def _by_day(rule: RuleOutcome, what: str) -> Counter[str]:
    return Counter({day: count for (day, name), count in rule.days.items() if name == what})


def _pressure(outcome: Simulation, zone: tzinfo) -> Iterator[str]:
    pressure = outcome.pressure
    if not pressure.weeks:
        return
    yield f"<h2>More than {pressure.limit} messages within seven days</h2>"
    who = "1 customer" if len(pressure.weeks) == 1 else f"{len(pressure.weeks):,} customers"
    yield f"<p>{who} would get them. The fullest weeks, and which rules they come from:</p>"
    yield bars([Bar(name, count) for name, count in pressure.rules.most_common()], ("rule", "messages"))
    weeks = [
        (key.removeprefix("user:"), f"{week.messages:,}", show_time(week.until, zone),
         ", ".join(f"{count} {rule}" for rule, count in week.rules.most_common()))
        for key, week in pressure.fullest(_FULLEST)
    ]  # fmt: skip
    yield table(("customer", "messages", "week until", "from"), weeks, texts=(0, 2, 3))


def _rule(name: str, rule: RuleOutcome, source: Rule | None, period: Period) -> Iterator[str]:
    yield f"<h2>{escape(name)}</h2>"
    if source is not None and source.description:
        yield f"<p>{escape(source.description)}</p>"
    others = ", ".join(f"{count:,} in {arm}" for arm, count in sorted(rule.arms.items()) if arm != "live" and count)
    if others:
        yield f'<p class="quiet">Of {rule.started:,} runs {others}: those decide and send nothing.</p>'
    funnel = [Bar("started", rule.started), *(Bar(*step) for step in steps_of(rule, source))]
    if rule.goals:
        funnel.append(Bar("reached the goal", rule.goals.total()))
    yield "<h3>How far runs came</h3>"
    yield bars(funnel, ("step", "runs"), of=rule.started)
    starts = timeline({"starts": _by_day(rule, "started")}, _GROUPS, period)
    if len(starts.labels) > 1:
        yield "<h3>Starts over time</h3>"
        yield columns_over_time(starts, "starts", low=True)
    yield from _counted("How runs ended", "by", "runs", rule.ended, "how a run ended", "an event of exit_when")
    yield from _refused(rule)
    yield from _counted("Had to wait", "for", "actions", rule.delayed, "reason of a refused effect")
    if rule.goals:
        yield from _goals(rule)
    if rule.really is not None:
        yield "<h3>Beside what was really done in that time</h3>"
        really = [
            (what, f"{rule.started if what == 'started' else rule.in_period[what]:,}", f"{rule.really[what]:,}")
            for what in sorted({*rule.really, "started"})
        ]
        yield table(("", "simulated", "really"), really)


def _refused(rule: RuleOutcome) -> Iterator[str]:
    yield from _counted("Refused to start", "reason", "events", rule.refused - rule.held_back, "outcome of a start")
    yield from _counted("Held back before sending", "reason", "actions", rule.held_back, "reason of a refused effect")


def _counted(title: str, what: str, unit: str, counts: Mapping[str, int], words: str, else_: str = "") -> Iterator[str]:
    """Counts by a word of the engine, each with what it means; nothing where there is none."""
    meaning = dict(WORDS[words])
    rows = [Bar(word, count, meaning.get(word, else_)) for word, count in _most(counts)]
    if rows:
        yield f"<h3>{title}</h3>"
        yield bars(rows, (what, unit))


def _goals(rule: RuleOutcome) -> Iterator[str]:
    shares = [
        (arm, f"{goal:,}", f"{started:,}", f"{100 * goal / started:.1f} %") for arm, goal, started in converted(rule)
    ]
    yield "<h3>Goal</h3>"
    yield table(("group", "reached it", "started", "share"), shares)


def _idle(outcome: Simulation, busy: list[str]) -> Iterator[str]:
    """The rules that nothing started, and what refused."""
    rows = [
        (name, ", ".join(f"{count:,} {why}" for why, count in _most(rule.refused)) or "no event could start it")
        for name, rule in sorted(outcome.rules.items())
        if name not in busy
    ]
    if rows:
        yield "<section><h2>Rules that did not start</h2>"
        yield table(("rule", "starts refused, by reason"), rows, texts=(0, 1))
        yield "</section>"


def steps_of(rule: RuleOutcome, source: Rule | None) -> list[tuple[str, int]]:
    """The action steps in their order in the rule, each named by its action."""
    if source is None:
        return sorted(rule.steps.items())
    found = []
    for path, stop in step_index(source).items():
        if isinstance(stop.step, ActionStep):
            shape = stop.step.inputs.shape
            what = shape.get("template", "") if isinstance(shape, Mapping) else ""
            label = f"{stop.step.action} {what}" if isinstance(what, str) else stop.step.action
            found.append((label.strip(), rule.steps[path]))
    return found


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(((word, count) for word, count in counts.items() if count), key=lambda entry: (-entry[1], entry[0]))
