"""`retain compare`: two texts of one rule over the same events, and where they disagree."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from retain.app.live.collecting import rare_collection
from retain.app.planning.history import History
from retain.app.planning.planning import past_worlds
from retain.app.planning.revisions import find_revision, revisions_of
from retain.app.planning.sides import Side, former_side
from retain.app.planning.worlds import Deed, World
from retain.app.reports.explaining import Question
from retain.app.reports.outcomes import outcomes_of
from retain.app.reports.reading import short_key
from retain.errors import NotFoundError, RetainError
from retain.language.load.files import load_revision
from retain.language.rules import Rule
from retain.model import Event, Instant, Millis, Run
from retain.store.store import Store

_ALL = 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one text made of one cause: whether it started, why not, and what it then did."""

    started: bool
    why: str
    did: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """One cause of which the two texts made something else."""

    customer: str
    at: Instant
    before: Verdict
    after: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleComparison:
    """Two texts of one rule over the same time.

    Args:
        agreed: causes by which both started and did the same.
    """

    rule: str
    before: str
    after: str
    start: Instant
    end: Instant
    started: tuple[int, int]
    agreed: int
    disagreements: tuple[Disagreement, ...]


@contextmanager
def text_of(project_side: Side, rule_id: str, wanted: str) -> Iterator[tuple[str, Rule]]:
    """The text that a name stands for: another rule such as the shadow, a kept revision, a commit or a folder.

    Raises:
        NotFoundError: the name stands for none.
    """
    project = project_side.project
    if not wanted or wanted in project_side.rules.rules:
        name = wanted or rule_id
        if name not in project_side.rules.rules:
            raise NotFoundError("rule", name, project_side.rules.rules)
        yield name if wanted else "the present text", project_side.rules.rules[name]
        return
    try:
        found = find_revision(revisions_of(project, rule_id), wanted)
    except NotFoundError:
        with _elsewhere(project_side, rule_id, wanted) as (label, rule):
            yield label, rule
        return
    yield found.revision, load_revision(found.source, project.schema, project.registry, project.ruleset)


@contextmanager
def _elsewhere(side: Side, rule_id: str, wanted: str) -> Iterator[tuple[str, Rule]]:
    with ExitStack() as stack:
        try:
            former = stack.enter_context(former_side(side.project, wanted))
            if rule_id not in former.rules.rules:
                raise RetainError(f"there is no rule {rule_id} at {former.label}")
        except RetainError as error:
            cure = f"name another rule, a revision of: retain rules revisions {rule_id}, a commit or a folder"
            raise RetainError(f"{wanted!r} names no text of the rule: {error.what}", cure=cure) from error
        yield former.label, former.rules.rules[rule_id]


def compare_texts(
    side: Side,
    rule_id: str,
    texts: tuple[tuple[str, Rule], tuple[str, Rule]],
    history: History,
    since: Millis,
    progress: Callable[[int], None] | None = None,
) -> RuleComparison:
    """Play both texts over the last days in the place of the rule, among all other rules, and list where they differ.

    Both play as live ones, so that a shadow is compared by what it would have done.
    """
    start = history.at - since
    instead = {rule.id for _, rule in texts} - {rule_id}
    sides = tuple(_with(side, rule_id, rule, instead) for _, rule in texts)
    with (
        rare_collection(),
        tempfile.TemporaryDirectory(prefix="retain-compare-") as folder,
        past_worlds(sides[0], sides[1], history, start, Path(folder), progress) as worlds,
    ):
        found = _disagreements(worlds, rule_id)
        counts = [_deeds(world, rule_id) for world in worlds]
    same = len(counts[0].keys() & counts[1].keys()) - sum(one.before.started and one.after.started for one in found)
    return RuleComparison(
        rule=rule_id,
        before=texts[0][0],
        after=texts[1][0],
        start=start,
        end=history.at,
        started=(len(counts[0]), len(counts[1])),
        agreed=same,
        disagreements=tuple(found),
    )


def recorded(store: Store, rule_id: str, other: str, start: Instant, end: Instant) -> RuleComparison:
    """What two rules, such as a live one and its shadow, really made of the same causes."""
    sides = [
        {(run.customer, run.cause): run for run in store.list_runs(rule=name, since=start, until=end, limit=_ALL)}
        for name in (rule_id, other)
    ]
    names = store.customers({number for side in sides for number, _ in side})
    found = [
        Disagreement(
            customer=short_key(names[key[0]].key),
            at=(sides[0].get(key) or sides[1][key]).started_at,
            before=_ran(store, sides[0].get(key)),
            after=_ran(store, sides[1].get(key)),
        )
        for key in {*sides[0], *sides[1]}
    ]
    differing = [one for one in found if _essence(one.before) != _essence(one.after)]
    return RuleComparison(
        rule=rule_id,
        before=rule_id,
        after=other,
        start=start,
        end=end,
        started=(len(sides[0]), len(sides[1])),
        agreed=len(found) - len(differing),
        disagreements=tuple(sorted(differing, key=_order)),
    )


