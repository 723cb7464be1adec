"""The two things that concern all customers at once: the backfill of a new watch, and a cron for a segment.

The database says who is worth a look. Both go in chunks, each committed with its position, so that a restart goes on
where it stopped.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Protocol

from retain.decide.facts import CustomerFacts, Facts, FirstLook, Moment
from retain.decide.planned import cron_instants, plan_one, zone_of_trigger
from retain.decide.timers import decide_backfill, decide_planned
from retain.language.condition import needs_of
from retain.language.plan import Plan, Planned, Watch
from retain.language.syntax import ast
from retain.language.syntax.ast import Node
from retain.language.types import Type
from retain.model import Instant
from retain.pipeline import backfills
from retain.pipeline.aside import failed_look
from retain.pipeline.attempt import Failed, attempt
from retain.pipeline.load import load_customers
from retain.pipeline.options import Options
from retain.pipeline.paging import CustomerPages
from retain.store.rows import Batch, ScheduleRow, WatchRow
from retain.store.store import Store


class Commits(Protocol):
    """What a sweep needs of the pipeline."""

    options: Options

    def facts(self) -> Facts: ...
    def commit(self, facts: Facts, watermark: int | None = None, batch: Batch | None = None) -> None: ...
    def refresh(self) -> None: ...
    def deciding(self, customers: Collection[int]) -> AbstractContextManager[None]: ...


class Sweeps:
    """Backfills and cron sweeps of one plan, and where each of them stands."""

    def __init__(self, store: Store, plan: Plan, options: Options, now: Instant) -> None:
        self._store = store
        self._plan = plan
        self._options = options
        self._kept = backfills.kept_by(plan)
        self._crons = {planned.id: planned for planned in plan.crons}
        self._seen: dict[str, Instant] = {}  # by cron a missed instant; those before it are not gone over again
        self._at = ""  # the backfill or sweep that was worked on last
        self._alone = 0  # customers that are still looked at one by one, because a chunk raised
        self._since = now
        self.resync()

    def resync(self) -> None:
        """Read anew how far everything is; what is not known yet is noted by the worker that leads."""
        self._rows = backfills.register(self._store, self._kept, self._since)
        self._first_looks = backfills.first_looks(self._rows.values(), self._kept)
        self._schedules = self._register_crons(self._since)

    @property
    def first_looks(self) -> Mapping[str, FirstLook]:
        """Whom new watches have still to look at that start nothing for those of whom they are true already."""
        return self._first_looks

    def next_due(self) -> Instant | None:
        """The earliest instant that a cron plans; of several workers one keeps to the plan."""
        if not self._store.leads:
            return None
        found = []
        for planned_id, planned in self._crons.items():
            assert planned.trigger.cron is not None
            zone = zone_of_trigger(planned.trigger, None, self._plan.defaults.zone)
            found.append(planned.trigger.cron.next_after(self._schedules[planned_id].last_planned, zone))
        return min(found, default=None)

    def next_missed(self, until: Instant) -> Instant | None:
        """The instant of the cron that is to begin next, of those that have come; None while one is under way."""
        due = self.next_due()
        if due is None or due > until or self._is_sweeping:
            return None
        return min((instant for instant, *_ in self._missed(until)), default=None)

    def step(self, now: Instant, pipeline: Commits) -> int:
        """Do one chunk of what is under way; how many customers were looked at.

        A chunk that raises is done again one by one; a customer who raises alone is recorded and passed over.
        """
        if not self._store.leads:
            return 0
        outcome = attempt(pipeline, partial(self._step, now, pipeline))
        if not isinstance(outcome, Failed):
            self._alone = max(0, self._alone - 1)
            return outcome
        if outcome.is_repeated:
            return 1
        if self._alone or self._options.batch == 1:
            return self._pass_over(now, outcome)
        self._alone = self._options.batch
        return 1

    def _step(self, now: Instant, pipeline: Commits) -> int:
        for row in self._rows.values():
            if not row.done and (looked_at := self._backfill(row, now, pipeline)):
                return looked_at  # one that its breaker paces keeps nothing else waiting
        for planned_id, schedule in self._schedules.items():
            if schedule.sweep_at is not None:
                return self._sweep(self._crons[planned_id], schedule, now, pipeline)
        return 0

    def _pass_over(self, now: Instant, failed: Failed) -> int:
        """Go on behind the one customer for whom the sweep or backfill under way raises."""
        self._alone = max(0, self._alone - 1)
        watch, schedule = self._rows.get(self._at), self._schedules.get(self._at)
        if watch is not None:
            customer = self._pages_of(self._at).first(watch.position, now)
            watch = replace(watch, position=customer)
            failure = failed_look(now, self._kept[self._at].rule.id, customer, failed)
            self._store.commit(Batch(watch_progress=[watch], decisions=[failure]))
            self._note(watch)
        elif schedule is not None:
            customer = self._pages_of(self._at).first(schedule.position, now)
            schedule = replace(schedule, position=customer)
            failure = failed_look(now, schedule.rule, customer, failed)
            self._store.commit(Batch(schedules=[schedule], decisions=[failure]))
            self._schedules[self._at] = schedule
        else:
            raise failed.error
        return 1

    def begin(self, until: Instant, pipeline: Commits) -> bool:
        """Begin the earliest planned instant up to `until`; False when none is due, or one is under way."""
        due = self.next_due()
        if due is None or due > until or self._is_sweeping:
            return False
        missed = self._missed(until)
        if not missed:
            return False
        instant, planned_id, occurrence = min(missed, key=itemgetter(0))  # at one instant in the order of the rules
        planned, row = self._crons[planned_id], self._schedules[planned_id]
        started = replace(row, last_planned=instant, sweep_at=instant, position=0)
        if planned.trigger.each is None:
            moment = Moment.of_timer(instant if pipeline.options.virtual else max(until, instant))
            self._start_alone(planned, replace(started, sweep_at=None), occurrence, moment, pipeline)
        else:
            self._save(pipeline.facts(), pipeline, started)
        return True

    def _missed(self, until: Instant) -> list[tuple[Instant, str, str]]:
        """The first instant up to `until` of each cron that has one, its id and the local occurrence."""
        zone = self._plan.defaults.zone
        found = []
        for planned_id, planned in self._crons.items():
            seen = self._seen.get(planned_id, 0)
            after = max(self._schedules[planned_id].last_planned, seen - 1 if seen <= until else 0)
            for instant, occurrence in islice(cron_instants(planned, after, until, zone), 1):
                found.append((instant, planned_id, occurrence))
                self._seen[planned_id] = instant
        return found

    def _start_alone(
        self, planned: Planned, row: ScheduleRow, occurrence: str, moment: Moment, pipeline: Commits
    ) -> None:
        """Start a run without a customer; what raises is recorded, and the next planned instant goes on."""

        def decide() -> None:
            facts = pipeline.facts()
            load_customers(self._store, facts, {0}, row.last_planned)
            decide_planned(facts, facts.nobody(), planned, occurrence, row.last_planned, moment)
            self._save(facts, pipeline, row)

        outcome = attempt(pipeline, decide)
        if isinstance(outcome, Failed) and not outcome.is_repeated:
            facts = pipeline.facts()
            facts.changes.decisions.append(failed_look(moment.at, planned.rule.id, 0, outcome))
            self._save(facts, pipeline, row)

    def _sweep(self, planned: Planned, row: ScheduleRow, now: Instant, pipeline: Commits) -> int:
        assert row.sweep_at is not None
        self._at = planned.id
        zone = zone_of_trigger(planned.trigger, None, self._plan.defaults.zone)
        occurrence = next(iter(cron_instants(planned, row.sweep_at - 1, row.sweep_at, zone)))[1]
        moment = Moment.of_timer(row.sweep_at if pipeline.options.virtual else max(now, row.sweep_at))
        page = self._pages_of(planned.id).page(row.position, self._limit, moment.at)
        done = page.is_last
        following = replace(row, position=0 if done else page.reached, sweep_at=None if done else row.sweep_at)
        with pipeline.deciding(page.ids):
            facts = pipeline.facts()
            for customer in self._load(facts, page.ids, moment.at):
                if not customer.is_new:  # else its first event is still to come, though its row is there
                    decide_planned(facts, customer, planned, occurrence, row.sweep_at, moment)
            self._save(facts, pipeline, following)
        return len(page.ids) or 1

    def _backfill(self, row: WatchRow, now: Instant, pipeline: Commits) -> int:
        self._at = row.watch
        item = self._kept[row.watch]
        is_silent = backfills.is_silent(item)
        if not is_silent and self._is_paced(row, item, now, pipeline):
            self._note(row, paced=True)  # as long as it waits nobody is read
            return 0
        page = self._pages_of(row.watch).page(row.position, self._limit, max(now, row.since + 1))
        with pipeline.deciding(page.ids):
            facts = pipeline.facts()
            if is_silent:
                facts.first_looks = {}  # nothing follows from this look that others would have to come before
            reached, paced = row.position, False
            for customer in self._load(facts, page.ids, min(now, row.since) if is_silent else now):
                if not is_silent and facts.breaker_is_full(item.rule, now):
                    paced = True
                    break
                if not customer.is_new:  # the event that makes a customer looks at everything
                    _look(facts, customer, item, row, now)
                reached = customer.id
            done = page.is_last and not paced
            following = replace(row, position=reached if paced else page.reached, done=done)
            if done:
                following = replace(following, rule=item.rule.id)
            if following != row:  # one that is paced may stand still for long
                pipeline.commit(facts, batch=Batch(watch_progress=[following]))
            self._note(following, paced=paced)
        return 0 if paced else len(page.ids) or 1

    def _is_paced(self, row: WatchRow, item: backfills.Kept, now: Instant, pipeline: Commits) -> bool:
        """Whether somebody is left, who waits for the breaker."""
        return pipeline.facts().breaker_is_full(item.rule, now) and row.position < self._store.last_customer()

    def _note(self, row: WatchRow, *, paced: bool = False) -> None:
        """Take note of how far a backfill has come, once that is committed."""
        self._rows[row.watch] = row
        self._first_looks = backfills.first_looks(self._rows.values(), self._kept)
        if self._options.backfilled is not None:
            last = self._store.last_customer()
            self._options.backfilled(backfills.progress(row, self._kept[row.watch], last, paced=paced))

    @property
    def _is_sweeping(self) -> bool:
        return any(row.sweep_at is not None for row in self._schedules.values())

    @property
    def _limit(self) -> int:
        return 1 if self._alone else self._options.batch

    def _load(self, facts: Facts, ids: list[int], at: Instant) -> list[CustomerFacts]:
        load_customers(self._store, facts, ids, at)
        return [facts.customers[customer] for customer in ids]

    def _pages_of(self, name: str) -> CustomerPages:
        """Who is worth a look for the backfill or sweep of this name."""
        return CustomerPages(self._store, self._clauses_of(name), self._plan.defaults.zone)

    def _clauses_of(self, name: str) -> list[Node]:
        """What must be true of a customer for whom there is anything to do."""
        if name in self._rows and not self._rows[name].rule:
            return []  # what was true of a customer before the edit may not be true any more
        item = self._crons.get(name) or self._kept[name]
        if isinstance(item, Watch):
            # Where a clause that time cannot change is not true, the whole neither is nor will be by time alone.
            nodes = item.trigger.condition.nodes
            return [node for node in nodes if not needs_of(node).uses_time]
        if item.trigger.field_schedule is not None:
            return [_is_present(item.trigger.field_schedule.field)]
        return list(item.trigger.each.nodes) if item.trigger.each is not None and name in self._crons else []

    def _save(self, facts: Facts, pipeline: Commits, row: ScheduleRow) -> None:
        pipeline.commit(facts, batch=Batch(schedules=[row]))
        self._schedules[row.path] = row  # only what is committed counts

    def _register_crons(self, now: Instant) -> dict[str, ScheduleRow]:
        known = {row.path: row for row in self._store.schedule_rows()}
        fresh = [
            ScheduleRow(planned.rule.id, planned_id, now)
            for planned_id, planned in self._crons.items()
            if planned_id not in known
        ]
        if fresh and self._store.leads:
            self._store.commit(Batch(schedules=fresh))
        rows = known | {row.path: row for row in fresh}
        return {planned_id: rows[planned_id] for planned_id in self._crons}


def _look(facts: Facts, customer: CustomerFacts, item: backfills.Kept, row: WatchRow, now: Instant) -> None:
    """The first look at one customer."""
    if isinstance(item, Watch):
        decide_backfill(facts, customer, item, row.since, Moment.of_timer(now), anew=not row.rule)
    elif row.watch not in customer.watches or not row.rule:
        plan_one(facts, customer, item, Moment.of_timer(row.since))


def _is_present(path: str) -> Node:
    field = ast.Field(start=0, end=0, root="customer", path=path, type=Type("opaque", nullable=True))
    return ast.Not(start=0, end=0, part=ast.Missing(start=0, end=0, value=field))
