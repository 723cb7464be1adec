"""Counts of a running engine, for metrics and status. Written by one thread each, read by any."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from retain.pipeline.backfills import Backfill
from retain.store.backlog import Backlog


@dataclass(slots=True)
class Durations:
    """How long something took, in seconds."""

    count: int = 0
    total: float = 0.0
    longest: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.count += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)


@dataclass(slots=True)
class Counters:
    """What an engine has done since its start, and what it found when it last looked."""

    began: float = field(default_factory=time.monotonic)
    accepted: int = 0
    duplicates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)  # by reason
    notes: Counter[str] = field(default_factory=Counter)  # accepted, but with something left out, by code
    overloaded: int = 0
    decided: int = 0
    timers: int = 0
    quarantined: int = 0
    started: Counter[str] = field(default_factory=Counter)  # runs by rule
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)  # runs by (rule, what ended them)
    effects: Counter[tuple[str, str]] = field(default_factory=Counter)  # by (action, state reached)
    store_errors: Counter[str] = field(default_factory=Counter)  # by class
    ingest_commits: Durations = field(default_factory=Durations)
    steps: Durations = field(default_factory=Durations)
    loop_lag: float = 0.0  # seconds that the event loop was last late by
    backlog: Backlog = field(default_factory=Backlog)
    backfills: list[Backfill] = field(default_factory=list)  # those that are under way
