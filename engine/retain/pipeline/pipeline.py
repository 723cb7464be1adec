"""One step after the other: take what is due, load its facts, decide event by event, write once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial

from retain.decide.events import decide_event
from retain.decide.facts import Changes, Facts
from retain.decide.records import RecordBook
from retain.decide.starts import tally_of
from retain.errors import RepeatedStartError, StoreConflictError
from retain.language.plan import Plan
from retain.model import Instant
from retain.pipeline.agenda import EVENT, KIND_NAMES, Agenda, Key, make_agenda
from retain.pipeline.aside import put_aside
from retain.pipeline.attempt import Failed, attempt
from retain.pipeline.breakers import Breakers
from retain.pipeline.load import load_customers, load_shared_records
from retain.pipeline.options import Options
from retain.pipeline.packing import Packing
from retain.pipeline.rollout import look_anew
from retain.pipeline.shared import SharedMethods
from retain.pipeline.sweeps import Sweeps
from retain.pipeline.timing import decide_timer
from retain.pipeline.warm import Warm
from retain.pipeline.write import encode, make_batch
from retain.store.rows import Batch
from retain.store.store import Store


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one step did. `more` says that the next one has work at once."""

    events: int = 0
    timers: int = 0
    quarantined: int = 0
    more: bool = False


