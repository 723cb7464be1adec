"""`retain simulate`: a project's rules over events of files or of its own store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from retain.app.commands.messages import BadRow, read_messages, stored_messages
from retain.app.live.collecting import rare_collection
from retain.app.projects.project import Project, defaults_of
from retain.app.reports.reading import FILL_OR_NAME, reading, short_key
from retain.app.simulation.feeding import Given
from retain.app.simulation.simulate import Simulation, simulate
from retain.decide.facts import Performed
from retain.decide.steps import step_index
from retain.errors import NotFoundError, RetainError, RuleError
from retain.instants import format_instant
from retain.language.load.files import load_revision
from retain.language.plan import Plan, make_plan
from retain.language.rules import ActionStep, Step
from retain.model import Instant, Message
from retain.pipeline.load import decode
from retain.store.store import Store


@dataclass(slots=True, kw_only=True)
class Past:
    """Which events a simulation runs over; no files = those in the project's store."""

    files: Sequence[Path] = ()
    mapping: Path | None = None
    start: Instant | None = None
    end: Instant | None = None
    bad: Counter[str] = field(default_factory=Counter)  # refused rows by code, counted while reading


def simulate_project(
    project: Project,
    past: Past,
    *,
    rules: Sequence[str] = (),
    effects: Path | None = None,
    most_a_week: int = 3,
    progress: Callable[[int], None] | None = None,
) -> Simulation:
    """Run a project's rules over the past; nothing is sent, and the project's store is only read.

    Args:
        rules: only these; none = all.
        effects: a file that gets one line of JSON per effect.
        most_a_week: customers who would get more messages than this within seven days are named.

    Raises:
        RuleError: a rule has an error.
        NotFoundError: a rule of `rules` does not exist.
    """
    project.refuse_errors()
    plan = plan_of(project, rules)
    with ExitStack() as stack:
        stack.enter_context(rare_collection())
        write = None if effects is None else stack.enter_context(_writing(effects))
        messages, given = stack.enter_context(_messages(project, past))
        outcome = simulate(
            plan,
            messages,
            start=past.start,
            end=past.end,
            given=given,
            observe=write,
            most_a_week=most_a_week,
            progress=progress,
        )
    if not past.files:
        _compare(project, outcome)
    return outcome


def _compare(project: Project, outcome: Simulation) -> None:
    """Beside what live rules would have done, what the store says that they did in the same time."""
    period = outcome.start, outcome.end + 1
    with reading(project.config) as store:
        really = {name: Counter(counts) for name, counts in store.really_done(*period).items()}
        plan = plan_of(project, list(outcome.rules))
        for name, revision, path, count in store.really_applied(*period):
            step = _step_of(store, plan, name, revision, path)
            if isinstance(step, ActionStep):
                really.setdefault(name, Counter())[step.action] += count
    for name, rule in outcome.rules.items():
        if name in really and project.ruleset.rules[name].status == "live":
            rule.really = really[name]


def _step_of(store: Store, plan: Plan, name: str, revision: str, path: str) -> Step | None:
    """A step of a rule's text, which may be an older one; None where the text or the step is gone."""
    rule = plan.revisions.get(revision)
    if rule is None and name in plan.rules:
        stored = store.load_revision(revision)
        if stored is not None:
            with suppress(RuleError):  # a text that cannot be read any more tells nothing
                rule = load_revision(decode(stored[1].encode()), plan.schema, plan.registry, plan.ruleset)
                plan.pin(rule)
    stop = None if rule is None else step_index(rule).get(path)
    return None if stop is None else stop.step


def plan_of(project: Project, rules: Sequence[str]) -> Plan:
    """The plan of these rules alone; none = all."""
    ruleset = project.ruleset
    for rule in rules:
        if rule not in ruleset.rules:
            raise NotFoundError("rule", rule, ruleset.rules)
    kept = {name: rule for name, rule in ruleset.rules.items() if not rules or name in rules}
    return make_plan(replace(ruleset, rules=kept), project.schema, project.registry, defaults_of(project.config))


@contextmanager
def _messages(project: Project, past: Past) -> Iterator[tuple[Iterator[Message], Given]]:
    if past.files:
        yield _from_files(project, past), Given()
        return
    with reading(project.config, cure=FILL_OR_NAME) as store:
        # imported history starts nothing live; here it is what is asked about
        messages = (message._replace(historical=False) for message in stored_messages(store, past.end))
        yield messages, given_of(store)


def given_of(store: Store) -> Given:
    """What was brought into the store by hand: it stands in no event."""
    consents: dict[str, dict[str, bool]] = {}
    for answer in store.consents_from_outside():
        for key in store.identities_of(answer.customer):
            consents.setdefault(key, {})[answer.purpose] = answer.granted
    return Given(consents=consents, suppressions=store.suppressions())


def _from_files(project: Project, past: Past) -> Iterator[Message]:
    def count(row: BadRow) -> None:
        past.bad[row.code] += 1

    for file in past.files:
        yield from read_messages(file, project.schema, mapping=past.mapping, bad=count)


@contextmanager
def _writing(path: Path) -> Iterator[Callable[[Performed], None]]:
    try:
        file: IO[str] = path.open("w", encoding="utf-8")
    except OSError as error:
        raise RetainError(f"the file cannot be written: {error.strerror}", where=str(path)) from error

    def write(performed: Performed) -> None:
        line = {
            "at": format_instant(performed.at),
            "rule": performed.rule,
            "customer": short_key(performed.customer),
            "run": performed.run,
            "step": performed.step,
            "action": performed.action,
            "inputs": performed.inputs,
        }
        file.write(f"{json.dumps(line, ensure_ascii=False, default=str)}\n")

    with file:
        yield write
