"""Events simulated per second: the 100 rules of the shop, one event in ten starts a run.

Effects are answered by stand-ins and runs go on through their waits, so each started run costs two effects. The peer is
taking the same events into a durable store and deciding them there, without effects. The simulation uses as many
processes as the machine has cores, as the command does. Run: python benchmarks/simulate.py [--quick] [--profile]
"""

from __future__ import annotations

import cProfile
import pstats
import tempfile
import time
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
    return report(args, [Figure("simulate", told, against_live, rate / live)])


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


if __name__ == "__main__":
    raise SystemExit(main())
