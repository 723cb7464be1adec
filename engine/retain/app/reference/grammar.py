"""The words of rule files as articles: keys, triggers, steps and customer fields, read from their JSON Schema.

So `retain docs wait` says what an editor shows, and a key that the grammar gains is described at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from retain.app.reference.articles import Article, Part, Row, schema_text, type_text
from retain.language.schemas.rule_files import rules_json_schema
from retain.language.types import Schema
from retain.model import Json
from retain.registry import JsonSchema, Registry

FILE, RULE, RUNS, TRIGGER, SCHEDULE, AWAITED, STEP, POLICY, FIELD = (
    "key of a rule file",
    "key of a rule",
    "key of runs",
    "key of a trigger",
    "key of a schedule",
    "key of exit_when, goal and wait_for",
    "step, or key of one",
    "key of a policy",
    "customer field",
)
EXAMPLES: Mapping[tuple[str, str], str] = {
    (FILE, "segments"): "segments:\n  buyers: {if: [exists(order_completed)]}",
    (FILE, "metrics"): "metrics:\n  orders: count(order_completed)",
    (FILE, "policies"): "policies:\n  email: {consent: marketing, unknown: refuse, caps: [4 per 7d]}",
    (FILE, "calendars"): 'calendars:\n  office: {zone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}',
    (FILE, "teams"): "teams:\n  sales: {members: [{email: ada@example.test}]}",
    (RULE, "when"): "when: {event: order_completed}",
    (RULE, "if"): "if:\n  - customer.email is present\n  - any: [customer.plan == 'pro', count(order_completed) >= 3]",
    (RULE, "then"): "then:\n  - wait: 1h\n  - log.write: {message: an hour later}",
    (RULE, "runs"): "runs: {per: event.order_id, mode: restart, at_most: 1 per 30d}",
    (RULE, "exit_when"): "exit_when: {event: order_refunded}",
    (RULE, "goal"): "goal: {event: order_completed, within: 14d}",
    (RULE, "holdout"): "holdout: 10%",
    (RULE, "breaker"): "breaker: 100 per 1h",
    (RULE, "status"): "status: shadow",
    (RULE, "on_change"): "on_change: move",
    (TRIGGER, "event"): "when: {event: order_completed, if: [event.total >= 100]}",
    (TRIGGER, "becomes"): "when: {becomes: [days_since(order_completed) >= 30]}",
    (TRIGGER, "for"): "when: {becomes: [days_since(order_completed) >= 30], for: 1h}",
    (TRIGGER, "schedule"): 'when: {schedule: {cron: "0 9 * * 1", each: [customer.email is present]}}',
    (SCHEDULE, "cron"): 'when: {schedule: {cron: "0 9 * * 1-5", each: [customer.email is present]}}',
    (SCHEDULE, "yearly"): "when: {schedule: {yearly: customer.birthday}}",
    (AWAITED, "same"): "exit_when: {event: cart_emptied, same: [cart_id]}",
    (STEP, "wait"): "- wait: 2d",
    (STEP, "wait_for"): "- wait_for: {event: order_completed}\n  up_to: 3d",
    (STEP, "if"): "- if: [exists(order_completed)]\n  then: [{log.write: {message: has bought}}]",
    (
        STEP,
        "split",
    ): "- id: ab\n  split:\n    a: {weight: 50, then: [{log.write: {message: a}}]}\n    b: {weight: 50}",
    (STEP, "set"): "- set: {company: ACME}",
    (STEP, "emit"): "- emit: {event: trial_ended}",
    (STEP, "stop"): "- stop: has bought",
    (STEP, "on_error"): "- log.write: {message: hello}\n  on_error: continue",
}


def grammar(registry: Registry, schema: Schema) -> Iterator[Article]:
    """Every key of rule files with these plugins, and every declared field of customers."""
    whole = rules_json_schema(registry, schema)
    shapes: JsonSchema = whole["$defs"]
    rule: JsonSchema = shapes["rule"]["properties"]
    trigger: JsonSchema = rule["when"]["properties"]
    steps = {name: shape for name, shape in shapes["step"]["properties"].items() if name not in registry.actions}
    policies: JsonSchema = whole["properties"]["policies"]["properties"]
    groups: tuple[tuple[str, JsonSchema], ...] = (
        (FILE, whole["properties"]),
        (RULE, rule),
        (RUNS, rule["runs"]["properties"]),
        (TRIGGER, trigger),
        (SCHEDULE, trigger["schedule"]["properties"]),
        (AWAITED, shapes["goal"]["properties"]),
        (STEP, steps),
        (POLICY, next((policy["properties"] for policy in policies.values()), {})),
    )
    for kind, keys in groups:
        yield from (_key(kind, name, shape, shapes) for name, shape in keys.items())
    for name, declared in sorted(schema.customer.items()):
        example = f"if: [customer.{name} is present]"
        summary = f"{type_text(declared)}; can be missing" if declared.nullable else type_text(declared)
        yield Article(kind=FIELD, name=f"customer.{name}", summary=summary, example=example)


def _key(kind: str, name: str, shape: JsonSchema, shapes: JsonSchema) -> Article:
    named = _resolved(shape, shapes)
    inner = _resolved(named.get("additionalProperties") or {}, shapes)
    rows = _rows(named, shapes) if name != "set" else ()
    return Article(
        kind=kind,
        name=name,
        summary=str(
            shape.get("description") or named.get("description") or inner.get("description") or "See the text."
        ),
        facts=_facts(named),
        parts=(Part("Keys", ("key", "meaning"), rows),) if rows else (),
        example=EXAMPLES.get((kind, name), ""),
    )


def _facts(shape: JsonSchema) -> tuple[tuple[str, str], ...]:
    examples = shape.get("examples", ())
    facts = []
    if "enum" in shape:
        facts.append(("one of", schema_text(shape)))
    elif shape.get("type") == "string" and examples and len(examples) <= 8:
        facts.append(("such as", ", ".join(str(one) for one in examples)))
    return tuple(facts)


def _rows(shape: JsonSchema, shapes: JsonSchema) -> tuple[Row, ...]:
    inner: Mapping[str, Json] = shape.get("properties") or {}
    return tuple((key, str(_resolved(part, shapes).get("description", ""))) for key, part in inner.items())


def _resolved(shape: Json, shapes: JsonSchema) -> JsonSchema:
    """What a `$ref` names; a plain shape as it is."""
    if not isinstance(shape, Mapping):
        return {}
    reference = shape.get("$ref")
    return {**shapes[reference.rsplit("/", 1)[1]], **shape} if reference else shape
