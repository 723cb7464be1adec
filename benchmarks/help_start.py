"""CPU seconds of `retain --help`, from outside, against a Python that does nothing.

Run: python benchmarks/help_start.py [--quick]
"""

from __future__ import annotations

import sys
from statistics import median

from processes import RETAIN, cpu_of
from report import Figure, arguments, report

LIMIT_S = 0.3


def main() -> int:
    """Take turns; the median counts."""
    args = arguments(__doc__)
    cpu_of([RETAIN, "--help"])  # warms up
    rounds = 5 if args.quick else 15
    pairs = [(cpu_of([sys.executable, "-c", "pass"]), cpu_of([RETAIN, "--help"])) for _ in range(rounds)]
    bare, ours = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    against = f"Python that does nothing: {bare:.3f} s"
    return report(args, [Figure("retain --help", f"{ours:.3f} s CPU", against, ours, LIMIT_S)])


if __name__ == "__main__":
    raise SystemExit(main())
