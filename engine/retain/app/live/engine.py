"""The live engine: a project, its store, the thread that writes, and the plugins that act, as one thing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import structlog

from retain.app.commands.desk import Desk, options_of
from retain.app.commands.pages import messages_of
from retain.app.commands.table import run_command
from retain.app.live.backfilling import BackfillLog
from retain.app.live.counters import Counters
from retain.app.live.deploying import Reload, put_in_force, rules_started
from retain.app.live.observing import Observers
from retain.app.live.outside import Slots, ToDispatcher
from retain.app.live.pruning import Pruning
from retain.app.live.rejecting import Rejects
from retain.app.live.requests import Requests
from retain.app.live.starting import FOLDER, keep_as_good
from retain.app.live.watchdog import Watchdog
from retain.app.live.writer import Writer
from retain.app.projects.project import Project, open_project
from retain.clock import Clock, SystemClock
from retain.config.checks import needs_restart
from retain.deliver.dispatch import Dispatcher
from retain.deliver.threads import DaemonExecutor, Worker
from retain.errors import RetainError
from retain.instants import format_instant
from retain.model import Json
from retain.pipeline import Pipeline
from retain.pipeline.backfills import Backfill, backfills_of
from retain.pipeline.operating import migrate, wake_held
from retain.registry import EffectResult, PageResponse
from retain.store.backlog import Backlog
from retain.store.rows import Accepted
from retain.store.store import Store
from retain.wire.fields import FieldTypes
from retain.wire.message import Intake

_LOOK_EVERY_S = 5.0
_LAG_EVERY_S = 0.5
_SHOWN = 20  # problems of a refused reload
log = structlog.get_logger("retain.engine")
T = TypeVar("T")


class Engine:
    """Everything that runs, behind a few calls; all of them are made from one event loop.

    Args:
        project: what to run.
        notes: why it is not all that its files say.
        concurrency: effects under way at once.
    """

    def __init__(
        self, project: Project, *, notes: Sequence[str] = (), clock: Clock | None = None, concurrency: int = 64
    ) -> None:
        self.project = project
        self._started_with = project.config
        self.stats = Counters()
        self.notes = list(notes)
        self.types = FieldTypes(project.schema)
        self.last_reload: Reload | None = None
        self._clock = clock or SystemClock()
        self._hooks = project.plugins.hooks
        self._requests = Requests(project)
        self.page_configs = dict(self._requests.configs)
        self._watchdog = Watchdog(project.dir / FOLDER, project.registry)
        self._store = Store.open(project.config.store_location(), lease_ms=project.config.lease)
        try:
            self._desk = Desk(project, self._make_pipeline(project), self._clock)
        except BaseException:
            self._store.close()
            raise
        self._concurrency = concurrency
        self._reloading = asyncio.Lock()
        self._looker = Worker("retain-look", 4)
        self._tasks: list[asyncio.Task[None]] = []
        self._is_up = False
        self.started_at = self._clock.now()

    def _make_pipeline(self, project: Project) -> Pipeline:
        options = replace(
            options_of(project.config.only_to),
            before_effect=self._hooks.before_effect,
            guard=self._watchdog,
            committed=Observers(self._hooks, self.stats).committed,
            backfilled=BackfillLog().note,
        )
        return Pipeline(self._store, project.plan(), self._clock.now(), options)

    async def start(self, by: str = "daemon") -> None:
        """Take up what the last process left, then decide and deliver; `by` is for the audit trail."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(DaemonExecutor(1))  # the standard one would wait for pages that hang
        self._dispatcher = Dispatcher(
            self.project.registry, self._take_results, clock=self._clock, max_concurrency=self._concurrency
        )
        self._outside = ToDispatcher(self._dispatcher, loop, self._requests.prepare, self._offer)
        self._writer = Writer(self._desk.pipeline, self._clock, self._outside, self.stats, began=self._watchdog.start)
        self._rejects = Rejects(self._store, self._hooks, self.stats, self._writer.call)
        taking_up = self._writer.call(lambda: self._take_up(by))
        self._writer.start()
        in_doubt = await asyncio.wrap_future(taking_up)
        if in_doubt:
            log.warning("in_doubt", effects=in_doubt, cure="see: retain effects list --state in_doubt")
        self._outside.ask_for_slots()
        pruning = Pruning(self._store, self._clock, lambda: self.project.config.retention, self._in_writer)
        self._tasks = [asyncio.create_task(work) for work in (self._measure_lag(), self._look(), pruning.run())]
        self._is_up = True
        self._hooks.notify("engine_started")

    def _take_up(self, by: str) -> int:
        now = self._clock.now()
        pipeline = self._desk.pipeline
        self._desk.audit(by, "start", **rules_started(self._store, pipeline.plan.rules))
        in_doubt = pipeline.recover(now)
        stayed = migrate(pipeline, now).stayed
        if stayed:
            log.warning("cannot_move", runs=len(stayed), first=[run for _, run in stayed[:_SHOWN]])
        wake_held(pipeline, now)
        return in_doubt

    async def ingest(self, intake: Intake) -> Sequence[Accepted]:
        """Store the messages of one request; returns after the commit.

        Raises:
            OverloadedError: too many wait.
            StoreError: they cannot be stored; none of them is.
        """
        stored = await asyncio.wrap_future(self._writer.accept(intake.messages)) if intake.messages else []
        self._rejects.add(intake, self._clock.now())
        return stored

    async def carry_out(self, response: PageResponse) -> None:
        """Store what a public page asks for."""
        messages = messages_of(response, self._clock.now())
        if messages:
            await asyncio.wrap_future(self._writer.accept(messages))

    async def command(self, name: str, by: str, args: Mapping[str, Json]) -> Json:
        """Carry out a command of `retain.app.commands.table` between two steps."""
        return await self._in_writer(lambda: run_command(self._desk, name, by, args))

    async def reload(self, by: str) -> Reload:
        """Read the project anew. With any error in it nothing changes, and the answer says why.

        Args:
            by: who or what asks, for the audit trail.
        """
        async with self._reloading:
            try:
                project = await asyncio.to_thread(open_project, self.project.dir, plugins=self.project.plugins)
                if project.errors:
                    return await self._refuse([problem.render() for problem in project.errors], by)
                requests, plan = Requests(project), project.plan()
                restart = tuple(needs_restart(self._started_with, project.config))
                found = await self._in_writer(lambda: put_in_force(self._desk, project, plan, restart, by))
            except RetainError as error:
                return await self._refuse([error.render()], by)
            self._requests.take_over(requests)
            self.page_configs.update(requests.configs)
            self.project, self.types = project, FieldTypes(project.schema)
            self.notes = [f"retain.yaml: {key} has changed, which takes a restart of the daemon" for key in restart]
            self.notes += found.problems
            keep_as_good(project)
            self.last_reload = found
            log.info("reloaded", rules=found.rules, runs=found.moved)
            for note in self.notes:
                log.warning("degraded", reason=note)
            return found

    async def _refuse(self, problems: list[str], by: str) -> Reload:
        found = Reload(
            at=self._clock.now(), ok=False, rules=len(self.project.ruleset.rules), problems=tuple(problems[:_SHOWN])
        )
        self.last_reload = found
        log.error("reload_refused", problems=len(problems), first=problems[0], kept="the rules that were running")
        try:
            await self._in_writer(lambda: self._desk.audit(by, "reload_refused", problems=found.problems))
        except RetainError as error:
            log.warning("not_in_the_audit", what="reload_refused", reason=error.what)
        return found

    async def stop(self, timeout_s: float) -> int:
        """Finish what is under way within a time, keep the rest, and let go of the store.

        Returns:
            How many effects are left marked as sending; they are in doubt at the next start.
        """
        deadline = time.monotonic() + timeout_s
        self._is_up = False
        self._hooks.notify("engine_stopping")
        for task in self._tasks:
            task.cancel()
        self._writer.hold()
        left = await self._dispatcher.stop(timeout_s * 0.7)
        self._writer.stop()
        ended = await asyncio.to_thread(self._writer.join, max(0.5, deadline - time.monotonic()))
        await asyncio.to_thread(self._hooks.close, max(0.2, min(1.0, deadline - time.monotonic())))
        self._watchdog.close()
        self._looker.close()
        if ended:
            self._store.close()
        else:
            log.error("writer_does_not_end", cure="what it was deciding is decided again at the next start")
        return left

    def readiness(self) -> tuple[bool, tuple[str, ...]]:
        """Whether the engine does its work, and what is not as it should be."""
        reasons = list(self.notes)
        if self.last_reload is not None and not self.last_reload.ok:
            reasons.append(f"the last reload was refused: {self.last_reload.problems[0].splitlines()[0]}")
        if not self._is_up:
            return False, ("starting or stopping", *reasons)
        if not self._writer.is_alive:
            return False, ("the writer has ended", *reasons)
        trouble = self._writer.trouble
        return not trouble, (trouble, *reasons) if trouble else tuple(reasons)

    def status(self) -> dict[str, Json]:
        """What the daemon does, as plain JSON."""
        ready, reasons = self.readiness()
        reload = self.last_reload
        backlog = self.stats.backlog
        return {
            "ready": ready,
            "degraded": bool(reasons),
            "reasons": list(reasons),
            "started_at": format_instant(self.started_at),
            "rules": len(self.project.ruleset.rules),
            "reload": reload and {"at": format_instant(reload.at), "ok": reload.ok, "problems": list(reload.problems)},
            "accepted": self.stats.accepted,
            "decided": self.stats.decided,
            "undecided": backlog.undecided,
            "in_flight": self._dispatcher.in_flight,
            "detached": dict(self._dispatcher.detached),
            "in_doubt": backlog.in_doubt,
            "dead": backlog.dead,
            "quarantined": backlog.quarantined,
        }

    async def _take_results(self, results: list[EffectResult]) -> None:
        now = self._clock.now()
        await self._in_writer(lambda: self._desk.pipeline.finish(results, now))
        self._outside.recorded((result.effect_id, result.attempt) for result in results)

    async def _in_writer(self, job: Callable[[], T]) -> T:
        return await asyncio.wrap_future(self._writer.call(job))

    def _offer(self, slots: Slots) -> None:
        self._writer.offer(slots)

    async def _measure_lag(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(_LAG_EVERY_S)
            self.stats.loop_lag = max(0.0, time.monotonic() - began - _LAG_EVERY_S)

    def _look_once(self) -> tuple[Backlog, list[Backfill]]:
        return self._store.backlog(self._clock.now()), backfills_of(self._store, self._desk.pipeline.plan)

    async def _look(self) -> None:
        """Look every few seconds at what waits, on a connection that writes nothing."""
        while True:
            future = self._looker.offer(self._look_once)
            try:
                if future is not None:
                    self.stats.backlog, self.stats.backfills = await asyncio.wrap_future(future)
            except Exception:  # what is shown is old, what runs goes on
                log.exception("cannot_look")
            await asyncio.sleep(_LOOK_EVERY_S)
