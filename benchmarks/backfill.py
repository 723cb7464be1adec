"""A million customers are imported, then a new `becomes` looks at all of them: how fast, and with how much memory.

Both are commands on a project without a daemon, watched from outside: `retain import` of a call for each customer, then
the import of one more, which decides what the new rule has to do. Memory is the peak of the command over all customers
against that over a fifth of them. Run: python benchmarks/backfill.py [--quick]
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from processes import RETAIN, Spent, spent
from report import Figure, arguments, report
from servers import make_project

from retain.store.store import Store

FLAT = 1.1
CUSTOMER = '{"type": "object", "properties": {"score": {"type": "number"}, "plan": {"type": "string"}}}'
HIGH = "  high: {when: {becomes: [customer.score >= 40]}, then: [log.write: {message: high}]}\n"
NEW = "  known: {when: {becomes: [customer.score < 40, known_days() >= 3]}, then: [log.write: {message: known}]}\n"


def write(path: Path, numbers: range) -> Path:
    """A file of one call for each customer."""
    with path.open("w") as file:
        for number in numbers:
            traits = {"email": f"user_{number}@example.test", "plan": "pro" if number % 3 else "basic"}
            call = {"type": "identify", "userId": str(number), "messageId": f"m{number}", "traits": traits}
            traits |= {"score": number % 80}
            file.write(json.dumps(call | {"timestamp": f"2026-01-{number % 28 + 1:02}T10:00:00Z"}) + "\n")
    return path


def lived(folder: Path, customers: int) -> tuple[Spent, Spent]:
    """What the import takes, and the backfill."""
    project = make_project(folder, f"version: 1\nrules:\n{HIGH}")
    (project / "schemas").mkdir()
    (project / "schemas" / "customer.json").write_text(CUSTOMER)
    take_in = [RETAIN, "--project", str(project), "import"]
    importing = spent([*take_in, str(write(folder / "all.jsonl", range(customers)))])
    (project / "rules" / "shop.yaml").write_text(f"version: 1\nrules:\n{HIGH}{NEW}")
    looking = spent([*take_in, str(write(folder / "one.jsonl", range(customers, customers + 1)))])
    with Store.open(project / "retain.db", read_only=True) as store:
        assert all(row.done for row in store.watch_rows())
        assert (store.counts().customers, store.counts().undecided) == (customers + 1, 0)
        assert not store.list_runs(limit=1), "noting who is true already starts nothing"
    return importing, looking


def figures(folder: Path, customers: int, *, judged: bool) -> Iterator[Figure]:
    """What all customers take, and a fifth of them."""
    few, every = lived(folder / "few", customers // 5), lived(folder / "all", customers)
    for what, less, more in zip(("import", "backfill"), few, every, strict=True):
        named = f"{what}, {customers:,} customers"
        yield Figure(named, f"{customers / more.wall_s:,.0f} customers/s", "told only", customers / more.wall_s)
        before = f"{customers // 5:,} customers: {less.peak_mb:.0f} MB"
        ratio = more.peak_mb / less.peak_mb
        yield Figure(f"{named}, peak memory", f"{more.peak_mb:.0f} MB", before, ratio, FLAT if judged else None)


def main() -> int:
    """Import and look twice."""
    args = arguments(__doc__)
    customers = 20_000 if args.quick else 1_000_000  # in a small store the caches are not full
    with tempfile.TemporaryDirectory(prefix="retain-bench-") as parent:
        return report(args, figures(Path(parent), customers, judged=not args.quick))


if __name__ == "__main__":
    raise SystemExit(main())
