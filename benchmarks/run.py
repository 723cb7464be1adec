"""Run all benchmarks, one process after the other, and print one table.

    python benchmarks/run.py [--quick] [--only NAME] [--json OUT]

Ratios are comparable between machines; figures in seconds or events are of this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
NAMES = (
    "condition",
    "wire",
    "check_1000_rules",
    "rule_tests",
    "help_start",
    "rest_memory",
    "simulate",
    "rules_many",
    "segment",
    "peers",
    "http_ingest",
    "latency",
    "decide_sqlite",
    "decide_postgres",
    "waiting",
    "hour_of_time",
    "simulate_file",
)


def main() -> int:
    """Run them; 1 where a bound is not kept, 2 where one could not run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds; the figures scatter more")
    parser.add_argument("--only", choices=NAMES, action="append", help="this one; may be repeated")
    parser.add_argument("--json", metavar="OUT", help="write all figures to a file")
    args = parser.parse_args()
    found, failed = [], []
    for name in args.only or NAMES:
        print(f"{name} …", file=sys.stderr, flush=True)
        figures = _run(name, quick=args.quick)
        if figures is None:
            failed.append(name)
        else:
            found += [{"benchmark": name, **figure} for figure in figures]
    machine = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "commit": _commit(),
    }
    _print(found, failed, machine)
    if args.json:
        Path(args.json).write_text(json.dumps({**machine, "quick": args.quick, "figures": found}, indent=2) + "\n")
    return 2 if failed else int(not all(figure["good"] for figure in found))


def _run(name: str, *, quick: bool) -> list[dict[str, object]] | None:
    with tempfile.TemporaryDirectory(prefix="retain-bench-") as folder:
        out = Path(folder) / "figures.json"
        command = [sys.executable, str(HERE / f"{name}.py"), "--json", str(out), *(["--quick"] if quick else [])]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if not out.is_file():
            print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
            return None
        figures: list[dict[str, object]] = json.loads(out.read_text())
        return figures


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _print(found: list[dict[str, object]], failed: list[str], machine: dict[str, str]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("what", "limit or peer", "ours", "value", "bound", ""):
        table.add_column(heading, justify="right" if heading in ("value", "bound") else "left")
    for figure in found:
        bound = "" if figure["bound"] is None else f"{'≤' if figure['at_most'] else '≥'} {figure['bound']:g}"
        mark = "" if figure["bound"] is None else "ok" if figure["good"] else "[bold red]NO[/]"
        cells = (figure["what"], figure["against"], figure["ours"], f"{figure['value']:.3g}", bound, mark)
        table.add_row(*map(str, cells))
    console = Console(soft_wrap=not sys.stdout.isatty())
    console.print(table)
    for name in failed:
        console.print(f"{name}: could not run", style="bold red")
    console.print(f"{machine['machine']}; commit {machine['commit']}", style="dim")


if __name__ == "__main__":
    raise SystemExit(main())
