"""What one event costs with 10, 1,000 and 10,000 rules of which the same few start something.

Ten rules start runs. The others are a mix: 20 kinds of events by Zipf's law, 3 to 7 clauses, one in ten with an `or`,
one in ten without anything that an index could go by, one in twenty started by `becomes`; all texts differ, and none is
ever true, whatever else of it holds. The cost is CPU from taking a batch in to its decisions on disk, in rounds that
take turns; that of deciding alone is told beside it. Conditions are compiled before, once for each rule in a process.
Run: python benchmarks/rules_many.py [--quick] [--profile]
"""

from __future__ import annotations

import cProfile
import json
import pstats
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC
from itertools import count
from pathlib import Path
from random import Random

from report import Figure, arguments, median_ratio, report
from workload import NOW

from retain.app.live.collecting import rare_collection
from retain.decide.events import decide_event
from retain.deliver.loading import load_plugins
from retain.language.load.files import load_rules
from retain.language.plan import Defaults, Plan, make_plan
from retain.language.schemas.fields import load_schema
from retain.language.types import Type
from retain.model import Json, Message, MessageKind
from retain.pipeline import Options, Pipeline
from retain.pipeline import pipeline as steps
from retain.store.store import Store

STARTING = 10  # rules
BOUND = 1.5
BATCH = Options().batch
KINDS = [f"happened_{number:02}" for number in range(20)]
ZIPF = [1 / (number + 1) for number in range(20)]
CATEGORIES = [f"cat{number}" for number in range(60)]
COUNTRIES = ["DE", "AT", "FR", "IT", "ES", "PL", "NL", "BE", "SE", "US"]
TAGS = [f"t{number}" for number in range(120)]
PLANS = ["free", "basic", "pro", "team", "enterprise"]


def indexable(chance: Random) -> str:
    """A clause that says which value a field has."""
    country = ", ".join(chance.sample(COUNTRIES, chance.randint(1, 3)))
    return chance.choices(
        [
            f"event.category == '{chance.choice(CATEGORIES)}'",
            f"customer.country in [{country}]",
            "customer.agreed",
            f"customer.tags contains '{chance.choice(TAGS)}'",
            f"customer.plan == '{chance.choice(PLANS)}'",
        ],
        [6, 3, 4, 4, 4],
    )[0]


def other(chance: Random) -> str:
    """A clause that does not."""
    country = ", ".join(chance.sample(COUNTRIES, chance.randint(1, 3)))
    return chance.choices(
        [
            f"event.amount >= {chance.randint(1, 500)}",
            f"event.quantity {chance.choice(['<', '<='])} {chance.randint(1, 10)}",
            f"customer.country not in [{country}]",
            f"customer.value > {chance.randint(0, 1000)}",
            f"count(order_completed in last {chance.choice([30, 90])}d) >= {chance.randint(1, 4)}",
            f"customer.email ends with '@d{chance.randint(0, 9)}.example'",
        ],
        [8, 4, 3, 4, 4, 4],
    )[0]


def clauses(chance: Random, number: int, *, indexed: bool = True) -> list[str]:
    """Some clauses, of which the last is never true and stands in no other rule."""
    found = [(indexable if indexed and chance.random() < 0.47 else other)(chance) for _ in range(chance.randint(3, 7))]
    if chance.random() < 0.1:
        found[0] = f"{found[0]} or {(indexable if indexed else other)(chance)}"
    if not indexed:
        return [*found, f"event.quantity > event.amount + {1_000 + number}"]
    return [*found, f"event.amount + event.quantity > {1_000 + number}"]


def reading(number: int) -> list[str]:
    """What a rule that starts asks for; the ten together read all the history that the others read."""
    return [
        "event.quantity == 3",
        f"count({KINDS[number]} in last 30d) >= 1",
        f"count({KINDS[number + 10]} in last 30d) >= 0",
        "count(order_completed in last 90d) >= 0",
    ]


def rules(size: int) -> dict[str, Json]:
    """So many rules, by id."""
    chance = Random(4)
    then = [{"log.write": {"message": "order of {{ customer.email }}"}}, {"wait": "1d"}]
    found: dict[str, Json] = {
        f"starting-{number}": {"when": {"event": KINDS[number]}, "if": reading(number), "then": then}
        for number in range(STARTING)
    }
    for number in range(size - STARTING):
        kind, draw = chance.choices(KINDS, ZIPF)[0], chance.random()
        if draw < 0.05:
            happened = f"count({kind} in last {chance.choice([7, 30])}d) >= {chance.randint(2, 5)}"
            tests = [text for text in clauses(chance, number) if "event." not in text]
            when: Json = {"becomes": [*tests, happened, f"customer.value > {1_000 + number}"]}
            found[f"rule-{number}"] = {"when": when, "then": then}
        else:
            tests = clauses(chance, number, indexed=draw >= 0.15)
            found[f"rule-{number}"] = {"when": {"event": kind}, "if": tests, "then": then}
    return found


def plan_of(size: int) -> Plan:
    """So many rules, ready to decide with."""
    registry = load_plugins({}).registry
    schema, problems = load_schema([], registry)
    schema.customer.update(  # type: ignore[attr-defined]
        email=Type("text", True), agreed=Type("bool", True), country=Type("text", True), tags=Type("text_set"),
        plan=Type("text", True), value=Type("number", True),
    )  # fmt: skip
    fields = {"category": Type("text", True), "amount": Type("number", True), "quantity": Type("int", True)}
    schema.events.update(dict.fromkeys(KINDS, fields))  # type: ignore[attr-defined]
    lines = [f"  {name}: {json.dumps(rule)}" for name, rule in rules(size).items()]
    assert len({line.partition(": ")[2] for line in lines}) == size, "all texts differ"
    files = [lines[start : start + 100] for start in range(0, size, 100)]
    texts = [(f"{number}.yaml", "\n".join(["version: 1", "rules:", *part])) for number, part in enumerate(files)]
    ruleset, found = load_rules(texts, schema, registry)
    errors = [problem.render() for problem in (*problems, *found) if problem.severity == "error"]
    assert not errors, "\n".join(errors[:3])
    return make_plan(ruleset, schema, registry, Defaults(zone=UTC))


