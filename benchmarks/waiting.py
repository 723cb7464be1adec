"""Steps of runs a second with 1,000 and with 1,000,000 runs that wait, and how soon a daemon over the latter is ready.

A step: a run's wait is over, its effect is decided, claimed and answered, and the run waits again; each batch is three
commits. In every round 1,000 runs are due: among the few all of them, among the many others each time, from all over
the store. The rounds of both take turns. Run: python benchmarks/waiting.py [--quick]
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from statistics import median

import psycopg
from processes import resident_mb
from report import Figure, arguments, median_ratio, report
from servers import daemon, make_project, postgres

from retain.app.live.collecting import rare_collection
from retain.app.projects.project import open_project
from retain.clock import SystemClock
from retain.instants import DAY, HOUR
from retain.language.plan import Plan
from retain.model import Instant, Message, MessageKind, Run, digest
from retain.pipeline import Options, Pipeline
from retain.registry import EffectResult
from retain.store.dialects.sqlite import journal_bytes
from retain.store.rows import Batch, CustomerRow
from retain.store.store import Store

DUE, AIM, READY_S = 1_000, 0.8, 3.0
WAIT = 30 * DAY
STEPS = 40
_FRAME = 4096 + 24  # bytes of a page in the journal
SLOTS = {"log.write": Options().batch}
RULES = "version: 1\nrules:\n  patient:\n    when: {event: order_completed}\n    then:\n" + (
    "      - wait: 30d\n      - log.write: {message: still here}\n" * STEPS
)


@dataclass
class Crowd:
    """A store with runs that wait, and its clock.

    Args:
        waiting: how many runs.
        hour: how far the clock goes in a round, in milliseconds.
        rounds: how many of each kind there will be, the first included that warms up; who is due in none waits for
            months.
    """

    store: Store
    plan: Plan
    now: Instant
    waiting: int
    hour: int
    rounds: int
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pipeline = Pipeline(self.store, self.plan, self.now)
        template = self._first_run()
        wakes = self._wakes()
        for start in range(0, self.waiting, 10_000):
            self._fill(template, wakes, range(start, min(start + 10_000, self.waiting)))
        self.store.checkpoint()

    def _wakes(self) -> list[Instant]:
        """When each is due: rounds from anywhere, as many of runs made one after the other, one more from anywhere."""
        soon = DUE * self.rounds
        numbers = range(self.waiting)
        anywhere = Random(1).sample(numbers[soon:] or numbers, min(soon + DUE, self.waiting))
        turn = {number: place // DUE for place, number in enumerate(anywhere[:soon])}
        if soon < self.waiting:
            turn |= {number: self.rounds + number // DUE for number in range(soon)}
            turn |= dict.fromkeys(anywhere[soon:], 2 * self.rounds)
        later = self.now + 90 * DAY
        return [self.now + (turn[number] + 1) * self.hour if number in turn else later for number in numbers]

    def _first_run(self) -> Run:
        """One that the engine has made, of which the others are copies; its own customer is not among theirs."""
        at = self.now
        said = Message(
            kind=MessageKind.TRACK, name="order_completed", fields={"order_id": "o-1", "total": 10}, occurred_at=at,
            received_at=at, source="shop", message_id="first", user_id="first",
        )  # fmt: skip
        self.store.accept([said], at)
        while self.pipeline.step(at).more:
            pass
        (run,) = self.store.list_runs(limit=2)
        run.wake_at = at + 10_000 * DAY
        run.first_sent_at = at  # as at any step but the first, so that few and many stand alike
        self.store.commit(Batch(runs=[run]))
        return run

    def _fill(self, template: Run, wakes: list[Instant], numbers: range) -> None:
        keys = {number: f"user:{number:08}" for number in numbers}
        ids = self.store.ensure_customers(list(keys.values()), self.now)
        self.store.commit(
            Batch(
                customers=[
                    CustomerRow(id=ids[key], key=key, fields={}, stamps={}, first_seen=self.now)
                    for key in keys.values()
                ],
                runs=[_copy(template, keys[number], ids[keys[number]], wakes[number]) for number in numbers],
            )
        )

    def round(self) -> None:
        """Let an hour pass and do what is due, to the last commit."""
        self.now += self.hour
        began = time.perf_counter()
        while self.pipeline.step(self.now).more:
            pass
        done = 0
        while requests := self.pipeline.release(self.now, SLOTS, SLOTS["log.write"]):
            answers = [EffectResult(effect_id=one.effect_id, status="done", attempt=one.attempt) for one in requests]
            self.pipeline.finish(answers, self.now)
            done += len(answers)
        self.seconds.append(time.perf_counter() - began)
        assert done == DUE, f"{done} runs took a step"


def _copy(template: Run, key: str, customer: int, wake_at: Instant) -> Run:
    """A run of another customer: its id is a hash, as ids are, and its event is of another length, as events are.

    Rows of one length would leave the same gap in every page, and a step that makes its row longer would split each
    page or none.
    """
    chance = Random(key)
    bought = [f"{chance.randrange(10**6):06}" for _ in range(chance.randint(1, 12))]
    event = {**template.context["event"], "order_id": key, "products": bought}
    context = {**template.context, "event": event}
    return replace(template, id=digest(key, size=20), customer=customer, wake_at=wake_at, context=context)


def compare(few: Crowd, many: Crowd, name: str) -> Iterator[Figure]:
    """Steps a second among many by those among few, in rounds that take turns."""
    yield _compare(few, many, f"run steps with {many.waiting:,} waiting, {name}", AIM)
    yield _compare(few, many, f"run steps of runs made together, {many.waiting:,} waiting, {name}", None)


def _compare(few: Crowd, many: Crowd, what: str, bound: float | None) -> Figure:
    few.seconds.clear()
    many.seconds.clear()
    with rare_collection():
        for _ in range(many.rounds):
            few.round()
            many.round()
    slow, fast = many.seconds[1:], few.seconds[1:]  # the first round warms up
    return Figure(
        what=what,
        ours=f"{DUE / median(slow):,.0f} steps/s",
        against=f"with {few.waiting:,}: {DUE / median(fast):,.0f} steps/s",
        value=median_ratio(fast, slow),
        bound=bound,
        at_most=False,
    )


def written(few: Crowd, many: Crowd, files: tuple[Path, Path]) -> Figure:
    """Pages that one round writes to the journal, in runs from anywhere: it does not depend on the machine."""
    pages = []
    for crowd, path in zip((few, many), files, strict=True):
        crowd.store.checkpoint()
        crowd.round()
        pages.append(journal_bytes(path) / _FRAME / DUE)
    what = f"pages written a step with {many.waiting:,} waiting, SQLite"
    return Figure(what, f"{pages[1]:.2f}", f"with {few.waiting:,}: {pages[0]:.2f}", pages[1])


def on_files(folder: Path, project: Path, plan: Plan, waiting: int, rounds: int) -> Iterator[Figure]:
    """The comparison on SQLite, and the start of a daemon over the larger store."""
    now = SystemClock().now() - (2 * rounds + 2) * HOUR
    files = folder / "few.db", project / "retain.db"
    with Store.open(files[0]) as few, Store.open(files[1]) as many:
        pair = Crowd(few, plan, now, DUE, WAIT, rounds), Crowd(many, plan, now, waiting, HOUR, rounds)
        yield from compare(*pair, "SQLite")
        yield written(*pair, files)
    bare = make_project(folder / "empty", RULES)
    starts, empty = [], []
    for _ in range(2 if rounds < 10 else 5):
        with daemon(bare) as running:
            empty.append(running.ready_s)
        with daemon(project) as running:
            starts.append(running.ready_s)
            memory = resident_mb(running.pid)
    what = f"from start to ready with {waiting:,} waiting"
    ours = f"{median(starts):.2f} s, {memory:.0f} MB resident then"
    yield Figure(what, ours, f"over an empty store: {median(empty):.2f} s", median(starts), READY_S)


def on_postgres(plan: Plan, waiting: int, rounds: int) -> Iterator[Figure]:
    """The same comparison on PostgreSQL."""
    with postgres() as server:
        if server is None:
            yield Figure("run steps, PostgreSQL", "not run", "no PostgreSQL is installed here", 0.0)
            return
        with psycopg.connect(server.url(), autocommit=True) as admin:
            for name in ("few", "many"):
                admin.execute(f"CREATE DATABASE {name}")
        now = SystemClock().now()
        with Store.open(server.url("few")) as few, Store.open(server.url("many")) as many:
            pair = Crowd(few, plan, now, DUE, WAIT, rounds), Crowd(many, plan, now, waiting, HOUR, rounds)
            with psycopg.connect(server.url("many"), autocommit=True) as admin:
                admin.execute("VACUUM ANALYZE")
            yield from compare(*pair, "PostgreSQL")


def main() -> int:
    """Fill the stores and measure."""
    args = arguments(__doc__)
    waiting, rounds = (20_000, 6) if args.quick else (1_000_000, 16)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="retain-bench-")))
        project = make_project(folder / "shop", RULES)
        plan = open_project(project).plan()
        figures = [*on_files(folder, project, plan, waiting, rounds), *on_postgres(plan, waiting, rounds)]
    return report(args, figures)


if __name__ == "__main__":
    raise SystemExit(main())