class Pipeline(SharedMethods):
    """Decides on one store with one plan; used from one thread."""

    def __init__(self, store: Store, plan: Plan, now: Instant, options: Options | None = None) -> None:
        self.store = store
        self.options = options or Options()
        self._one_by_one = 0
        self._repeated: set[str] = set()  # runs that ended long ago and whose cause has come again
        self._refusing: dict[str, dict[str, Instant]] = {}
        self._now = now
        self._careful = 0  # how many more decisions keep other workers out, because one was in vain
        self._untold: list[Changes] = []  # of a transaction that is still open
        self._reached = now  # on a virtual clock nothing is decided at an earlier instant any more
        self._paused: dict[tuple[str, str], str] = {}
        self._has_plan = False
        self._warm = Warm(store, self.options.kept)
        self._look_again = 0.0
        self.use(plan, now)

    def use(self, plan: Plan, now: Instant) -> None:
        """Take a plan: keep its texts, number them, and note new watches and schedules."""
        rules = list(plan.rules.values())
        self.store.save_revisions([(rule.revision, rule.id, encode(rule.source)) for rule in rules], now)
        numbers = {rule.revision: self.store.revision_number(rule.id, rule.revision) for rule in rules}
        if self.store.is_shared and self._has_plan:
            look_anew(self.store, self.plan, plan, now)
        sweeps = Sweeps(self.store, plan, self.options, now)
        self._renamed = {rule.was: rule.id for rule in rules if rule.was}
        self._off = frozenset(rule.id for rule in rules if rule.status == "off")
        self.plan, self._packing, self.sweeps = plan, Packing(numbers, self._list_numbers(plan, numbers)), sweeps
        self._has_plan = True
        self._keep_paused()
        self.refresh()

    def _keep_paused(self) -> None:
        """A pause goes along with a rule that is renamed, and so with one that is renamed again."""
        paused = {row.name: row for row in self.store.pauses() if row.scope == "rule"}
        new = [(self._renamed[name], row) for name, row in paused.items() if name in self._renamed]
        along = [replace(row, name=name) for name, row in new if name not in paused]
        if along:
            self.store.commit(Batch(pauses=along))

    def _list_numbers(self, plan: Plan, numbers: Mapping[str, int]) -> dict[str, int]:
        """By the name of each event the number of the list of texts that it can start."""
        lists = [[numbers[candidate.rule.revision] for candidate in found] for found in plan.by_event.values()]
        return dict(zip(plan.by_event, self.store.number_lists(lists), strict=True))

    def refresh(self) -> None:
        """Forget what is kept in memory between batches; it is read anew, later where the store does not answer."""
        self._is_stale = True
        if self.options.guard is not None:
            self.options.guard.end()
        self._untold.clear()
        self._warm.forget()
        self._records: RecordBook | None = None
        self._breakers: Breakers | None = None
        self.store.resync()
        self.sweeps.resync()
        self._read_pauses()
        self._is_stale = False

    def reset_breakers(self, rules: Collection[str], now: Instant) -> None:
        """Let the breakers of these rules count anew, because a person has resumed them."""
        self.store.reset_breakers(rules, now)
        self.refresh()

    def step(self, until: Instant) -> StepReport:
        """Decide one batch of what is due up to an instant."""
        try:
            return self._step(until)
        except StoreConflictError:
            self.give_way()
            return StepReport(more=True)

    def _step(self, until: Instant) -> StepReport:
        self._now = max(self._now, until)
        self._catch_up()
        swept = self.sweeps.step(until, self)
        if swept and self.options.virtual:
            return StepReport(timers=swept, more=True)
        virtual = self.options.virtual
        cron = self.sweeps.next_due() if virtual else self.sweeps.next_missed(until)
        horizon = until if cron is None else min(until, cron)
        limit = 1 if self._one_by_one else self.options.batch
        ahead = not virtual and cron is None
        agenda = make_agenda(self.store, horizon, limit, self.held_rules(), inline=self._is_inline, ahead=ahead)
        alone = self._one_by_one > 0
        if alone:
            self._one_by_one -= 1
            agenda.keep_first()
        report = self._try(agenda, until, alone=alone) if agenda.heap else StepReport()
        if not report.more and self.sweeps.begin(horizon if virtual else until, self):
            report = replace(report, timers=report.timers + 1, more=True)
        more = report.more or bool(swept) or horizon < until
        self._reached = self._reached if more else until
        return replace(report, timers=report.timers + swept, more=more)

    def settle(self, until: Instant) -> None:
        """Follow the runs that wait to their end, up to an instant; time starts nothing new meanwhile."""
        while True:
            agenda = make_agenda(
                self.store, until, self.options.batch, self.held_rules(), inline=self._is_inline, looks=False
            )
            if not agenda.heap:
                return
            try:
                self._decide(agenda, until)
            except RepeatedStartError:
                self.refresh()

    @property
    def _is_inline(self) -> bool:
        return self.options.respond is not None

    def held_rules(self) -> frozenset[str] | None:
        """Rules whose timers hold: paused, or off. None = all of them."""
        if ("all", "") in self._paused:
            return None
        paused = {name for scope, name in self._paused if scope == "rule"}
        held = self._off | paused | {self._renamed[name] for name in paused & self._renamed.keys()}
        return held | {was for was, name in self._renamed.items() if name in held}

    def _try(self, agenda: Agenda, until: Instant, *, alone: bool) -> StepReport:
        """Decide an agenda; one that raises is decided again item by item, and what raises alone is put aside."""
        items = len(agenda.heap)
        outcome = attempt(self, partial(self._decide, agenda, until))
        if not isinstance(outcome, Failed):
            return outcome
        if outcome.is_repeated:
            self._one_by_one += alone
            return StepReport(more=True)
        if not alone:  # even one item can have woken others, so it is decided again with nothing after it
            self._one_by_one = items
            return StepReport(more=True)
        put_aside(self, agenda.cut, outcome, self._instant_of(agenda.cut, until), agenda.events)
        return StepReport(quarantined=1, more=True)

    def _instant_of(self, key: Key, until: Instant) -> Instant:
        """When an item is decided: on a virtual clock when it is due, else now."""
        return max(key[0], self._reached if self.options.virtual else until)

    def _decide(self, agenda: Agenda, until: Instant) -> StepReport:
        with self.deciding(agenda.customers()):
            return self._decide_all(agenda, until)

    def _decide_all(self, agenda: Agenda, until: Instant) -> StepReport:
        facts = self.facts()
        keys = list(agenda.heap)
        earliest = min(key[0] for key in keys)
        events = agenda.events.values()
        earliest = min([earliest, *(event.received_at for event in events)])
        load_customers(self.store, facts, agenda.customers(), earliest)
        facts.effects.update(agenda.effects)
        watermark: int | None = None
        decided = timers = 0
        guard = self.options.guard
        while (key := agenda.pop(facts.wakes)) is not None:
            if guard is not None:
                guard.begin(f"{KIND_NAMES[key[1]]}:{key[3] or key[2]}")
            if key[1] == EVENT:
                decide_event(facts, agenda.events[key[2]])
                watermark = key[2]
                decided += 1
            else:
                timers += decide_timer(facts, agenda, key, self._instant_of(key, until))
        if guard is not None:
            guard.end()
        self.commit(facts, watermark)
        return StepReport(decided, timers, more=agenda.truncated or bool(facts.changes.posted))

    def facts(self) -> Facts:
        """An empty working set with what is kept between batches."""
        if self._records is None or self._breakers is None:
            self._load_kept()
        assert self._records is not None
        assert self._breakers is not None
        return Facts(
            plan=self.plan,
            records=self._records,
            breakers=self._breakers.starts,
            paused=dict(self._paused),
            renamed=self._renamed,
            repeated=self._repeated,
            refusing=self._refusing,
            first_looks=self.sweeps.first_looks,
            now=0 if self.options.virtual else self._now,
            respond=self.options.respond,
            only_to=self.options.only_to,
            before_effect=self.options.before_effect,
            observed=None if self.options.observe is None else [],
            tally=None if self.options.tally is None else Counter(),
            visits=self.options.visits,
            recall=self._warm.take,
        )

    def _load_kept(self) -> None:
        facts = Facts(plan=self.plan)
        load_shared_records(self.store, facts)
        self._records = facts.records
        self._breakers = Breakers(self.store, self.plan, self._now)

    def commit(self, facts: Facts, watermark: int | None = None, batch: Batch | None = None) -> None:
        """Write a working set in one transaction and keep what later batches read from memory."""
        self._refuse_repeated(facts)
        self._warm.check()
        made = make_batch(facts, self._packing if self.store.keeps_log else None, watermark)
        if self.store.is_shared:
            self._rely(made, facts)
        if batch is not None:
            made.watch_progress, made.schedules = batch.watch_progress, batch.schedules
        numbers: Mapping[int, int] = {}
        if not made.is_empty:
            numbers = self.store.commit(made)
            if self._breakers is not None:
                self._breakers.committed(made.starts)
        if self.options.tally is not None and facts.tally is not None:
            self.options.tally.update(tally_of(facts))
        if self.options.observe is not None:
            for performed in facts.observed or ():
                self.options.observe(performed)
        if facts.changes.trips or facts.changes.channel_pauses:
            self._paused.update(facts.paused)
            self._paused.update({("channel", channel): reason for channel, reason, _ in facts.changes.channel_pauses})
        for record in facts.records.changed.values():
            record.version += 1
        facts.records.changed.clear()
        self._warm.keep(facts, numbers)
        shared = (kind.name for kind in self.plan.registry.record_kinds.values() if kind.shared)
        facts.records.forget_personal(shared)
        if self.store.in_transaction:
            self._untold.append(facts.changes)
        else:
            self._tell(facts.changes)

    def _refuse_repeated(self, facts: Facts) -> None:
        """One cause starts a rule once, ever: runs that ended long ago are not loaded, so the store is asked.

        Raises:
            RepeatedStartError: one began a second time; decided again, its start is refused.
        """
        found = self.store.run_ids_exist(facts.changes.opened) if facts.changes.opened else None
        if found:
            self._repeated |= found
            raise RepeatedStartError("a start was made before", where=f"run {min(found)}", cure="decide it again")

    def next_due(self) -> Instant | None:
        """The earliest instant at which there is something to do; None when nothing waits."""
        waiting = self.store.next_due(self.held_rules())
        found = [at for at in (waiting, self.sweeps.next_due()) if at is not None]
        return min(found, default=None)
