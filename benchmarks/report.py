"""What a benchmark says at its end: figures with their bounds, as lines for people and as JSON for `scripts/bench`."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Figure:
    """One thing measured.

    Args:
        against: what it is compared with: the limit or the peer, with its figure.
        value: the ratio or figure that the bound is for.
        bound: None where it is told and not judged.
        at_most: whether the value must stay below the bound; else above.
    """

    what: str
    ours: str
    against: str
    value: float
    bound: float | None = None
    at_most: bool = True

    @property
    def is_good(self) -> bool:
        """Whether the bound is kept."""
        if self.bound is None:
            return True
        return self.value <= self.bound if self.at_most else self.value >= self.bound


def arguments(description: str | None, *flags: str) -> argparse.Namespace:
    """The options that every benchmark takes, and further flags of its own."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds; the figures scatter more")
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file")
    for flag in flags:
        parser.add_argument(flag, action="store_true")
    return parser.parse_args()


def report(args: argparse.Namespace, figures: Iterable[Figure]) -> int:
    """Print each figure and keep it as it comes, so that what follows cannot lose it; 1 where a bound is not kept."""
    told: list[Figure] = []
    for figure in figures:
        told.append(figure)
        bound = "" if figure.bound is None else f" ({'at most' if figure.at_most else 'at least'} {figure.bound:g})"
        print(f"{figure.what}: {figure.ours}; {figure.against}; {figure.value:.3g}{bound}", flush=True)
        if args.json:
            Path(args.json).write_text(json.dumps([asdict(one) | {"good": one.is_good} for one in told]))
    return int(not all(figure.is_good for figure in told))


def cpu_seconds(work: Callable[[], object]) -> float:
    """Seconds of CPU of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def median_ratio(ours: Iterable[float], theirs: Iterable[float]) -> float:
    """The median of the ratios of pairs measured one after the other."""
    return median(mine / other for mine, other in zip(ours, theirs, strict=True))
