"""A simulation as one page that needs nothing else: no script, no font, no picture from anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from html import escape

from retain.app.reports.times import show_time, zone_name
from retain.app.simulation.charts import bars_svg, columns_svg, daily
from retain.app.simulation.outcome import RuleOutcome, Simulation
from retain.app.simulation.telling import converted
from retain.decide.steps import step_index
from retain.language.rules import ActionStep, Rule

_GROUPS = 120
_STYLE = """
:root { --ink: #1c2127; --quiet: #667079; --line: #d8dde2; --paper: #fff; --bar: #2f6f9f; color-scheme: light dark }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ec; --quiet: #9aa4ad; --line: #3a434b; --paper: #171b1f; --bar: #6cb0e0 }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 46rem; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; border-top: 1px solid var(--line);
  padding-top: 1rem } h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; color: var(--quiet); font-weight: 600 }
p { margin: .4rem 0 } .quiet { color: var(--quiet) }
table { border-collapse: collapse; width: 100% } th { text-align: left; color: var(--quiet); font-weight: 600 }
th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
svg { width: 100%; height: auto; display: block } svg text { font-size: 12px; fill: var(--ink) }
svg rect { fill: var(--bar) }
"""


def simulation_page(outcome: Simulation, rules: Mapping[str, Rule], zone: tzinfo) -> str:
    """The whole page as HTML.

    Args:
        rules: those that were simulated, for the names of their steps.
        zone: in which times are shown.
    """
    span = f"{show_time(outcome.start, zone)} to {show_time(outcome.end, zone)} {zone_name(zone)}"
    body = [
        "<h1>What the rules would have done</h1>",
        f'<p class="quiet">{outcome.events:,} events of {outcome.customers:,} customers, {escape(span)}. '
        "Nothing was sent.</p>",
        *_overview(outcome, zone),
    ]
    for name, rule in sorted(outcome.rules.items()):
        body += _rule(name, rule, rules.get(name))
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Retain: a simulation</title><style>{_STYLE}</style>"
    )
    whole = "\n".join(body)
    return f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{whole}\n</body>\n</html>\n'


def _overview(outcome: Simulation, zone: tzinfo) -> Iterator[str]:
    rows = [
        (name, f"{rule.started:,}", f"{rule.messages:,}", f"{sum(rule.held_back.values()):,}",
         f"{sum(rule.goals.values()):,}")
        for name, rule in sorted(outcome.rules.items())
    ]  # fmt: skip
    yield _table(("rule", "started", "messages", "held back", "reached the goal"), rows)
    groups, size = daily(outcome.days("effects"), _GROUPS)
    if groups:
        yield f"<h2>{_each(size)}: actions carried out, all rules</h2>"
        yield columns_svg(groups, "actions over time")
    busiest = outcome.busiest_hour
    if busiest is not None:
        yield f"<p>Busiest hour: {escape(show_time(busiest[0], zone))}, {busiest[1]:,} messages.</p>"
    pressure = outcome.pressure
    if pressure.weeks:
        yield f"<h2>More than {pressure.limit} messages within seven days</h2>"
        yield f"<p>{len(pressure.weeks):,} customers would get them. Where their fullest weeks come from:</p>"
        yield bars_svg(pressure.rules.most_common(), "messages of full weeks by rule")
        weeks = [
            (key.removeprefix("user:"), f"{week.messages:,}", show_time(week.until, zone),
             ", ".join(f"{count} {rule}" for rule, count in week.rules.most_common()))
            for key, week in pressure.fullest(10)
        ]  # fmt: skip
        yield _table(("customer", "messages", "until", "from"), weeks, texts=(0, 2, 3))
    if outcome.action_costs:
        yield "<h2>Estimated cost</h2>"
        yield _table(
            ("action", "cost"), [(name, f"{cost:,.2f}") for name, cost in sorted(outcome.action_costs.items())]
        )


def _rule(name: str, rule: RuleOutcome, source: Rule | None) -> Iterator[str]:
    yield f"<h2>{escape(name)}</h2>"
    if source is not None and source.description:
        yield f'<p class="quiet">{escape(source.description)}</p>'
    funnel = [("started", rule.started), *steps_of(rule, source)]
    if rule.goals:
        funnel.append(("reached the goal", sum(rule.goals.values())))
    yield "<h3>How far runs came</h3>"
    yield bars_svg(funnel, f"how far runs of {name} came")
    starts = Counter({day: count for (day, what), count in rule.days.items() if what == "started"})
    groups, size = daily(starts, _GROUPS)
    if len(groups) > 1:
        yield f"<h3>{_each(size)}: starts</h3>"
        yield columns_svg(groups, f"starts of {name} over time", height=80)
    for title, counts in (
        ("What was refused, by reason", rule.refused),
        ("What had to wait, by reason", rule.delayed),
        ("How runs ended", rule.ended),
    ):
        if counts:
            yield f"<h3>{title}</h3>"
            yield bars_svg(_most(counts), title)
    if rule.goals:
        shares = [
            (arm, f"{goal:,}", f"{started:,}", f"{100 * goal / started:.1f} %")
            for arm, goal, started in converted(rule)
        ]
        yield "<h3>Goal</h3>"
        yield _table(("arm", "reached it", "started", "share"), shares)
    if rule.really is not None:
        yield "<h3>Beside what was really done in that time</h3>"
        really = [
            (what, f"{rule.started if what == 'started' else rule.in_period[what]:,}", f"{rule.really[what]:,}")
            for what in sorted({*rule.really, "started"})
        ]
        yield _table(("", "simulated", "really"), really)


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


def _table(names: Sequence[str], rows: Iterable[Sequence[str]], texts: Sequence[int] = (0,)) -> str:
    def cell(tag: str, number: int, text: str) -> str:
        side = "" if number in texts else ' class="number"'
        return f"<{tag}{side}>{escape(text)}</{tag}>"

    head = "".join(cell("th", number, name) for number, name in enumerate(names))
    body = "".join(f"<tr>{''.join(cell('td', number, text) for number, text in enumerate(row))}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))


def _each(days: int) -> str:
    return "Day by day" if days == 1 else "Week by week" if days == 7 else f"In groups of {days} days"
