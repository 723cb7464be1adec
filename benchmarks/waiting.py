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
from retain.model import Instant, Message, MessageKind, Run
from retain.pipeline import Options, Pipeline
from retain.registry import EffectResult
from retain.store.rows import Batch, CustomerRow
from retain.store.store import Store

DUE, AIM, READY_S = 1_000, 0.8, 3.0
WAIT = 30 * DAY
STEPS = 40
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
        rounds: how many there will be, the first included that warms up; who is not due in them waits for months.
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
        order = list(range(self.waiting))
        Random(1).shuffle(order)
        soon = DUE * self.rounds
        wakes = [self.now + (place // DUE + 1) * self.hour + (0 if place < soon else 90 * DAY) for place in order]
        for start in range(0, self.waiting, 10_000):
            self._fill(template, wakes, range(start, min(start + 10_000, self.waiting)))
        self.store.checkpoint()

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
        self.store.commit(Batch(runs=[run]))
        return run

    def _fill(self, template: Run, wakes: list[Instant], numbers: range) -> None:
        keys = {number: f"user:{number:08}" for number in numbers}
        ids = self.store.ensure_customers(list(keys.values()), self.now)
        width = (1 << 128) // self.waiting  # ids as evenly spread as hashes are, and made in order
        self.store.commit(
            Batch(
                customers=[
                    CustomerRow(id=ids[key], key=key, fields={}, stamps={}, first_seen=self.now)
                    for key in keys.values()
                ],
                runs=[
                    replace(template, id=f"{number * width:032x}", customer=ids[key], wake_at=wakes[number])
                    for number, key in keys.items()
                ],
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


def compare(few: Crowd, many: Crowd, rounds: int, name: str) -> Figure:
    """Steps a second among many by those among few, in rounds that take turns."""
    with rare_collection():
        for _ in range(rounds):
            few.round()
            many.round()
    slow, fast = many.seconds[1:], few.seconds[1:]  # the first round warms up
    return Figure(
        what=f"run steps with {many.waiting:,} waiting, {name}",
        ours=f"{DUE / median(slow):,.0f} steps/s",
        against=f"with {few.waiting:,}: {DUE / median(fast):,.0f} steps/s",
        value=median_ratio(fast, slow),
        bound=AIM,
        at_most=False,
    )


def on_files(folder: Path, project: Path, plan: Plan, waiting: int, rounds: int) -> Iterator[Figure]:
    """The comparison on SQLite, and the start of a daemon over the larger store."""
    now = SystemClock().now() - (rounds + 1) * HOUR
    with Store.open(folder / "few.db") as few, Store.open(project / "retain.db") as many:
        pair = Crowd(few, plan, now, DUE, WAIT, rounds), Crowd(many, plan, now, waiting, HOUR, rounds)
        yield compare(*pair, rounds, "SQLite")
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
            yield compare(*pair, rounds, "PostgreSQL")


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
