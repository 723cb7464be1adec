"""Events decided durably per second on SQLite, against a bare script that writes the same rows in the same commits.

100 live rules, 20 candidates for each event, one event in ten starts a run with an effect (a third of them restart
one), 100,000 customers, one packed summary row for each event; `synchronous=FULL`. Ours takes messages in (one commit
for a batch) and decides them (one more). The limit is what no program can beat: it has the rows ready made, as ours
wrote them, and runs the same statements on a copy of the same file; in the same two commits, and in one for comparison.
Rounds take turns. Run: python benchmarks/decide_sqlite.py [--quick] [--profile]
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from workload import NOW, fill, make_shop, messages

from retain.app.collecting import rare_collection
from retain.model import Message
from retain.pipeline import Options, Pipeline
from retain.store.database import Session, Values
from retain.store.dialect import BEGIN_WRITE
from retain.store.rows import StoreCounts
from retain.store.store import Store

BATCH = Options().batch  # as the daemon has it
SETTINGS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 16000",
    "PRAGMA cache_size = -65536",
)


@dataclass(slots=True)
class Spent:
    """Seconds on the wall and of CPU, by round."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def measure(self) -> Timer:
        """A block to be timed."""
        return Timer(self)


class Timer:
    """Adds one round to what was spent."""

    def __init__(self, spent: Spent) -> None:
        self._spent = spent

    def __enter__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        self._spent.wall.append(time.perf_counter() - self._wall)
        self._spent.cpu.append(time.process_time() - self._cpu)


class Ours:
    """The engine on a file."""

    def __init__(self, path: Path) -> None:
        self.store = Store.open(path)
        self.plan = make_shop()
        self.pipeline = Pipeline(self.store, self.plan, NOW, Options(batch=BATCH))

    def run(self, batch: Sequence[Message]) -> None:
        """Take one batch in, then decide it."""
        until = batch[-1].received_at
        self.store.accept(batch, until)
        while self.pipeline.step(until).more:
            pass


class Recorder:
    """Notes every statement that changes the file, with its rows; reading is not noted."""

    def __init__(self) -> None:
        self._change, self._change_many = Session.change, Session.change_many
        self.log: list[tuple[str, list[Values]]] = []

    def start(self) -> None:
        """Note from here on."""
        change, change_many, log = self._change, self._change_many, self.log

        def noted(session: Session, sql: str, values: Values = ()) -> int:
            log.append((sql, [values]))
            return change(session, sql, values)

        def noted_many(session: Session, sql: str, rows: Iterable[Values]) -> int:
            kept = list(rows)
            if kept:
                log.append((sql, kept))
            return change_many(session, sql, kept)

        Session.change, Session.change_many = noted, noted_many  # type: ignore[method-assign]

    def take(self) -> list[tuple[str, list[Values]]]:
        """Stop, and give what was noted."""
        Session.change, Session.change_many = self._change, self._change_many  # type: ignore[method-assign]
        taken, self.log = self.log, []
        return taken


class Bare:
    """The limit: the same statements with the same rows, ready made."""

    def __init__(self, path: Path, commits: int) -> None:
        self._driver = sqlite3.connect(path, isolation_level=None, cached_statements=512)
        for setting in SETTINGS:
            self._driver.execute(setting)
        self._every = 2 // commits

    def run(self, log: list[tuple[str, list[Values]]]) -> None:
        """Write one round; with one commit, two transactions in a row are made one."""
        run, run_many = self._driver.execute, self._driver.executemany
        ended = 0
        for sql, rows in log:
            if sql == "COMMIT":
                ended += 1
                if ended % self._every == 0:
                    run(sql)
            elif sql == BEGIN_WRITE:
                if ended % self._every == 0:
                    run(sql)
            elif len(rows) == 1:
                run(sql, rows[0])
            else:
                run_many(sql, rows)


def main() -> int:
    """Print the ratios."""
    args = _arguments()
    customers, rounds, batches = (20_000, 7, 8) if args.quick else (100_000, 15, 20)
    with tempfile.TemporaryDirectory(prefix="retain-bench-") as folder, rare_collection():  # as in the daemon
        return _run(Path(folder), args, customers, rounds, batches)


def _run(folder: Path, args: argparse.Namespace, customers: int, rounds: int, batches: int) -> int:
    path = folder / "ours.db"
    ours = Ours(path)
    fill(ours.store, customers)
    ours.run(list(messages(BATCH, customers, seed=1)))
    ours.store.checkpoint()
    for name in ("two.db", "one.db"):
        shutil.copy(path, folder / name)
    two, one = Bare(folder / "two.db", 2), Bare(folder / "one.db", 1)
    recorder = Recorder()
    spent = {"ours": Spent(), "two": Spent(), "one": Spent()}
    profile = cProfile.Profile()
    before = _size(ours.store, path)
    count = BATCH
    for round_ in range(-1, rounds):  # the first warms up
        every = list(messages(BATCH * batches, customers, seed=round_ + 3, start=count))
        count += len(every)
        chunks = [every[start : start + BATCH] for start in range(0, len(every), BATCH)]
        recorder.start()
        if args.profile and round_ >= 0:
            profile.enable()
        with spent["ours"].measure():
            for chunk in chunks:
                ours.run(chunk)
        profile.disable()
        log = recorder.take()
        assert sum(sql == "COMMIT" for sql, _ in log) == 2 * batches
        for name, bare in (("two", two), ("one", one)):
            with spent[name].measure():
                bare.run(log)
    size = _size(ours.store, path) - before
    counts = ours.store.counts()
    for measured in spent.values():
        del measured.wall[0], measured.cpu[0]
    if args.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
    return _report(args, spent, BATCH * batches, size / (count - BATCH), (counts, count))


def _size(store: Store, path: Path) -> int:
    store.checkpoint()
    return path.stat().st_size


def _report(
    args: argparse.Namespace, spent: dict[str, Spent], events: int, size: float, done: tuple[StoreCounts, int]
) -> int:
    ours = spent["ours"]
    ratios = {}
    counts, count = done
    runs = sum(counts.runs.values()) / count
    print(f"batches of {BATCH}, {len(ours.wall)} rounds of {events} events, {counts.customers} customers")
    print(f"{runs:.1%} of the events started a run, {counts.runs.get('ended', 0) / count:.1%} restarted one")
    rate, us = events / median(ours.wall), median(ours.cpu) / events * 1e6
    print(f"ours                {rate:>9,.0f} events/s   {us:6.1f} us CPU")
    for name, text in (("two", "limit, two commits"), ("one", "limit, one commit")):
        theirs = spent[name]
        wall = median(mine / bare for mine, bare in zip(theirs.wall, ours.wall, strict=True))
        cpu = median(mine / bare for mine, bare in zip(theirs.cpu, ours.cpu, strict=True))
        ratios[name] = wall
        rate, us = events / median(theirs.wall), median(theirs.cpu) / events * 1e6
        print(f"{text:19} {rate:>9,.0f} events/s   {us:6.1f} us CPU   ours/limit {wall:.2f} (CPU alone {cpu:.2f})")
    print(f"on disk {size:,.0f} bytes for each event, with its decision")
    if args.json:
        Path(args.json).write_text(json.dumps({"ratio": ratios["two"], "one_commit": ratios["one"], "bytes": size}))
    print(f"decide_sqlite ratio {ratios['two']:.2f} (at least 0.25, aim 0.5)")
    return int(ratios["two"] < 0.25)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and customers")
    parser.add_argument("--profile", action="store_true", help="show where ours spends its time")
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
