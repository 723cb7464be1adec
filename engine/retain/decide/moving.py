"""What happens to waiting runs when their rule is edited: `on_change` of the new text decides.

`finish` leaves a run on the text that it is pinned to. `exit` ends it as `edited`. `move` takes it over to the new text
where its waiting step can be found there: by `id`, else by a content that occurs once in both texts. A run whose step
cannot be found stays on its old text. A step that only got another id is the same step, and what it gave goes by its
new id from then on; a rule that got another id (`was`) takes its runs along.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

from retain.decide.advance import finish_run
from retain.decide.facts import CustomerFacts, Facts, Moment
from retain.decide.runs import log
from retain.decide.steps import first, step_index
from retain.language.rules import ActionStep, IfStep, Rule, SplitStep, Step, WaitForStep
from retain.model import EffectState, Json, Run, RunState

Moved: TypeAlias = Literal["moved", "ended", "stayed"]

_NOT_OWN = ("id", "then", "else", "on_error", "split")  # its name, and what it contains: neither makes a step the same
_NOT_BEGUN = (RunState.QUEUED, RunState.PARKED)
_OPEN = (EffectState.PENDING, EffectState.SENDING, EffectState.DEAD, EffectState.IN_DOUBT)


def move_run(facts: Facts, run: Run, new: Rule, customer: CustomerFacts, moment: Moment) -> Moved:
    """Let the new text of its rule have a live run, as its `on_change` says."""
    if new.on_change == "exit":
        finish_run(facts, run, customer, "edited", moment)
        return "ended"
    old = facts.rule_of(run)
    path = new_path(old, new, run)
    if path is None:
        return "stayed"
    effect = facts.effects.get(run.context.get("acting", ""))
    if effect is not None and effect.state in _OPEN:
        effect.step, effect.rule = path, new.id
        facts.save_effect(effect)
    _rename_outputs(old, new, run)
    was = " of ".join([run.step] if run.rule == new.id else [run.step, run.rule])
    moved = (run.step, run.rule) != (path, new.id)
    run.step, run.rule, run.revision = path, new.id, new.revision
    facts.save(run)
    log(facts, run, moment, "move", "edited", path, why=f"was {was}" if moved else "")
    return "moved"


def new_path(old: Rule, new: Rule, run: Run) -> str | None:
    """Where in the new text a run stands; None where that cannot be known."""
    if run.state is RunState.WATCHED:
        return "" if new.goal is not None else None
    if run.state in _NOT_BEGUN:
        return first(new.steps, "")
    return _counterparts(old, new).get(run.step)


def _counterparts(old: Rule, new: Rule) -> dict[str, str]:
    """Where the steps of the old text stand in the new one, by path; those that are not found are left out."""
    before, after = step_index(old), step_index(new)
    ids = {stop.step.id: stop.step for stop in after.values() if stop.step.id}
    known = {stop.step.id for stop in before.values() if stop.step.id}
    contents, fresh = dict(_contents(old)), dict(_contents(new))
    once = _single(contents.values()) & _single(fresh.values())
    by_content = {content: path for path, content in fresh.items() if content in once}
    found = {}
    for path, stop in before.items():
        same = ids.get(stop.step.id)
        if same is not None:
            if _is_same(stop.step, same):
                found[path] = same.path
            continue
        there = by_content.get(contents[path])
        if there is not None and after[there].step.id not in known:
            found[path] = there
    return found


def _single(contents: Iterable[str]) -> set[str]:
    return {content for content, count in Counter(contents).items() if count == 1}


def _is_same(here: Step, there: Step) -> bool:
    if type(here) is not type(there):
        return False
    return not isinstance(here, ActionStep) or not isinstance(there, ActionStep) or here.action == there.action


def _rename_outputs(old: Rule, new: Rule, run: Run) -> None:
    """What steps gave and which branches were taken go by the new ids; early answers by the new paths."""
    before, after = step_index(old), step_index(new)
    places = _counterparts(old, new)
    ids = {before[path].step.id: after[there].step.id for path, there in places.items() if before[path].step.id}
    for name in ("steps", "arms"):
        if name in run.context:
            run.context[name] = {ids.get(key, key): value for key, value in run.context[name].items()}
    if "early" in run.context:
        early = run.context["early"]
        run.context["early"] = {places[path]: fields for path, fields in early.items() if path in places}


def _contents(rule: Rule) -> Iterator[tuple[str, str]]:
    """Every step's path and what it says itself, without its id and the steps inside it."""
    written = rule.source["rule"]["then"]
    yield from _of_steps(rule.steps, written)


def _of_steps(steps: Sequence[Step], written: Sequence[Json]) -> Iterator[tuple[str, str]]:
    for step, node in zip(steps, written, strict=True):
        own = [(key, value) for key, value in node.items() if key not in _NOT_OWN]
        if isinstance(step, SplitStep):
            own.append(("split", sorted(node["split"])))
        yield step.path, repr(sorted(own, key=lambda entry: str(entry[0])))
        if isinstance(step, IfStep | WaitForStep):
            yield from _of_steps(step.then, node.get("then") or [])
            yield from _of_steps(step.otherwise, node.get("else") or [])
        elif isinstance(step, SplitStep):
            for branch in step.branches:
                yield from _of_steps(branch.steps, node["split"][branch.name].get("then") or [])
        elif isinstance(step, ActionStep):
            yield from _of_steps(step.error_steps, node["on_error"] if step.error_steps else [])
