"""What only looks like a mistake draws no warning: two near misses for each warning about a text and about a rule.

The warnings that weigh whole rules against each other have theirs in test_lint.py.
"""

from __future__ import annotations

from collections import Counter
from textwrap import indent

import pytest

from language_help import problems_of
from retain.language.codes.lint import LINT_CODES
from retain.language.codes.table import CODES
from rule_file_cases import RULE_HEAD, STEP_HEAD, TAIL
from rule_file_help import load

TEXTS = [
    ("W201", "customer.plan != 'pro'"),
    ("W201", "customer.country is present and customer.country != 'DE'"),
    ("W201", "customer.country is missing or customer.country != 'DE'"),
    ("W201", "not default(customer.vip, false)"),
    ("W202", "known_days() >= 30 and not exists(order_completed in last 30d)"),
    ("W202", "not exists(order_completed)"),
    ("W202", "count(order_completed in last 30d) >= 1"),
    ("W202", "exists(order_completed in last 365d) and not exists(order_completed in last 30d)"),
    ("W207", "customer.age == 5"),
    ("W207", "customer.ltv == 20.50"),
    ("W207", "days_since(order_completed) between 30 and 31"),
    ("W208", "sum(order_completed.total where currency == 'EUR' in last 365d) >= 500"),
    ("W208", "sum(order_completed.quantity) >= 5"),
    ("W208", "max(order_completed.total) >= 500"),
]
RULES = [
    ("W204", "when: {event: cart_updated}\nruns: {mode: restart}\nthen: [stop: true]"),
    ("W204", "when: {event: cart_updated}\nruns: {mode: single, at_most: 1 per 7d}\nthen: [stop: true]"),
    ("W205", "when: {event: cart_updated}\non_change: move\nthen: [{wait: 1h, id: first_wait}]"),
    ("W205", "when: {event: cart_updated}\non_change: finish\nthen: [wait: 1h]"),
    ("W210", "when: {event: cart_updated}\nexit_when: {event: cart_emptied, same: [cart_id]}\nthen: [stop: true]"),
    ("W210", "when: {event: cart_updated}\nexit_when: {event: order_completed}\nthen: [stop: true]"),
]
STEPS = [
    ("W203", "- if: [event.cart_id == 'x']\n  then: [stop: true]\n  else: [email.send: {template: hello}]"),
    (
        "W203",
        "- if: [customer.age is present and customer.age < 30]\n  then: [stop: true]\n"
        "  else: [email.send: {template: hello}]",
    ),
    ("W203", "- if: [customer.age < 30]\n  then: [stop: true]\n  else: [task.create: {title: a}]"),
    ("W206", "- task.create: {title: \"Call {{ default(customer.email, 'the customer') }}\"}"),
    ("W206", '- task.create: {title: "Cart {{ event.cart_id }}"}'),
    ("W206", '- if: [customer.email is present]\n  then: [task.create: {title: "Call {{ customer.email }}"}]'),
    ("W211", "- if: [event.total > 3]\n  then: [stop: true]\n- wait: 1h"),
    ("W211", "- task.create: {title: a}\n- stop: true"),
]


@pytest.mark.parametrize(("code", "text"), TEXTS)
def test_a_text_that_minds_the_trap_is_passed_over(code: str, text: str) -> None:
    assert not problems_of(text), code


@pytest.mark.parametrize(("code", "text"), RULES)
def test_a_rule_that_minds_the_trap_is_passed_over(code: str, text: str) -> None:
    _, found = load(RULE_HEAD + indent(text, "    ") + TAIL)
    assert not found, code + "\n".join(problem.render() for problem in found)


@pytest.mark.parametrize(("code", "text"), STEPS)
def test_steps_that_mind_the_trap_are_passed_over(code: str, text: str) -> None:
    _, found = load(STEP_HEAD + indent(text, "      ") + TAIL)
    assert not found, code + "\n".join(problem.render() for problem in found)


def test_every_warning_has_two_near_misses() -> None:
    missed = Counter(code for code, _ in [*TEXTS, *RULES, *STEPS])
    about_a_text_or_rule = {code for code in CODES if code.startswith("W2")} - set(LINT_CODES)
    assert {code for code in about_a_text_or_rule if missed[code] < 2} == set()
