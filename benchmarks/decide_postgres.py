"""Events decided durably per second on PostgreSQL, against a bare script that writes the same rows in the same commits.

The shop and the course of `decide_sqlite`, one worker, on a server with `fsync` and `synchronous_commit` on, over a
socket. The bare script runs on a copy of the database, through the same driver. Both share the machine with the
server, whose work is in both. Run: python benchmarks/decide_postgres.py [--quick] [--profile]
"""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Iterator, Sequence
from statistics import median

import psycopg
from bare import PostgresBare, PostgresBareByRow
from decide_sqlite import AIM, BATCH, FLOOR, SCRIPTS, Course, Spent, decide
from report import Figure, arguments, median_ratio, report
from servers import postgres
from workload import NOW, fill, make_shop, messages

from retain.pipeline import Options, Pipeline
from retain.store.store import Store

BY_ROW = "bare script, a statement for each row"
TOLD = {**SCRIPTS, "by_row": BY_ROW}


class PostgresCourse(Course):
    """The same measurement on a server."""

    @property
    def commits(self) -> Sequence[int]:
        """As on a file; a lease may be renewed meanwhile."""
        return range(2 * self.batches, 2 * self.batches + 100)

    def on(self, url: str, copies: dict[str, str], admin: psycopg.Connection) -> None:
        """Measure on a database, whose copies are made once it is filled."""
        plan = make_shop(indexed=self.indexed)
        with Store.open(url) as store:
            fill(store, self.customers)
            decide(store, Pipeline(store, plan, NOW, Options(batch=BATCH)), list(messages(BATCH, self.customers, 1)))
        for name in copies:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE ours")
        admin.execute("CHECKPOINT")
        bare = {
            "script": PostgresBare(copies["script"]),
            "ready": PostgresBare(copies["ready"], ready=True),
            "one": PostgresBare(copies["one"], ready=True, commits=1),
            "by_row": PostgresBareByRow(copies["by_row"]),
        }
        self.spent["by_row"] = Spent()
        with Store.open(url) as store:
            self.measure(store, Pipeline(store, plan, NOW, Options(batch=BATCH)), bare)
        for one in bare.values():
            one.close()


def figures(
    indexed: bool, size: tuple[int, int, int], aim: float, profile: cProfile.Profile | None
) -> Iterator[Figure]:
    """One course on a server of its own."""
    what = "decide durably, PostgreSQL" + (", found by index" if indexed else "")
    with postgres() as server:
        if server is None:
            yield Figure(what, "not run", "no PostgreSQL is installed here", 0.0)
            return
        course = PostgresCourse(*size, profile, indexed=indexed)
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute("CREATE DATABASE ours")
            course.on(server.url("ours"), {name: server.url(name) for name in TOLD}, admin)
    ours = course.spent["ours"]
    for name, script in TOLD.items():
        other = course.spent[name]
        ratio = median_ratio(ours.wall, other.wall) ** -1
        against = f"{script}: {course.events / median(other.wall):,.0f} events/s"
        bound = aim if name == "script" and not indexed else None
        yield Figure(what, f"{course.events / median(ours.wall):,.0f} events/s", against, ratio, bound, at_most=False)


def main() -> int:
    """Measure and tell the ratios."""
    args = arguments(__doc__, "--profile")
    profile = cProfile.Profile() if args.profile else None
    size = (10_000, 4, 5) if args.quick else (100_000, 15, 20)
    aim = FLOOR if args.quick else AIM
    found = [*figures(False, size, aim, profile), *figures(True, size, aim, None)]
    if profile is not None:
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
    return report(args, found)


if __name__ == "__main__":
    raise SystemExit(main())
