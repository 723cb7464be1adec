"""Run all benchmarks, one process after the other, and print one table.

    python benchmarks/run.py [--quick] [--only NAME] [--json OUT] [--resume] [--markdown PAGE]

Ratios are comparable between machines; figures in seconds or events are of this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from table import Outcome, show, write_markdown

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
    "backfill",
    "simulate_file",
    "plan",
)
PATIENCE_S = 1_500.0


def main() -> int:
    """Run them; 1 where a bound is not kept, 2 where one did not come to its end."""
    args = _arguments()
    size = "small" if args.quick else "full"
    kept = _read(Path(args.json)) if args.json else {}
    for name in args.only or NAMES:
        if args.resume and name in kept and not kept[name].why and kept[name].size == size:
            continue
        print(f"{name} …", file=sys.stderr, end=" ", flush=True)
        outcome = _run(name, size)
        print(f"{outcome.seconds:.0f} s, {outcome.cpu_seconds:.0f} s of CPU {outcome.why}", file=sys.stderr, flush=True)
        if args.json:
            kept = _read(Path(args.json))  # anew, because another of this may have added to it
        kept[name] = outcome
        if args.json:
            Path(args.json).write_text(json.dumps([asdict(one) for one in _in_order(kept)], indent=2) + "\n")
    outcomes = _in_order(kept)
    show(outcomes)
    if args.markdown:
        write_markdown(Path(args.markdown), outcomes)
    if any(outcome.why for outcome in outcomes):
        return 2
    return int(not all(figure["good"] for outcome in outcomes for figure in outcome.figures))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes; the figures scatter more")
    parser.add_argument("--only", choices=NAMES, action="append", help="this one; may be repeated")
    parser.add_argument("--json", metavar="OUT", help="keep figures in a file as they come; others in it stay")
    parser.add_argument("--resume", action="store_true", help="leave out what the file of --json already has")
    parser.add_argument("--markdown", metavar="PAGE", help="write the table into a page, between its two marks")
    args = parser.parse_args()
    if args.resume and not args.json:
        parser.error("--resume needs --json")
    return args


def _read(path: Path) -> dict[str, Outcome]:
    if not path.exists():
        return {}
    return {row["name"]: Outcome(**row) for row in json.loads(path.read_text())}


def _in_order(kept: dict[str, Outcome]) -> list[Outcome]:
    return [kept[name] for name in NAMES if name in kept]


def _run(name: str, size: str) -> Outcome:
    """Run one; what it has told before it failed is kept."""
    taken = f"{datetime.now(UTC):%Y-%m-%d}"
    with tempfile.TemporaryDirectory(prefix="retain-bench-") as folder:
        out, said = Path(folder) / "figures.json", Path(folder) / "said"
        small = ["--quick"] if size == "small" else []
        used, began = _cpu(), time.perf_counter()
        why = _why_not([sys.executable, str(HERE / f"{name}.py"), "--json", str(out), *small], said)
        seconds, used = time.perf_counter() - began, _cpu() - used
        figures = json.loads(out.read_text()) if out.exists() else []
    return Outcome(name, _commit(), _machine(), taken, size, figures, round(seconds, 1), round(used, 1), why)


def _why_not(command: list[str], said: Path) -> str:
    """Run a benchmark; why it did not come to its end. One that hangs is ended with all that it has started."""
    with said.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
        try:
            code = process.wait(PATIENCE_S)
        except BaseException as error:
            _end(process)
            if isinstance(error, subprocess.TimeoutExpired):
                return f"not done after {PATIENCE_S:,.0f} s"
            raise
    text = said.read_text().strip()
    if code == 0 or (code == 1 and "Traceback (most recent call last)" not in text):
        return ""
    print(text, file=sys.stderr)
    return (text.splitlines() or [f"exit code {code}"])[-1][:160]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let it stop its servers; what is then left of its group is ended with it."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _cpu() -> float:
    """Seconds of CPU of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _machine() -> str:
    model = Path("/proc/cpuinfo")
    lines = model.read_text().splitlines() if model.exists() else []
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    python, sqlite = platform.python_version(), sqlite3.sqlite_version
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {python}, SQLite {sqlite}"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    raise SystemExit(main())
