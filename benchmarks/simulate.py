"""Events simulated per second and the memory that it takes: the 100 rules of the shop, one event in ten starts a run.

Effects are answered by stand-ins and runs go on through their waits, so each started run costs two effects. The peer is
taking the same events into a durable store and deciding them there, without effects. Of the memory up to 64 MB are
pages of the scratch store; measured is how far the peak of a process rises that simulates a stream of events.
Run: python benchmarks/simulate.py [--quick] [--profile]
"""

from __future__ import annotations

import cProfile
import pstats
import resource
import sys
import tempfile
import time
from itertools import chain
from multiprocessing import get_context
from pathlib import Path

from report import Figure, arguments, report
from workload import NOW, introductions, make_shop, messages

from retain.app.live.collecting import rare_collection
from retain.app.simulation.simulate import simulate
from retain.language.plan import Plan
from retain.model import Message
from retain.pipeline import Options, Pipeline
from retain.store.store import Store

STEP = 600_000  # ten minutes between events, so that the waits of a day pass within the simulation


def main() -> int:
    """Simulate once."""
    args = arguments(__doc__, "--profile")
    count, customers = (20_000, 2_000) if args.quick else (100_000, 20_000)
    plan = make_shop()
    past = [*introductions(customers), *messages(count, customers, seed=1, start=1, step=STEP)]
    live = _live(plan, past[: count // 5])
    profile = cProfile.Profile()
    if args.profile:
        profile.enable()
    outcome = simulate(plan, past)
    profile.disable()
    if args.profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(40)
    started = sum(rule.started for rule in outcome.rules.values())
    effects = sum(sum(rule.effects.values()) for rule in outcome.rules.values())
    rate = outcome.events / outcome.seconds
    against_live = f"deciding durably: {live:,.0f} events/s"
    told = f"{rate:,.0f} events/s, {started:,} runs, {effects:,} effects"
    less, more = (_grown(count // share, customers) for share in (4, 1))
    against = f"{less:.0f} MB for {count // 4:,} events of {customers:,} customers"
    return report(
        args,
        [
            Figure("simulate", told, against_live, rate / live),
            Figure("simulate, memory", f"{more:.0f} MB for {count:,}", against, more, 130),
        ],
    )


def _grown(count: int, customers: int) -> float:
    """By how many MB the peak grows in a process of its own that simulates so many events."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_measured, (count, customers))


def _measured(count: int, customers: int) -> float:
    plan = make_shop()
    simulate(plan, introductions(10))  # what is made once, such as the generated conditions
    before = _peak_mb()
    with rare_collection():
        simulate(plan, chain(introductions(customers), messages(count, customers, seed=1, start=1, step=STEP)))
    return _peak_mb() - before


def _live(plan: Plan, past: list[Message]) -> float:
    with tempfile.TemporaryDirectory(prefix="retain-bench-") as folder, Store.open(Path(folder) / "live.db") as store:
        pipeline = Pipeline(store, plan, NOW - 1, Options())
        began = time.perf_counter()
        with rare_collection():
            for start in range(0, len(past), 200):
                chunk = past[start : start + 200]
                store.accept(chunk, chunk[-1].received_at)
                while pipeline.step(chunk[-1].received_at).more:
                    pass
        return len(past) / (time.perf_counter() - began)


def _peak_mb() -> float:
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says there counts the process that this one was started from
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


if __name__ == "__main__":
    raise SystemExit(main())
