"""Events decided durably per second on SQLite, against a bare script that writes the same rows in the same commits.

100 live rules, 20 candidates for each event, which are all looked at (and, told beside it, the same rules in a form by
which the index finds the one that can start), one event in ten starts a run with an effect or restarts one, 100,000
customers, one packed summary row for each event; `synchronous=FULL`. Ours takes messages in (one commit for a batch)
and decides them (one more), in batches as the daemon makes them. The bare script is handed the same messages and the
finished decisions: it makes the rows of the events, as any program must, and runs the same statements on a copy of the
same file. The limit that no program can beat has all rows ready made; it is told, also with one commit instead of two.
Rounds take turns. Run: python benchmarks/decide_sqlite.py [--quick] [--profile]
"""

from __future__ import annotations

import cProfile
import pstats
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bare import Bare, Recorder
from report import Figure, arguments, median_ratio, report
from workload import NOW, fill, make_shop, messages

from retain.app.live.collecting import rare_collection
from retain.model import Message
from retain.pipeline import Options, Pipeline
from retain.store.store import Store

BATCH = Options().batch  # as the daemon has it
AIM, FLOOR = 0.5, 0.25  # at the full size, and at the small one
SCRIPTS = {
    "script": "bare script",
    "ready": "rows ready made",
    "one": "rows ready made, one commit",
}


@dataclass(slots=True)
class Spent:
    """Seconds on the wall and of CPU, by round."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    _began: tuple[float, float] = (0.0, 0.0)

    def __enter__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self.wall.append(time.perf_counter() - self._began[0])
        self.cpu.append(time.process_time() - self._began[1])


@dataclass(slots=True)
class Course:
    """One measurement: how large, and what it has found."""

    customers: int
    rounds: int
    batches: int
    profile: cProfile.Profile | None
    indexed: bool = False
    spent: dict[str, Spent] = field(default_factory=lambda: {name: Spent() for name in ("ours", *SCRIPTS)})
    bytes_per_event: float = 0.0
    runs_per_event: float = 0.0
    restarts_per_event: float = 0.0

    @property
    def commits(self) -> Sequence[int]:
        """How many a round may take: one to take a batch in, one to decide it."""
        return (2 * self.batches,)

    @property
    def events(self) -> int:
        """In one round."""
        return BATCH * self.batches

    def run(self, folder: Path) -> None:
        """Measure."""
        path = folder / "ours.db"
        store = Store.open(path)
        pipeline = Pipeline(store, make_shop(indexed=self.indexed), NOW, Options(batch=BATCH))
        fill(store, self.customers)
        decide(store, pipeline, list(messages(BATCH, self.customers, seed=1)))
        store.checkpoint()
        bare = {}
        for name, given in (("script", {}), ("ready", {"ready": True}), ("one", {"ready": True, "commits": 1})):
            bare[name] = Bare(Path(shutil.copy(path, folder / f"{name}.db")), **given)
        before = path.stat().st_size
        self.measure(store, pipeline, bare)
        store.checkpoint()
        count, runs = self.events * (self.rounds + 1), store.counts().runs
        self.bytes_per_event = (path.stat().st_size - before) / count
        self.runs_per_event = sum(runs.values()) / count
        self.restarts_per_event = runs.get("ended", 0) / count

    def measure(self, store: Store, pipeline: Pipeline, bare: Mapping[str, Bare]) -> None:
        """Rounds that take turns."""
        with rare_collection():  # as in the daemon
            for round_ in range(self.rounds + 1):
                self._round(round_, store, pipeline, bare)
        for one in self.spent.values():  # the first round warms up
            del one.wall[0], one.cpu[0]

    def _round(self, round_: int, store: Store, pipeline: Pipeline, bare: Mapping[str, Bare]) -> None:
        taken = list(messages(self.events, self.customers, seed=round_ + 2, start=BATCH + round_ * self.events))
        recorder = Recorder()
        recorder.start()
        if self.profile is not None:
            self.profile.enable()
        with self.spent["ours"]:
            for start in range(0, len(taken), BATCH):
                decide(store, pipeline, taken[start : start + BATCH])
        if self.profile is not None:
            self.profile.disable()
        log = recorder.take()
        assert sum(sql == "COMMIT" for sql, _ in log) in self.commits
        for name, script in bare.items():
            with self.spent[name]:
                script.run(log, taken)


def decide(store: Store, pipeline: Pipeline, batch: Sequence[Message]) -> None:
    """Take a batch in and decide all of it."""
    until = batch[-1].received_at
    store.accept(batch, until)
    while pipeline.step(until).more:
        pass


def main() -> int:
    """Measure and tell the ratios."""
    args = arguments(__doc__, "--profile")
    profile = cProfile.Profile() if args.profile else None
    size = (20_000, 7, 8) if args.quick else (100_000, 15, 20)
    courses = [Course(*size, profile), Course(*size, None, indexed=True)]
    for course in courses:
        with tempfile.TemporaryDirectory(prefix="retain-bench-") as folder:
            course.run(Path(folder))
    if profile is not None:
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
    aim = FLOOR if args.quick else AIM
    return report(args, [figure for course in courses for figure in _figures(course, aim)])


def _figures(course: Course, aim: float) -> list[Figure]:
    ours, events = course.spent["ours"], course.events
    told = f"{events / median(ours.wall):,.0f} events/s"
    figures = []
    for name, script in SCRIPTS.items():
        other = course.spent[name]
        ratio = median_ratio(ours.wall, other.wall) ** -1
        cpu = median_ratio(ours.cpu, other.cpu) ** -1
        against = f"{script}: {events / median(other.wall):,.0f} events/s (by CPU alone {cpu:.2f})"
        bound = aim if name == "script" and not course.indexed else None
        what = "decide durably, found by index" if course.indexed else "decide durably"
        figures.append(Figure(what, told, against, ratio, bound, at_most=False))
    size = f"{course.bytes_per_event:,.0f} bytes"
    about = f"{course.runs_per_event:.1%} start a run, {course.restarts_per_event:.1%} restart one"
    if course.indexed:
        return figures
    return [*figures, Figure("on disk, per event with its decision", size, about, course.bytes_per_event)]


if __name__ == "__main__":
    raise SystemExit(main())
