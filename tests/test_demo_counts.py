"""Over the demo's data the headline rules start, refuse and end exactly as often as an independent count says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from independent_counts import abandoned_cart, churn_alert, lead_assignment, loyalty, purchases
from retain.app.commands.messages import read_messages
from retain.app.simulation.simulate import RuleOutcome, simulate
from retain.deliver.loading import load_plugins
from retain.language.load.files import load_rules
from retain.language.message_templates import read_template_folder
from retain.language.plan import Defaults, Plan, make_plan
from retain.language.schemas.fields import load_schema
from retain.resources import resource

RULES = resource("rules")


@cache
def shipped_plan() -> Plan:
    """All shipped rules as one plan."""
    registry = load_plugins({}).registry
    schema, _ = load_schema([], registry)
    templates = read_template_folder(RULES / "templates", registry.filters)
    files = [(path.name, path.read_text()) for path in sorted(RULES.glob("*.yaml"))]
    ruleset, _ = load_rules(files, schema, registry, templates=templates)
    return make_plan(ruleset, schema, registry, Defaults())


def simulated(name: str, *rules: str, keep: Callable[[str], bool] = lambda _: True) -> dict[str, RuleOutcome]:
    """What some shipped rules do over one of the demo's data sets, up to its last row."""
    whole = shipped_plan()
    only = replace(whole.ruleset, rules={rule: whole.rules[rule] for rule in rules})
    plan = make_plan(only, whole.schema, whole.registry, whole.defaults)
    data: Path = RULES / "demo" / "data" / f"{name}.csv.gz"
    messages = read_messages(data, whole.schema, mapping=RULES / "demo" / f"{name}.mapping.yml")
    kept = [message for message in messages if keep(message.user_id)]
    return simulate(plan, kept, end=max(message.received_at for message in kept)).rules


def in_sample(customer: str) -> bool:
    """One CDNOW customer in a hundred."""
    return customer.endswith("14")


def test_leads_and_carts_over_the_clickstream() -> None:
    found = simulated("clickstream", "lead-assignment", "lead-won", "abandoned-cart")
    assert _counted(found["lead-assignment"]) == lead_assignment()
    assert _counted(found["abandoned-cart"]) == abandoned_cart()


def test_tiers_over_a_sample_of_the_purchases() -> None:
    assert _tiers(in_sample) == loyalty(purchases(in_sample))


def test_churn_alerts_over_a_sample_of_the_purchases() -> None:
    found = simulated("purchases", "churn-alert", keep=in_sample)
    assert _counted(found["churn-alert"]) == churn_alert(purchases(in_sample))


@pytest.mark.long
def test_tiers_over_all_purchases() -> None:
    assert _tiers(lambda _: True) == loyalty(purchases())


@pytest.mark.long
def test_churn_alerts_over_all_purchases() -> None:
    assert _counted(simulated("purchases", "churn-alert")["churn-alert"]) == churn_alert(purchases())


@pytest.mark.parametrize("count", [lead_assignment, abandoned_cart, lambda: churn_alert(purchases(in_sample))])
def test_every_headline_rule_starts_refuses_and_is_ended_by_an_order(count: Callable[[], Counter[str]]) -> None:
    found = count()
    assert min(found["started"], found["refused if"], found["ended by order"], found["ended done"]) > 0


def _tiers(keep: Callable[[str], bool]) -> Counter[str]:
    found = simulated("purchases", "loyalty-upgrade", "loyalty-downgrade", keep=keep)
    up, down = _counted(found["loyalty-upgrade"]), _counted(found["loyalty-downgrade"])
    named = {f"upgrade {name}": up[name] for name in ("started", "refused if")}
    return Counter(named | {f"downgrade {name}": count for name, count in down.items()})


def _counted(outcome: RuleOutcome) -> Counter[str]:
    """An outcome in the words of the independent counts."""
    words = {"done": "ended done", "order_completed": "ended by order", "restart": "ended restarted"}
    ended = {words[reason]: count for reason, count in outcome.ended.items()}
    refused = {f"refused {reason}": count for reason, count in outcome.refused.items() if reason != "consent"}
    return Counter({"started": outcome.started, **refused, **ended})