def introductions(customers: int) -> Iterator[Message]:
    """Who the customers are."""
    chance = Random(5)
    for number in range(customers):
        fields = {
            "email": f"u{number}@d{number % 10}.example", "agreed": chance.random() < 0.6, "plan": chance.choice(PLANS),
            "country": chance.choice(COUNTRIES), "tags": chance.sample(TAGS, chance.randint(0, 4)),
            "value": chance.randint(0, 1000),
        }  # fmt: skip
        yield _message(MessageKind.IDENTIFY, "customer_updated", fields, number, f"identify-{number}", NOW)


def events(customers: int) -> Iterator[Message]:
    """What they do, without end."""
    chance = Random(6)
    for number in count():
        fields = {
            "category": chance.choice(CATEGORIES),
            "amount": chance.randint(0, 500),
            "quantity": chance.randint(0, 10),
        }
        kind, who = chance.choices(KINDS, ZIPF)[0], chance.randrange(customers)
        yield _message(MessageKind.TRACK, kind, fields, who, f"event-{number}", NOW + 5 * number)


def _message(kind: MessageKind, name: str, fields: Json, who: int, message_id: str, at: int) -> Message:
    return Message(
        kind=kind, name=name, fields=fields, occurred_at=at, received_at=at, source="shop", message_id=message_id,
        user_id=str(who),
    )  # fmt: skip


@dataclass
class World:
    """One number of rules, with a store of its own."""

    size: int
    folder: Path
    customers: int
    cpu: list[float] = field(default_factory=list)
    deciding: list[float] = field(default_factory=list)
    looked_at: int = 0
    compiled_s: float = 0.0

    def __post_init__(self) -> None:
        plan = plan_of(self.size)
        began = time.process_time()
        for kind in KINDS:
            plan.candidates(kind).screen.prepare()
        self.compiled_s = time.process_time() - began
        self.plan = plan
        self.store = Store.open(self.folder / f"{self.size}.db")
        self.pipeline = Pipeline(self.store, plan, NOW - 1)
        while self.pipeline.step(NOW - 1).more:
            pass
        self._events = events(self.customers)
        self._decide(list(introductions(self.customers)))
        self.decide(10)

    def decide(self, batches: int) -> None:
        """Take in and decide some batches more."""
        taken = [[next(self._events) for _ in range(BATCH)] for _ in range(batches)]
        deciding = _Deciding()
        began = time.process_time()
        with deciding:
            for batch in taken:
                self._decide(batch)
        self.cpu.append(time.process_time() - began)
        self.deciding.append(deciding.seconds)

    def _decide(self, messages: list[Message]) -> None:
        for start in range(0, len(messages), BATCH):
            batch = messages[start : start + BATCH]
            self.store.accept(batch, batch[-1].received_at)
            while self.pipeline.step(batch[-1].received_at).more:
                pass


class _Deciding:
    """Seconds of CPU spent in deciding events."""

    seconds = 0.0

    def __enter__(self) -> None:
        clock, decide = time.thread_time, decide_event

        def timed(facts: Json, event: Json) -> None:
            began = clock()
            decide(facts, event)
            self.seconds += clock() - began

        steps.decide_event = timed

    def __exit__(self, *_: object) -> None:
        steps.decide_event = decide_event


def main() -> int:
    """Measure the sizes in turns."""
    args = arguments(__doc__, "--profile")
    sizes, rounds, batches, customers = (
        ((10, 300, 3_000), 5, 3, 1_000) if args.quick else ((10, 1_000, 10_000), 7, 5, 2_000)
    )
    with tempfile.TemporaryDirectory(prefix="retain-bench-") as folder, rare_collection():
        worlds = [World(size, Path(folder), customers) for size in sizes]
        for world in worlds:
            world.cpu.clear()
            world.deciding.clear()
        for _ in range(rounds):
            for world in worlds:
                world.decide(batches)
        starts = {sum(world.store.counts().runs.values()) for world in worlds}
        assert len(starts) == 1, f"the same runs must be started: {starts}"
        if args.profile:
            profile = cProfile.Profile()
            profile.runcall(worlds[-1].decide, batches)
            pstats.Stats(profile).sort_stats("tottime").print_stats(40)
    return report(args, _figures(worlds, batches * BATCH))


def _figures(worlds: list[World], each: int) -> list[Figure]:
    few = worlds[0]
    figures = []
    for world in worlds[1:]:
        what = f"an event with {world.size:,} rules"
        told = f"{min(world.cpu) / each * 1e6:.0f} us of CPU"
        against = f"with {few.size}: {min(few.cpu) / each * 1e6:.0f} us"
        figures.append(Figure(what, told, against, median_ratio(world.cpu, few.cpu), BOUND))
        told = f"{min(world.deciding) / each * 1e6:.0f} us, compiled in {world.compiled_s:.1f} s"
        against = f"with {few.size}: {min(few.deciding) / each * 1e6:.0f} us"
        figures.append(Figure(f"{what}, deciding alone", told, against, median_ratio(world.deciding, few.deciding)))
    return figures


if __name__ == "__main__":
    raise SystemExit(main())
