"""`retain simulate`, the whole command, over a file of a million events, and the memory that it takes.

The 100 rules of the shop, found by index, one event in ten starts a run; then one of them alone. The peer is a bare
loop that reads and parses the same file and does nothing else. Memory is the peak of the command with the processes
that it starts, over all events against that over a tenth of them, of the same customers in the same time: what is told
grows with the days, and a count of events that changed the days too would say nothing of either.
Run: python benchmarks/simulate_file.py [--quick]
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import msgspec
from processes import RETAIN, Spent, spent
from report import Figure, arguments, report
from servers import make_project
from workload import EVENTS, introductions, messages, rules_text

from retain.model import Message, MessageKind

AIM, FLAT = 0.1, 1.1
ONE = "order-completed-03"
STEP = 60_000  # a minute between events: of a million, two years; of the tenth ten minutes, so the same years
FIELDS = {"value": {"type": "number"}, "coupon": {"type": "string"}, "order_id": {"type": "string"}}


def make_shop(folder: Path) -> Path:
    """The project of the shop."""
    project = make_project(folder, rules_text(indexed=True))
    (project / "schemas" / "events").mkdir(parents=True)
    for event in EVENTS:
        schema = {"title": event, "type": "object", "properties": FIELDS}
        (project / "schemas" / "events" / f"{event}.json").write_text(json.dumps(schema))
    return project


def write(path: Path, count: int, customers: int, step: int) -> None:
    """A file of calls of the Segment API, in order, so many milliseconds apart."""
    with path.open("wb") as file:
        for message in (*introductions(customers), *messages(count, customers, seed=1, start=1, step=step)):
            file.write(msgspec.json.encode(call_of(message)) + b"\n")


def call_of(message: Message) -> dict[str, object]:
    """A message as a call of the Segment API."""
    is_track = message.kind is MessageKind.TRACK
    what = {"event": message.name, "properties": message.fields} if is_track else {"traits": message.fields}
    return {
        "type": "track" if is_track else "identify",
        "userId": message.user_id,
        "messageId": message.message_id,
        "timestamp": datetime.fromtimestamp(message.occurred_at / 1000, UTC).isoformat(timespec="milliseconds"),
        **what,
    }


def bare(path: Path) -> float:
    """Seconds of a loop that reads and parses, and no more."""
    decode = msgspec.json.Decoder().decode
    began = time.perf_counter()
    with path.open("rb") as file:
        for line in file:
            call = decode(line)
            datetime.fromisoformat(call["timestamp"])
    return time.perf_counter() - began


def simulated(project: Path, path: Path, rules: Sequence[str] = ()) -> Spent:
    """Run the command, watch it from outside."""
    chosen = [word for rule in rules for word in ("--rule", rule)]
    command = [RETAIN, "--project", str(project), "simulate", "--events", str(path), "--json", *chosen]
    run = spent(command)
    started = sum(rule["started"] for rule in json.loads(run.printed)["rules"].values())
    assert started, "nothing was started"
    return run


def main() -> int:
    """Write the files, run the command over them."""
    args = arguments(__doc__)
    count, customers = (20_000, 2_000) if args.quick else (1_000_000, 20_000)
    with tempfile.TemporaryDirectory(prefix="retain-bench-") as parent:
        folder = Path(parent)
        project = make_shop(folder / "shop")
        tenth, whole = folder / "tenth.jsonl", folder / "whole.jsonl"
        write(tenth, count // 10, customers, 10 * STEP)
        write(whole, count, customers, STEP)
        lines = count + customers
        loop = median(bare(whole) for _ in range(3))
        few, every, one = simulated(project, tenth), simulated(project, whole), simulated(project, whole, [ONE])
    against = f"reading and parsing alone: {lines / loop:,.0f} events/s"
    # At the small size the start of the command weighs too much, and its memory is not yet filled.
    bound, flat = (None, None) if args.quick else (AIM, FLAT)
    figures = [
        Figure(
            f"simulate {what}, {count:,} events", f"{lines / spent.wall_s:,.0f} events/s", against, value, bound, False
        )
        for what, spent in (("100 rules", every), ("one rule", one))
        for value in (loop / spent.wall_s,)
    ]
    memory = f"{every.peak_mb:.0f} MB at most"
    before = f"{count // 10:,} events: {few.peak_mb:.0f} MB"
    return report(args, [*figures, Figure("simulate, peak memory", memory, before, every.peak_mb / few.peak_mb, flat)])


if __name__ == "__main__":
    raise SystemExit(main())
