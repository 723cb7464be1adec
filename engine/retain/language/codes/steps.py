"""Problem codes of steps, triggers and schedules (E3xx)."""

from __future__ import annotations

from collections.abc import Mapping

from retain.language.codes.code import Code, table

STEP_CODES: Mapping[str, Code] = table(
    Code(
        "E301",
        "not one action",
        "A step does exactly one thing; the order of two in one map would be anybody's guess.",
        "{wait: 1h, stop: true}",
        "two steps",
    ),
    Code(
        "E302",
        "unknown step",
        "Neither the core nor a loaded plugin offers a step of this name.",
        "emial.send: {template: hello}",
        "email.send: {template: hello}",
    ),
    Code(
        "E303",
        "step id used twice",
        "`steps.ID` would mean two steps.",
        "two steps with id: coupon",
        "id: second_coupon",
    ),
    Code(
        "E304",
        "weights do not add to 100",
        "Weights of a split are percentages of all customers.",
        "a: {weight: 50}, b: {weight: 40}",
        "a: {weight: 50}, b: {weight: 50}",
    ),
    Code(
        "E305",
        "unknown input",
        "The action does not take this input; a misspelt one would be ignored.",
        "email.send: {templat: hello}",
        "email.send: {template: hello}",
    ),
    Code(
        "E306",
        "missing input",
        "The action cannot do without this input.",
        "email.send: {}",
        "email.send: {template: hello}",
    ),
    Code(
        "E307",
        "input does not fit",
        "The value is not what the action or the field declares.",
        "task.create: {title: 5}",
        'task.create: {title: "5"}',
    ),
    Code(
        "E308",
        "expression does not fit",
        "The expression gives a value of another type than is wanted.",
        'points: "{{ customer.first_name }}"',
        'points: "{{ round(event.total) }}"',
    ),
    Code(
        "E309",
        "not a trigger",
        "A trigger is one event, one `becomes` or one schedule.",
        "when: {evnt: signed_up}",
        "when: {event: signed_up}",
    ),
    Code(
        "E310",
        "cron",
        "The five fields of cron cannot be read, or name a day that never comes.",
        'cron: "0 25 * * *"',
        'cron: "0 9 * * 1-5"',
    ),
    Code(
        "E311",
        "not a time, date or zone",
        "Times are 09:00, dates 2026-12-24, zones Europe/Berlin.",
        "quiet: 9 to 5",
        'quiet: "21:00-08:00"',
    ),
    Code(
        "E312",
        "field of another type",
        "The field is declared, but as something that cannot be used here.",
        "yearly: customer.first_name",
        "yearly: customer.birth_date",
    ),
    Code(
        "E314",
        "braces",
        "`{{` opens an expression in a value of a step and `}}` closes it.",
        'title: "Call {{ customer.first_name"',
        'title: "Call {{ customer.first_name }}"',
    ),
    Code(
        "E315",
        "no customer",
        "A cron schedule without `each` starts a run about nobody.",
        "a cron schedule with email.send",
        "each: segment buyers",
    ),
    Code(
        "E316",
        "nothing to compare with",
        "`same` compares a field with that of the event which started the run; without one, no run could "
        "start or end by it.",
        "same: [cart_id] in a rule that becomes starts",
        "leave out same",
    ),
)
