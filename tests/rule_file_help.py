"""A small shop with a few actions, and rule files read against it."""

from __future__ import annotations

from dataclasses import replace
from textwrap import dedent

from language_help import FUNCTIONS, SCHEMA
from retain.language.load.files import load_rules
from retain.language.message_templates import MessageTemplates, read_templates
from retain.language.rules import Rule, RuleSet
from retain.language.types import Type
from retain.model import Fields, Problem
from retain.registry import (
    Action,
    ActionRequest,
    ActionResult,
    Channel,
    Example,
    Function,
    JsonSchema,
    Registry,
    StoreChanges,
    StoreView,
)

TEXT: JsonSchema = {"type": "string", "minLength": 1}


def _object(properties: JsonSchema, *required: str) -> JsonSchema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


async def _run(request: ActionRequest) -> ActionResult:
    return ActionResult(output={"message_id": request.effect_id})


def _apply(view: StoreView, inputs: Fields) -> StoreChanges:
    return StoreChanges(output={"task_id": view.run, "note": inputs.get("note")})


EMAIL = Action(
    name="email.send",
    summary="Send an e-mail.",
    inputs=_object({"template": TEXT, "data": {"type": "object"}, "subject": TEXT}, "template"),
    output=_object({"message_id": TEXT}, "message_id"),
    example=Example(inputs={"template": "hello"}, output={"message_id": "m1"}),
    run=_run,
    channel="email",
)
TASK = Action(
    name="task.create",
    summary="Put a to-do on a list.",
    inputs=_object(
        {
            "title": TEXT,
            "note": {"type": "string"},
            "points": {"type": "integer", "minimum": 0},
            "priority": {"enum": ["low", "high"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "team": TEXT,
            "programme": TEXT,
            "calendar": TEXT,
        },
        "title",
    ),
    output=_object({"task_id": {"type": "string"}, "note": {"type": "string"}}, "task_id"),
    example=Example(inputs={"title": "Call"}, output={"task_id": "t1"}),
    apply=_apply,
)
LOG = Action(
    name="log.write",
    summary="Write a line.",
    inputs=_object({"message": TEXT}, "message"),
    example=Example(inputs={"message": "done"}),
    run=_run,
    customer="none",
)
REGISTRY = Registry(
    actions={action.name: action for action in (EMAIL, TASK, LOG)},
    channels={"email": Channel(name="email", address_field="email")},
    functions={**FUNCTIONS, "grace": Function(name="grace", summary="", parameters={}, body="2h")},
    broken={"coupons": "its import failed: no module named money"},
)
SHOP = replace(
    SCHEMA,
    customer={**SCHEMA.customer, "first_name": Type("text", nullable=True), "timezone": Type("text", nullable=True)},
    events={
        **SCHEMA.events,
        "signed_up": {"plan": Type("text")},
        "task_closed": {"task_id": Type("text"), "outcome": Type("text", nullable=True)},
    },
)
SHARED = """
version: 1
policies: {email: {consent: marketing, unknown: refuse}}
calendars: {office: {zone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}}
teams: {sales: {members: [{email: ada@example.test}]}}
tiers: {main: {levels: [{name: silver, from: 0}, {name: gold, from: 100}]}}
segments: {vip: {if: [customer.ltv > 1000]}}
metrics: {spend: "sum(order_completed.total where currency == 'EUR')"}
"""
TEMPLATES = read_templates(
    {
        "hello.txt": "Subject: Hello {{ customer.first_name | default('you') }}\n\nWelcome.\n",
        "code.txt": "Subject: Your code\n\n{{ data.code }}\n",
        "plan.txt": "Subject: Your plan\n\nYou chose {{ event.plan }}.\n",
    }
)


def load(*texts: str, templates: MessageTemplates | None = None) -> tuple[RuleSet, list[Problem]]:
    """Rule files, named rules.yaml, rules2.yaml and so on, beside one with what they all may name."""
    files = [(f"rules{number or ''}.yaml", dedent(text)) for number, text in zip((0, 2, 3), texts, strict=False)]
    return load_rules([("shared.yaml", SHARED), *files], SHOP, REGISTRY, templates=templates or TEMPLATES)


def load_clean(*texts: str) -> RuleSet:
    """Rule files without any problem."""
    ruleset, problems = load(*texts)
    assert not problems, "\n".join(problem.render() for problem in problems)
    return ruleset


def one_rule(text: str) -> Rule:
    """The one rule of a file without errors."""
    ruleset, problems = load(text)
    assert not [problem for problem in problems if problem.severity == "error"], [p.render() for p in problems]
    (rule,) = ruleset.rules.values()
    return rule