def _ran(store: Store, run: Run | None) -> Verdict:
    if run is None:
        return Verdict(started=False, why="not started")
    did = sorted((effect.created_at, effect.action) for effect in store.list_effects(run=run.id))
    return Verdict(started=True, why=run.ended_by or run.state.value, did=tuple(action for _, action in did))


def _essence(verdict: Verdict) -> tuple[bool, tuple[str, ...]]:
    return verdict.started, verdict.did


def _with(side: Side, rule_id: str, rule: Rule, instead: set[str]) -> Side:
    """The rule set with one text in the place of a rule."""
    others = {name: one for name, one in side.rules.rules.items() if name not in instead}
    acting = replace(rule, id=rule_id, was="", status="live", breaker=None)
    ruleset = replace(side.rules, rules={**others, rule_id: acting})
    return replace(side, project=replace(side.project, ruleset=ruleset))


def _deeds(world: World, rule_id: str) -> dict[str, Deed]:
    """The rule's runs by customer and cause; an edge of `becomes` is named by its instant, since its hash differs."""
    return {f"{deed.customer} {_cause(deed)}": deed for deed in world.log.deeds().values() if deed.rule == rule_id}


def _cause(deed: Deed) -> str:
    return f"becomes {deed.started_at}" if deed.cause.startswith("becomes:") else deed.cause


def _disagreements(worlds: tuple[World, World], rule_id: str) -> list[Disagreement]:
    before, after = (_deeds(world, rule_id) for world in worlds)
    found = []
    for name in {*before, *after}:
        old, new = before.get(name), after.get(name)
        one = new or old
        assert one is not None
        if old is not None and new is not None and sorted(old.acts) == sorted(new.acts):
            continue
        row = worlds[0].store.customers([one.customer])[one.customer]
        found.append(
            Disagreement(
                customer=short_key(row.key),
                at=one.started_at,
                before=_verdict(old, one, worlds, 0, rule_id),
                after=_verdict(new, one, worlds, 1, rule_id),
            )
        )
    return sorted(found, key=_order)


def _order(one: Disagreement) -> tuple[Instant, str, tuple[str, ...], tuple[str, ...], str]:
    return one.at, one.customer, one.before.did, one.after.did, f"{one.before.why} {one.after.why}"


def _verdict(deed: Deed | None, other: Deed, worlds: tuple[World, World], side: int, rule_id: str) -> Verdict:
    if deed is not None:
        return Verdict(started=True, why=deed.fate, did=tuple(act.what for act in sorted(deed.acts)))
    return Verdict(started=False, why=_refusal(worlds[side], worlds[1 - side].store, other, rule_id))


def _refusal(world: World, elsewhere: Store, other: Deed, rule_id: str) -> str:
    """Why a text did not start for what started the other one, as the summary of that event says."""
    rule = world.pipeline.plan.rules[rule_id]
    source, _, message = other.cause.rpartition(":")
    for event in elsewhere.events_of(other.customer, since=None, limit=_ALL):
        if event.cause != other.cause:
            continue
        twins = world.store.events_of(
            other.customer, name=event.name, since=event.occurred_at, until=event.occurred_at + 1
        )
        for twin in twins:
            if (twin.source, twin.message_id) == (source, message):
                return _told(world, rule, twin)
    return "not true then" if other.cause.startswith("becomes:") else "not asked"


def _told(world: World, rule: Rule, event: Event) -> str:
    """The clause that refused, as the summary says; what an index left out is asked anew."""
    summary = world.store.summary_of(event.seq)
    number = world.store.revision_number(rule.id, rule.revision)
    for known, outcome, clause in outcomes_of(world.store, summary) if summary is not None else ():
        if known == number:
            texts = rule.condition.clauses if rule.condition is not None else ()
            return f"if: {texts[clause].text}" if 0 <= clause < len(texts) else outcome.value
    row = world.store.customers([event.customer])[event.customer]
    found = Question(world.pipeline.plan, world.store, rule, row, event.received_at).answer(event)
    return next((f"{line.label.split()[0]}: {line.text}" for line in found.lines if line.mark not in ("ok", "")), "")


def words_of(one: Disagreement) -> tuple[str, str]:
    """Both verdicts for people."""
    before, after = (_words(verdict) for verdict in (one.before, one.after))
    return before, "the same, but not at the same time or not in the same words" if before == after else after


def counted_words(found: Sequence[Disagreement]) -> Mapping[tuple[str, str], int]:
    """How often each pair of verdicts occurs, the most frequent first."""
    counts = Counter(map(words_of, found))
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))


def _words(verdict: Verdict) -> str:
    if not verdict.started:
        return f"no: {verdict.why}"
    did = ", ".join(f"{count} {what}" for what, count in sorted(Counter(verdict.did).items()))
    return f"{did or 'nothing'}; {verdict.why}"
