"""What happens to waiting runs when their rule is edited: `on_change` of the new text decides.

`finish` leaves a run on the text that it is pinned to. `exit` ends it as `edited`. `move` takes it over to the new text
where its waiting step can be found there: by `id`, else by a content that occurs once in both texts. A run whose step
cannot be found stays on its old text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from retain.decide.advance import finish_run
from retain.decide.facts import CustomerFacts, Facts, Moment
from retain.decide.runs import log
from retain.decide.steps import first, step_index
from retain.language.rules import ActionStep, IfStep, Rule, SplitStep, Step, WaitForStep
from retain.model import EffectState, Json, Run, RunState

Moved: TypeAlias = Literal["moved", "ended", "stayed"]

_INNER = ("then", "else", "on_error", "split")  # what a step contains is not what makes it the same step
_NOT_BEGUN = (RunState.QUEUED, RunState.PARKED)
_OPEN = (EffectState.PENDING, EffectState.SENDING, EffectState.DEAD, EffectState.IN_DOUBT)


def move_run(facts: Facts, run: Run, customer: CustomerFacts, moment: Moment) -> Moved:
    """Let the new text of its rule have a live run, as its `on_change` says."""
    new = facts.plan.rules[run.rule]
    if new.on_change == "exit":
        finish_run(facts, run, customer, "edited", moment)
        return "ended"
    old = facts.rule_of(run)
    path = new_path(old, new, run)
    if path is None:
        return "stayed"
    effect = facts.effects.get(run.context.get("acting", ""))
    if effect is not None and effect.state in _OPEN:
        effect.step = path
        facts.save_effect(effect)
    was = run.step
    run.step = path
    run.revision = new.revision
    facts.save(run)
    log(facts, run, moment, "move", "edited", path, why=f"was {was}" if was != path else "")
    return "moved"


def new_path(old: Rule, new: Rule, run: Run) -> str | None:
    """Where in the new text a run stands; None where that cannot be known."""
    if run.state is RunState.WATCHED:
        return "" if new.goal is not None else None
    if run.state in _NOT_BEGUN:
        return first(new.steps, "")
    here = step_index(old)[run.step].step
    if here.id:
        return next((stop.step.path for stop in step_index(new).values() if _is_same(here, stop.step)), None)
    before, after = dict(_contents(old)), dict(_contents(new))
    content = before[run.step]
    if Counter(before.values())[content] != 1 or Counter(after.values())[content] != 1:
        return None
    return next(path for path, other in after.items() if other == content)


def _is_same(here: Step, there: Step) -> bool:
    if here.id != there.id or type(here) is not type(there):
        return False
    return not isinstance(here, ActionStep) or not isinstance(there, ActionStep) or here.action == there.action


def _contents(rule: Rule) -> Iterator[tuple[str, str]]:
    """Every step's path and what it says itself, without the steps inside it."""
    written = rule.source["rule"]["then"]
    yield from _of_steps(rule.steps, written)


def _of_steps(steps: Sequence[Step], written: Sequence[Json]) -> Iterator[tuple[str, str]]:
    for step, node in zip(steps, written, strict=True):
        own = [(key, value) for key, value in node.items() if key not in _INNER]
        yield step.path, repr(sorted(own, key=lambda entry: str(entry[0])))
        if isinstance(step, IfStep | WaitForStep):
            yield from _of_steps(step.then, node.get("then") or [])
            yield from _of_steps(step.otherwise, node.get("else") or [])
        elif isinstance(step, SplitStep):
            for branch in step.branches:
                yield from _of_steps(branch.steps, node["split"][branch.name].get("then") or [])
        elif isinstance(step, ActionStep):
            yield from _of_steps(step.error_steps, node.get("on_error") or [])
