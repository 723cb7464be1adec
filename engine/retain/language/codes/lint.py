"""Problem codes of rules that are valid and hardly meant, as a whole (W212 to W221)."""

from __future__ import annotations

from collections.abc import Mapping

from retain.language.codes.code import Code, table

LINT_CODES: Mapping[str, Code] = table(
    Code(
        "W212",
        "series without an end",
        "Whoever has long done what the series asks for gets its later messages all the same, if neither "
        "`exit_when` nor `goal` nor an `if` looks.",
        "- email.send: {template: first}, - wait: 2d, - email.send: {template: second}",
        "exit_when: {event: order_completed}",
    ),
    Code(
        "W213",
        "never true",
        "No customer can fulfil this condition, alone or beside the others of the same instant; nothing "
        "ever happens by it.",
        "- customer.age > 60 and customer.age < 30",
        "- customer.age < 30 or customer.age > 60",
    ),
    Code(
        "W214",
        "always true",
        "This condition holds whatever the customer, so it leaves nobody out.",
        "- count(order_completed) >= 0",
        "- count(order_completed) >= 1",
    ),
    Code(
        "W215",
        "rules that undo each other",
        "Two rules set one field of the same customers to different values at the same instant, or each "
        "starts the other for ever.",
        "two rules on order_completed, one with set: {stage: new}, one with set: {stage: buyer}",
        "give one of them if: [count(order_completed) == 1], the other if: [count(order_completed) > 1]",
    ),
    Code(
        "W216",
        "two rules, one mailbox",
        "Two rules write to the same customers through one channel within a day, as they start by the same cause.",
        "two rules on signed_up, each with email.send",
        "conditions that exclude each other, or a policy with caps: [1 per 1d]",
    ),
    Code(
        "W217",
        "at_most that never limits",
        "The rule cannot start more often than `at_most` allows, so it says nothing; perhaps another span is meant.",
        "runs: {at_most: 1 per 7d} with a yearly schedule",
        "leave it out",
    ),
    Code(
        "W218",
        "message after the goal's time",
        "The goal is looked for within `within` of the start (7d if it is not written); what this message"
        " brings about is never counted.",
        "goal: {event: order_completed} and a message after wait: 14d",
        "goal: {event: order_completed, within: 30d}",
    ),
    Code(
        "W219",
        "time that is skipped",
        "When clocks are put forward, this time does not exist on one day of the year; the start moves to"
        " the end of the gap.",
        'cron: "30 2 * * *", timezone: Europe/Berlin',
        'cron: "30 3 * * *"',
    ),
    Code(
        "W220",
        "rule without a test",
        "Other rules of this project have tests, and nothing says what this one should do.",
        "a rule that no test names",
        "tests: {it welcomes: {rule: welcome, steps: [...]}}",
    ),
    Code(
        "W221",
        "message without consent",
        "A message that answers nothing the customer has just done is marketing; in most countries it "
        "needs a consent, and the channel's policy asks for none.",
        "policies: {email: {}} and a rule that `becomes` starts",
        "policies: {email: {consent: marketing, unknown: refuse}}",
    ),
    Code(
        "W222",
        "plan that asks every customer",
        "No database can answer for changes of fields, for an age from an instant or for the different values in "
        "nested arrays, so that every customer is loaded each time that the plan comes. Of all ways in which a rule is "
        "found this is the worst, and the one that check --strict refuses; check --costs tells those of all rules.",
        "schedule: {cron: 0 9 * * *, each: [exists(customer_updated in last 1d)]}",
        "schedule: {cron: 0 9 * * *, each: [customer.country == 'DE', exists(customer_updated in last 1d)]}",
    ),
)
