"""Problem codes of what rules name (E4xx), of tests (E5xx), and warnings about rules (W2xx)."""

from __future__ import annotations

from collections.abc import Mapping

from retain.language.codes.code import Code, table

NAME_CODES: Mapping[str, Code] = table(
    Code(
        "E130",
        "channel without a policy",
        "A policy says which consent a channel needs, and what unknown consent means. There is no default, "
        "so that nobody sends by accident.",
        "email.send without policies: {email: ...}",
        "policies: {email: {consent: marketing, unknown: refuse}}",
    ),
    Code(
        "E132",
        "marketing mail without an unsubscribe page",
        "Whoever agreed to letters must be able to withdraw with one click. That needs an address under which people "
        "reach the daemon's public pages, and a secret that signs the links.",
        "email.send under a policy with consent: marketing, and no public: in retain.yaml",
        "public: {url: https://news.example.com} and plugins: {email: {unsubscribe_secrets: [env:UNSUBSCRIBE_SECRET]}}",
    ),
    Code(
        "E133",
        "plugin without its section",
        "The plugin that carries the step out must first be told something in retain.yaml, such as its mail server. "
        "Without that the step fails for every customer. Simulations, tests and rules in shadow send nothing and do "
        "without.",
        "email.send, and no plugins: {email: ...} in retain.yaml",
        "plugins: {email: {host: mail.example.com, from: Shop <shop@example.com>}}",
    ),
    Code(
        "E401",
        "unknown team",
        "The step names a team that no rule file defines.",
        "lead.assign: {team: slaes}",
        "lead.assign: {team: sales}",
    ),
    Code(
        "E402",
        "unknown loyalty programme",
        "The step names a programme that no rule file defines under tiers.",
        "programme: clubb",
        "programme: club",
    ),
    Code(
        "E403",
        "unknown calendar",
        "Business time needs a calendar that a rule file defines.",
        "clock: ofice",
        "clock: office",
    ),
    Code(
        "E404",
        "unknown template",
        "There is no such file in the templates folder.",
        "email.send: {template: wellcome}",
        "email.send: {template: welcome}",
    ),
    Code(
        "E405",
        "template cannot be read",
        "The template file has no Subject, or its braces and blocks do not close.",
        "{% if customer.first_name %} without endif",
        "{% if customer.first_name %}...{% endif %}",
    ),
    Code(
        "E406",
        "template reads what is not there",
        "The message would fail for every customer.",
        "{{ customer.fist_name }}",
        "{{ customer.first_name }}",
    ),
    Code(
        "E407",
        "renaming",
        "`was` names the id that a renamed rule had before. A rule of that id cannot still be there.",
        "was: welcome beside a rule welcome",
        "remove the old rule",
    ),
    Code(
        "E408",
        "unknown channel",
        "A policy belongs to a channel that a loaded plugin offers.",
        "policies: {emial: ...}",
        "policies: {email: ...}",
    ),
    Code(
        "E501",
        "not a test",
        "A test is a map with the rule it is about and its steps.",
        "tests: {stops: true}",
        "tests: {stops: {rule: welcome, steps: [...]}}",
    ),
    Code(
        "E502",
        "test of no rule",
        "A test that names a rule nobody wrote would pass for ever.",
        "rule: wellcome",
        "rule: welcome",
    ),
    Code(
        "W203",
        "message to those in doubt",
        "Where a missing value leaves the condition of an `if` step open, the run takes `else`.",
        "if: [customer.age < 30] with a mail in else",
        "if: [customer.age is present and customer.age < 30]",
    ),
    Code(
        "W204",
        "at_most beside restart",
        "A start that at_most refuses leaves the waiting run as it is: it is not restarted.",
        "runs: {mode: restart, at_most: 1 per 7d}",
        "runs: {mode: restart}",
    ),
    Code(
        "W205",
        "wait without an id",
        "With `on_change: move`, a waiting run finds its place in the edited rule by the step's id.",
        "on_change: move and - wait: 1h",
        "- wait: 1h with id: first_wait",
    ),
    Code(
        "W206",
        "value can be missing",
        "A text with a gap in it is never sent: the step fails for every customer who lacks the value.",
        'title: "Call {{ customer.first_name }}"',
        "title: \"Call {{ default(customer.first_name, 'the customer') }}\"",
    ),
    Code(
        "W210",
        "`same` finds nothing to compare",
        "The awaited event is declared without this field, so every such event of the customer counts.",
        "{event: order_completed, same: [cart_id]}",
        "{event: order_completed}",
    ),
    Code(
        "W211",
        "no run comes here",
        "The step before ends the run.",
        "- stop: true and then another step",
        "remove one of them",
    ),
)
