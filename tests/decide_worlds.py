"""Random rule sets and random streams of messages, and everything that a store holds after them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from decide_help import NOON
from retain.decide.facts import Respond
from retain.instants import DAY, HOUR, MINUTE
from retain.language.plan import Plan
from retain.model import Effect, Instant, Json, Message, MessageKind
from retain.pipeline import Options, Pipeline
from retain.registry import Action, EffectResult
from retain.store.store import Store
from retain.store.tables import metadata

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
NAMES = ("a", "b", "c")
PEOPLE = ("u1", "u2", "u3")
VISITORS = ("n1", "n2")

durations = st.sampled_from(["1s", "1m", "1h", "5h", "1d", "3d"])
event_conditions = st.sampled_from(
    [
        "event.n >= 2", "event.n is present", "event.k == 'k1'", "count(a in last 2h) >= 2", "count(b) >= 2",
        "not exists(c in last 1d)", "customer.score < 40", "known_days() >= 1", "last(a.n) == 1",
        "sum(a.n in last 3d) > 3", "default(customer.stage, 0) < 3", "exists(turn_taken)", "customer.activated",
        "customer.stage == 2", "customer.turn in [1, 2] or event.k == 'k2'",
    ]
)  # fmt: skip
level_conditions = st.sampled_from(
    [
        "customer.score < 40", "count(a) >= 2", "not exists(a in last 1d)", "customer.activated",
        "count(b in last 5h) >= 2", "days_since(a) >= 2", "customer.stage == 2", "exists(x)", "customer.turn >= 3",
    ]
)  # fmt: skip


@st.composite
def awaited(draw: st.DrawFn, *, same: bool = True) -> Json:
    """A trigger of exit_when, goal or wait_for."""
    if draw(st.integers(0, 3)) == 0:
        return {"becomes": [draw(level_conditions)]}
    trigger: dict[str, Json] = {"event": draw(st.sampled_from([*NAMES, "x", "turn_taken", "customers_merged"]))}
    if same and trigger["event"] in NAMES and draw(st.booleans()):
        trigger["same"] = ["k"]
    return trigger


@st.composite
def steps(draw: st.DrawFn, depth: int = 0) -> list[Json]:
    """A few steps, some with steps inside."""
    return [draw(_step(depth, number)) for number in range(draw(st.integers(1, 3)))]


@st.composite
def _step(draw: st.DrawFn, depth: int, number: int) -> Json:
    kinds = ["wait", "wait", "post", "post", "mail", "note", "turn", "set", "emit", "fail", "crash", "stop"]
    nested = ["wait_for", "wait_for", "if"] if depth < 2 else []
    kind = draw(st.sampled_from([*kinds, *nested, *(["split"] if depth == 0 else [])]))
    if kind == "wait":
        return {"wait": draw(durations)}
    if kind == "wait_for":
        step = {"wait_for": draw(awaited(same=False)), "up_to": draw(durations)}
        return step | {"then": draw(steps(depth + 1)), "else": draw(steps(depth + 1))}
    if kind == "if":
        return {"if": [draw(level_conditions)], "then": draw(steps(depth + 1)), "else": draw(steps(depth + 1))}
    if kind == "split":
        arms = {"one": {"weight": 40, "then": draw(steps(2))}, "two": {"weight": 60, "then": draw(steps(2))}}
        return {"split": arms, "id": f"split{number}"}
    plain = {
        "mail": {"email.send": {"template": "t"}},
        "note": {"note.write": {"text": "{{ trigger.kind }}"}},
        "turn": {"turn.take": {}},
        "set": {"set": {"stage": draw(st.integers(0, 3)), "activated": draw(st.booleans())}},
        "emit": {"emit": draw(st.sampled_from(["x", "a", {"event": "b", "data": {"k": "k1", "n": 2}}]))},
        "fail": {"fail.now": {}, "on_error": draw(st.sampled_from(["stop", "continue"]))},
        "crash": {"crash.now": {}},
        "stop": {"stop": "enough"},
    }
    if kind == "post":
        action = draw(st.sampled_from(["post.it", "post.again", "post.skip"]))
        return {action: {"text": "{{ trigger.kind }}"}, "on_error": draw(st.sampled_from(["stop", "continue"]))}
    return plain[kind]


@st.composite
def rules(draw: st.DrawFn) -> Json:
    """One rule; its conditions fit its trigger."""
    kind = draw(st.sampled_from(["event", "event", "event", "becomes", "becomes", "schedule"]))
    rule: dict[str, Json] = {}
    if kind == "event":
        rule["when"] = {"event": draw(st.sampled_from([*NAMES, "x", "customer_created", "customer_updated"]))}
        if rule["when"]["event"] in NAMES:
            rule["if"] = draw(st.lists(event_conditions, max_size=2))
    elif kind == "becomes":
        rule["when"] = {"becomes": [draw(level_conditions)], "for": draw(durations)}
    else:
        each = {"each": ["known_days() >= 0"]}
        rule["when"] = {
            "schedule": draw(
                st.sampled_from(
                    [
                        {"cron": "0 */6 * * *", **each},
                        {"cron": "30 9 * * *", "timezone": "customer.home_zone", **each},
                        {"date": "customer.renews_at", "before": "1d", "at": "13:00"},
                    ]
                )
            )
        }
    by_key = kind == "event" and rule["when"]["event"] in NAMES
    rule["runs"] = {"mode": draw(st.sampled_from(["single", "restart", "queue", "parallel"]))}
    if by_key and draw(st.booleans()):
        rule["runs"]["per"] = "event.k"
    if draw(st.booleans()):
        rule["runs"]["at_most"] = draw(st.sampled_from(["1 per 1d", "2 per 5h"]))
    if draw(st.booleans()):
        rule["exit_when"] = [draw(awaited(same=by_key))]
    if draw(st.integers(0, 2)) == 0:
        rule["goal"] = {**draw(awaited(same=False)), "within": draw(st.sampled_from(["1h", "2d"]))}
    if draw(st.integers(0, 3)) == 0:
        rule["holdout"] = "40%"
    if draw(st.integers(0, 4)) == 0:
        rule["breaker"] = "3 per 5h"
    rule["status"] = draw(st.sampled_from(["live", "live", "live", "shadow"]))
    rule["then"] = draw(steps())
    return {key: value for key, value in rule.items() if value != []}


@st.composite
def rule_texts(draw: st.DrawFn) -> str:
    """A file of one to five rules with a policy."""
    policy = {"unknown": "allow", "consent": "marketing", "caps": ["2 per 1d"]}
    if draw(st.booleans()):
        policy["quiet"] = "14:00-16:00"
    named = {f"r{number}": draw(rules()) for number in range(draw(st.integers(1, 5)))}
    lines = "".join(f"  {name}: {json.dumps(rule)}\n" for name, rule in named.items())
    return f"policies: {json.dumps({'email': policy})}\nrules:\n{lines}"


@st.composite
def streams(draw: st.DrawFn) -> list[Message]:
    """Messages in the order of their receipt, some late, some twice, some that join two customers."""
    now = NOON
    found: list[Message] = []
    for number in range(draw(st.integers(1, 14))):
        now += draw(st.sampled_from([0, 0, 0, 1, MINUTE, HOUR, 5 * HOUR, DAY]))
        found.append(draw(_message(now, number)))
    return found


@st.composite
def _message(draw: st.DrawFn, now: Instant, number: int) -> Message:
    kind = draw(st.sampled_from(["track"] * 6 + ["identify"] * 4 + ["alias", "consent", "again"]))
    occurred = now - draw(st.sampled_from([0, 0, 0, 2 * HOUR, 3 * DAY]))
    anonymous = draw(st.integers(0, 2)) == 0
    given: dict[str, Json] = {"kind": MessageKind.TRACK, "name": draw(st.sampled_from(NAMES)), "fields": {}}
    if kind in ("track", "again"):
        given["fields"] = {"k": draw(st.sampled_from(["k1", "k2"])), "n": draw(st.integers(0, 3))}
    elif kind == "identify":
        given |= {"kind": MessageKind.IDENTIFY, "name": "customer_updated", "fields": draw(_traits)}
    elif kind == "consent":
        fields = {"purpose": "marketing", "granted": draw(st.booleans())}
        given |= {"kind": MessageKind.CONSENT, "name": "consent_changed", "fields": fields}
    who: dict[str, str] = {"user_id": draw(st.sampled_from(PEOPLE))}
    if kind == "alias":
        given |= {"kind": MessageKind.ALIAS, "name": ""}
        who["previous_id"] = draw(st.sampled_from([*VISITORS, *PEOPLE]))
    elif anonymous:
        who = {"anonymous_id": draw(st.sampled_from(VISITORS))}
        if kind == "identify" and draw(st.booleans()):
            who["user_id"] = draw(st.sampled_from(PEOPLE))
    name = f"m{number - 1 if kind == 'again' else number}"
    return Message(occurred_at=occurred, received_at=now, source="web", message_id=name, **given, **who)


_traits = st.fixed_dictionaries(
    {},
    optional={
        "score": st.sampled_from([30, 50, None]),
        "email": st.sampled_from(["one@example.test", "two@example.test"]),
        "activated": st.booleans(),
        "poison": st.sampled_from([False, False, True]),
        "timezone": st.sampled_from(["Asia/Tokyo", "America/New_York"]),
        "home_zone": st.sampled_from(["Europe/Berlin", "nowhere"]),
        "renews_at": st.sampled_from(["2026-01-07", "2026-01-09", None]),
    },
)


def answer(effect: Effect, action: Action, at: Instant) -> EffectResult:
    """What became of an attempt: decided by the effect alone, so that it is the same in every run of a test."""
    number = sum(map(ord, f"{effect.run}{effect.step}")) % 6
    if number == 0 and effect.attempt == 1:
        return EffectResult(effect_id=effect.id, status="retry", attempt=effect.attempt, retry_at=at + HOUR)
    if number == 1 and effect.attempt == 1:
        return EffectResult(effect_id=effect.id, status="in_doubt", attempt=effect.attempt)
    if number == 2:
        return EffectResult(effect_id=effect.id, status="dead", attempt=effect.attempt, reason="gone")
    return EffectResult(effect_id=effect.id, status="done", attempt=effect.attempt, output=action.example.output)


def well(effect: Effect, action: Action, at: Instant) -> EffectResult:
    """Every attempt succeeds."""
    return EffectResult(effect_id=effect.id, status="done", attempt=effect.attempt, output=action.example.output)


def decided(
    plan: Plan,
    messages: list[Message],
    batch: int,
    *,
    every: bool = False,
    respond: Respond = answer,
    kept: int = Options().kept,
) -> dict[str, list[tuple[Json, ...]]]:
    """Every row of every table after all messages, and eight days, are decided in batches of a size.

    Args:
        every: whether every rule is looked at, whatever the index says.
        kept: how many customers stay in memory between batches.
    """
    store = Store.in_memory()
    tally: Counter[tuple[str, str]] | None = Counter() if every else None
    options = Options(batch=batch, virtual=True, respond=respond, tally=tally, kept=kept)
    pipeline = Pipeline(store, plan, NOON - 1, options)
    store.accept(messages, messages[-1].received_at)
    for until in (messages[-1].received_at, messages[-1].received_at + 8 * DAY):
        for _ in range(20_000):
            if not pipeline.step(until).more:
                break
        else:
            raise AssertionError("it never comes to an end")
    return tables(store)


def tables(store: Store) -> dict[str, list[tuple[Json, ...]]]:
    """Every row of every table, in the order of the primary key."""
    found = {}
    with store._db.read() as session:
        for table in metadata.sorted_tables:
            key = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
            # A record's version counts its transactions, which is what a batch is.
            columns = ", ".join(f'"{column.name}"' for column in table.columns if column.name != "version")
            found[table.name] = session.rows(f"SELECT {columns} FROM {table.name} ORDER BY {key}")
    # An absorbed customer's row is no more than a pointer to the survivor, the last column.
    found["customers"] = [row if row[-1] is None else (row[0], row[-1]) for row in found["customers"]]
    found["events"] = [_after_accepted(row, found["events"]) for row in found["events"]]
    return found


def _after_accepted(row: tuple[Json, ...], events: list[tuple[Json, ...]]) -> tuple[Json, ...]:
    """An event with the last accepted one before it as its cause: what a timer made names the last one of any kind."""
    cause = [column.name for column in metadata.tables["events"].columns].index("cause_seq")
    if row[cause] is None:
        return row
    accepted = max((other[0] for other in events if other[cause] is None and other[0] <= row[cause]), default=0)
    return (*row[:cause], accepted, *row[cause + 1 :])


def in_many_worlds(part: int, holds: Callable[[str, list[Message]], None]) -> None:
    """Try a claim about rules and messages on a hundred worlds, each part on its own."""

    @seed(part)
    @given(rule_texts(), streams())
    @settings(max_examples=100, deadline=None, database=None, suppress_health_check=SLOW)
    def tried(text: str, messages: list[Message]) -> None:
        holds(text, messages)

    tried()
