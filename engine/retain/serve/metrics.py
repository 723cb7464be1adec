"""The counts of a running engine in the text format of Prometheus."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from retain.app.live.counters import Durations
from retain.app.live.engine import Engine


class EngineCollector(Collector):
    """Reads an engine's counts when it is asked; it holds none of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterable[Metric]:
        """All metrics, each with its help."""
        yield from self._counts()
        yield from self._by_label()
        yield from self._backlog()
        yield self._backfills()
        stats = self._engine.stats
        yield _summary("retain_ingest_commit_seconds", "Commits of received messages", stats.ingest_commits)
        yield _summary("retain_step_seconds", "Steps of deciding, their commits included", stats.steps)

    def _counts(self) -> Iterator[Metric]:
        stats = self._engine.stats
        for name, text, value in (
            ("retain_accepted", "Messages stored", stats.accepted),
            ("retain_duplicates", "Messages that were known already", stats.duplicates),
            ("retain_overloaded", "Requests that were asked to come back later", stats.overloaded),
            ("retain_decided", "Accepted events decided", stats.decided),
            ("retain_timers", "Timers decided", stats.timers),
            ("retain_quarantined", "Events and timers put aside because they cannot be decided", stats.quarantined),
        ):
            yield CounterMetricFamily(name, text, value)

    def _by_label(self) -> Iterator[Metric]:
        stats = self._engine.stats
        rejected = CounterMetricFamily("retain_rejected", "Messages refused", labels=["reason"])
        for reason, count in dict(stats.rejected).items():
            rejected.add_metric([reason], count)
        started = CounterMetricFamily("retain_runs_started", "Runs started", labels=["rule"])
        for rule, count in dict(stats.started).items():
            started.add_metric([rule], count)
        ended = CounterMetricFamily("retain_runs_ended", "Runs ended", labels=["rule", "by"])
        for (rule, by), count in dict(stats.ended).items():
            ended.add_metric([rule, by], count)
        effects = CounterMetricFamily("retain_effects", "Effects that reached a state", labels=["action", "state"])
        for (action, state), count in dict(stats.effects).items():
            effects.add_metric([action, state], count)
        errors = CounterMetricFamily("retain_store_errors", "Writes that failed", labels=["kind"])
        for kind, count in dict(stats.store_errors).items():
            errors.add_metric([kind], count)
        yield from (rejected, started, ended, effects, errors)

    def _backfills(self) -> Metric:
        text = "Customers that new rules have still to look at"
        left = GaugeMetricFamily("retain_backfill_customers_left", text, labels=["rule"])
        counts = Counter[str]()
        for backfill in self._engine.stats.backfills:
            counts[backfill.rule] += backfill.left
        for rule, count in counts.items():
            left.add_metric([rule], count)
        return left

    def _backlog(self) -> Iterator[Metric]:
        engine = self._engine
        backlog, now = engine.stats.backlog, time.time() * 1000
        lag = 0.0 if backlog.oldest_due is None else max(0.0, (now - backlog.oldest_due) / 1000)
        ready, reasons = engine.readiness()
        for name, text, value in (
            ("retain_undecided", "Accepted events that are not decided", backlog.undecided),
            ("retain_effects_due", "Effects that could go out now", backlog.due),
            ("retain_effects_oldest_due_seconds", "How long the oldest of them has been due", lag),
            ("retain_effects_sending", "Effects claimed for sending", backlog.sending),
            ("retain_effects_in_doubt", "Effects of which nobody knows whether they went out", backlog.in_doubt),
            ("retain_effects_dead", "Dead letters", backlog.dead),
            ("retain_events_quarantined", "Events put aside", backlog.quarantined),
            ("retain_loop_lag_seconds", "How late the event loop was when last measured", engine.stats.loop_lag),
            ("retain_ready", "1 while the daemon does its work", int(ready)),
            ("retain_degraded", "1 while something is not as it should be", int(bool(reasons))),
            ("retain_up_seconds", "Since the start", time.monotonic() - engine.stats.began),
        ):
            yield GaugeMetricFamily(name, text, value)


def metrics_of(engine: Engine) -> CollectorRegistry:
    """A registry with the engine's metrics alone."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(EngineCollector(engine))
    return registry


def metrics_text(registry: CollectorRegistry) -> str:
    """The metrics as they are at this moment."""
    return generate_latest(registry).decode()


def _summary(name: str, text: str, durations: Durations) -> Metric:
    return SummaryMetricFamily(name, text, count_value=durations.count, sum_value=durations.total)
