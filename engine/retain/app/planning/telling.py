"""A plan in words: text for a terminal or a pull request, Markdown, and JSON; the same plan gives the same bytes."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict

from retain.app.planning.differences import Comparison, Count, Difference, Person, Told
from retain.app.planning.edits import Edit
from retain.app.planning.planning import PlanReport
from retain.app.planning.waiting import Waiting
from retain.app.reports.figures import counted
from retain.instants import DAY, format_instant
from retain.model import Json

_SIGNS = {"added": "+", "removed": "-", "changed": "~", "renamed": "~"}
_BECOMES = {
    "finish": "they finish on the text that they began with",
    "move": "they move to the new text",
    "exit": "they end, as on_change says",
    "cannot_move": "they cannot move, because their step is not in the new text, and finish on the old one",
    "held": "they stand still, because the rule is off",
    "orphaned": "they finish, although the rule is gone",
}
_KINDS = (
    "enters",
    "leaves",
    "starts more or less often",
    "gets more or less",
    "gets something else",
    "gets it at another time",
)
_WIDTH = 80


def plan_json(report: PlanReport) -> dict[str, Json]:
    """A plan for machines; instants are ISO texts."""
    return {
        "base": report.base,
        "head": report.head,
        "at": format_instant(report.at),
        "left_out": list(report.left_out),
        "edits": [_plain(asdict(edit)) for edit in report.edits],
        "touched": list(report.touched),
        "past": report.past and _comparison_json(report.past),
        "ahead": report.ahead and _comparison_json(report.ahead),
        "waiting": [_plain(asdict(one)) for one in report.waiting],
        "segments": [_plain(asdict(one)) for one in report.segments],
    }


def plan_text(report: PlanReport, *, people: int = 20, width: int = _WIDTH) -> list[str]:
    """A plan as lines of plain text.

    Args:
        people: how many to name at most.
    """
    lines = [f"{report.base} -> {report.head}"]
    if report.left_out:
        lines.append(f"left out of {report.base}, because they have an error: {', '.join(report.left_out)}")
    if not report.edits:
        return [*lines, "", "no difference in rules, segments, policies, templates, schemas or settings"]
    lines += ["", *(_edit_line(edit) for edit in report.edits)]
    for edit in report.edits:
        if edit.lines:
            lines += ["", f"{edit.kind} {edit.name}", *(f"  {line}"[:width] for line in edit.lines)]
    found = [*_waiting_lines(report.waiting), *_segment_lines(report)]
    lines += ["", *found] if found else []
    for title, part in _parts(report):
        lines += ["", title, *(f"  {line}" for line in _totals(part))]
    lines += ["", *_people_lines(report, people)]
    diff = {f"  {line}"[:width] for edit in report.edits for line in edit.lines}
    return [part.rstrip() for line in lines for part in ([line] if line in diff else _wrapped(line, width))]


def _wrapped(line: str, width: int) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(line, width, subsequent_indent=f"{indent}  ", break_long_words=False) or [""]


def plan_markdown(report: PlanReport, *, people: int = 20) -> list[str]:
    """A plan as Markdown, for a comment on a pull request."""
    touched = len(report.touched)
    lines = [f"### Plan: {_people(touched)} touched", "", f"`{report.base}` → `{report.head}`", ""]
    if not report.edits:
        return [*lines, "No difference in rules, segments, policies, templates, schemas or settings."]
    lines += ["| | what | |", "|---|---|---|"]
    lines += [f"| {edit.change} | {edit.kind} `{edit.name}` | {_why(edit)} |" for edit in report.edits]
    for edit in report.edits:
        if edit.lines:
            head = f"<details><summary>{edit.kind} <code>{edit.name}</code></summary>"
            lines += ["", head, "", "```diff", *edit.lines, "```", "", "</details>"]
    for title, part in _parts(report):
        lines += ["", f"**{title}**", "", "```text", *_totals(part), "```"]
    found = [*_waiting_lines(report.waiting), *_segment_lines(report)]
    if found:
        lines += ["", "```text", *found, "```"]
    return [*lines, "", "```text", *_people_lines(report, people), "```"]


def _parts(report: PlanReport) -> Iterator[tuple[str, Comparison]]:
    if report.past is not None:
        yield _span(report.past, "would have been"), report.past
    if report.ahead is not None:
        yield _span(report.ahead, "to come, if nobody does anything"), report.ahead


def _span(part: Comparison, what: str) -> str:
    first, last = format_instant(part.start)[:10], format_instant(part.end)[:10]
    return f"{first} to {last}, {what}: {_people(len(part.people))} touched"


def _edit_line(edit: Edit) -> str:
    return f"{_SIGNS[edit.change]} {edit.kind} {edit.name}: {edit.change}{_told(_why(edit))}"


def _why(edit: Edit) -> str:
    parts = [f"was {edit.was}"] if edit.was else []
    parts += [", ".join(edit.keys)] if edit.keys and edit.change != "added" else []
    parts += [f"through {', '.join(edit.through)}"] if edit.through else []
    return "; ".join(parts)


def _waiting_lines(waiting: Sequence[Waiting]) -> Iterator[str]:
    for one in waiting:
        yield f"{one.rule}: {counted(len(one.runs), 'waiting run')}: {_BECOMES[one.becomes]}"
        if one.becomes == "cannot_move":
            yield f"  {', '.join(one.runs[:20])}"


def _segment_lines(report: PlanReport) -> Iterator[str]:
    for one in report.segments:
        moves = f"{len(one.enter):,} enter, {len(one.leave):,} leave"
        yield f"segment {one.segment}: {one.before:,} -> {one.after:,} customers; {moves}"


def _totals(part: Comparison) -> Iterator[str]:
    """What differs in sum: by rule runs and acts, and messages a day."""
    days = max(1, round((part.end - part.start) / DAY))
    rules = sorted({*part.starts, *(rule for rule, _ in part.acts)})
    quiet = True
    for rule in rules:
        starts = part.starts.get(rule, Count(0, 0))
        acts = {what: count for (name, what), count in part.acts.items() if name == rule and _differs(count)}
        kinds = Counter(
            kind for person in part.people for one in person.rules if one.rule == rule for kind in _kinds(one)
        )
        if not (_differs(starts) or acts or kinds):
            continue
        quiet = False
        yield f"{rule}: {starts.before:,} -> {starts.after:,} runs{_told(', '.join(_counted(kinds)))}"
        for what, count in acts.items():
            yield f"  {what}: {count.before:,} -> {count.after:,}{_rate(count, days)}"
    messages = Count(sum(one.before for one in part.days.values()), sum(one.after for one in part.days.values()))
    if _differs(messages) or any(map(_differs, part.days.values())):
        busiest = Count(*(max(side) for side in zip(*part.days.values(), strict=True)))
        yield f"messages: {messages.before:,} -> {messages.after:,}{_rate(messages, days)}"
        yield f"busiest day: {busiest.before:,} -> {busiest.after:,}"
        quiet = False
    if quiet:
        yield "nothing goes otherwise for anybody"


def _people_lines(report: PlanReport, most: int) -> Iterator[str]:
    touched = report.touched
    yield f"{_people(len(touched))} touched"
    told: dict[str, list[str]] = {name: [] for name in touched[:most]}
    for title, part in (("past", report.past), ("ahead", report.ahead)):
        for person in part.people if part is not None else ():
            if person.customer in told:
                told[person.customer] += [f"{title}: {text}" for text in _of_person(person)]
    for name, texts in told.items():
        yield f"  {name}"
        yield from (f"    {text}" for text in texts)
    if len(touched) > most:
        yield f"  and {len(touched) - most:,} more; --people N names more, --json all"


def _of_person(person: Person) -> Iterator[str]:
    for one in person.rules:
        yield f"{one.rule}: {'; '.join(_of_rule(one))}"
    for name, (before, after) in person.fields.items():
        yield f"{name}: {_value(before)} -> {_value(after)}"
    for kind, (old, new) in person.records.items():
        yield f"{kind}: {', '.join(old) or 'none'} -> {', '.join(new) or 'none'}"
    if person.next_message is not None:
        before_, after_ = (_next(one) for one in person.next_message)
        yield f"next message: {before_} -> {after_}"


def _of_rule(one: Difference) -> Iterator[str]:
    kinds = _kinds(one)
    if one.starts.before != one.starts.after:
        yield f"{kinds[0]}, runs {one.starts.before} -> {one.starts.after}"
    yield from (f"{what} {count.before} -> {count.after}" for what, count in one.acts.items())
    yield from (f"{what} says something else" for what in one.reworded)
    yield from (f"{what} at another time" for what in one.moved)
    yield from (f"ends {fate} {count.before} -> {count.after}" for fate, count in one.fates.items())


def _kinds(one: Difference) -> list[str]:
    """What a difference is, the gravest first."""
    found = []
    if one.starts.before != one.starts.after:
        found.append(
            "enters" if not one.starts.before else "leaves" if not one.starts.after else "starts more or less often"
        )
    found += ["gets more or less"] if one.acts else []
    found += ["gets something else"] if one.reworded else []
    found += ["gets it at another time"] if one.moved else []
    return found


def _counted(kinds: Mapping[str, int]) -> Iterator[str]:
    return (f"{kind}: {kinds[kind]:,}" for kind in _KINDS if kinds.get(kind))


def _rate(count: Count, days: int) -> str:
    if days <= 1 or max(count) < days:
        return ""
    return f" ({count.before / days:,.1f} -> {count.after / days:,.1f} a day)"


def _next(one: Told | None) -> str:
    return "none" if one is None else f"{one.what} of {one.rule} at {format_instant(one.at)}"


def _value(value: Json) -> str:
    return "missing" if value is None else str(value)


def _told(text: str) -> str:
    return f" ({text})" if text else ""


def _people(count: int) -> str:
    return counted(count, "person", "people")


def _differs(count: Count) -> bool:
    return count.before != count.after


def _comparison_json(part: Comparison) -> dict[str, Json]:
    acts: dict[str, dict[str, Json]] = {}
    for (rule, what), count in part.acts.items():
        acts.setdefault(rule, {})[what] = count._asdict()
    return {
        "from": format_instant(part.start),
        "to": format_instant(part.end),
        "runs": {rule: count._asdict() for rule, count in part.starts.items()},
        "acts": acts,
        "messages_a_day": {format_instant(day)[:10]: count._asdict() for day, count in part.days.items()},
        "people": [_person_json(person) for person in part.people],
    }


def _person_json(person: Person) -> dict[str, Json]:
    return {
        "customer": person.customer,
        "rules": [
            {
                "rule": one.rule,
                "kinds": _kinds(one),
                "runs": one.starts._asdict(),
                "acts": {what: count._asdict() for what, count in one.acts.items()},
                "something_else": list(one.reworded),
                "another_time": list(one.moved),
                "ended_by": {fate: count._asdict() for fate, count in one.fates.items()},
            }
            for one in person.rules
        ],
        "fields": {name: {"before": before, "after": after} for name, (before, after) in person.fields.items()},
        "records": {kind: {"before": list(old), "after": list(new)} for kind, (old, new) in person.records.items()},
        "next_message": person.next_message
        and {name: _told_json(one) for name, one in zip(("before", "after"), person.next_message, strict=True)},
    }


def _told_json(one: Told | None) -> Json:
    return one and {"at": format_instant(one.at), "rule": one.rule, "action": one.what}


def _plain(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, Iterable) and not isinstance(value, str) else value
