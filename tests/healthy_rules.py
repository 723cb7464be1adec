"""Rules as somebody with care writes them, made at random: no warning has any business with them."""

from __future__ import annotations

from random import Random

EVENTS = {
    "signed_up": ["event.plan == 'pro'", "event.plan in [free, trial, pro]", "event.plan starts with 'p'"],
    "order_completed": ["event.total >= {low}", "event.quantity between {low} and {high}", "event.currency == 'EUR'"],
    "cart_updated": ["event.total >= {low} and event.total < {high}", "event.cart_id != ''"],
    "cart_emptied": ["event.note > {low}", "event.note in [{low}, {high}]"],
}
OF_CUSTOMERS = [
    "customer.age >= {low}",
    "customer.age between {low} and {high}",
    "customer.country in [DE, AT]",
    "customer.country == 'DE' or customer.country == 'CH'",
    "customer.email is present",
    "customer.ltv > {high} or count(order_completed) > {low}",
    "count(order_completed in last {high}d) >= 1",
    "count(order_completed) > {low} and count(order_completed) < {high}",
    "days_since(order_completed) >= {low}",
    "known_days() >= {high} and not exists(order_completed in last {high}d)",
    "default(customer.vip, false)",
    "customer.age is missing or customer.age > {low}",
    "sum(order_completed.total where currency == 'EUR' in last 365d) >= {high}",
    "customer.tags contains 'vip'",
    "customer in segment vip",
]
YEARLY = '{yearly: customer.birth_date, at: "09:00", timezone: customer.timezone}'
CRONS = ["0 9 * * 1", "30 8 1 * *", "*/30 * * * *", "0 3 * * *", "0 12 * * 1-5"]


def healthy_project(random: Random) -> str:
    """A file with up to four rules, each started by something of its own, and a test of each."""
    causes = random.sample([*EVENTS, *CRONS, YEARLY, *OF_CUSTOMERS], random.randint(1, 4))
    rules = [_rule(random, f"rule-{number}", cause) for number, cause in enumerate(causes)]
    tests = [f"  rule {number}: {{rule: rule-{number}, steps: []}}" for number in range(len(rules))]
    return "\n".join(["version: 1", "rules:", *rules, "tests:", *tests, ""])


def _rule(random: Random, name: str, cause: str) -> str:
    waits = [random.randint(1, 9) for _ in range(random.randint(0, 3))]
    lines = [f"  {name}:", f"    when: {_when(random, cause)}"]
    if cause not in OF_CUSTOMERS and random.random() < 0.5:
        lines.append(f"    if: [{_condition(random)}]")
    lines += random.choice([[], ["    runs: {mode: restart}"], ["    runs: {mode: parallel, at_most: 1 per 500d}"]])
    return "\n".join([*lines, *_ends(random, sum(waits)), "    then:", *_steps(random, waits)])


def _when(random: Random, cause: str) -> str:
    if cause in EVENTS:
        test = random.choice(["", f", if: [{_quoted(_filled(random, random.choice(EVENTS[cause])))}]"])
        return f"{{event: {cause}{test}}}"
    if cause in OF_CUSTOMERS:
        return f"{{becomes: [{_quoted(_filled(random, cause))}]}}"
    if cause == YEARLY:
        return f"{{schedule: {YEARLY}}}"
    return f'{{schedule: {{cron: "{cause}", timezone: Europe/Berlin, each: segment vip}}}}'


def _condition(random: Random) -> str:
    return _quoted(_filled(random, random.choice(OF_CUSTOMERS)))


def _filled(random: Random, text: str) -> str:
    low = random.randint(1, 40)
    return text.format(low=low, high=low + random.randint(5, 60))


def _quoted(text: str) -> str:
    return '"' + text + '"'


def _ends(random: Random, days: int) -> list[str]:
    """What ends the series."""
    goal = f"    goal: {{event: order_completed, within: {days + random.randint(1, 9)}d}}"
    leaves = random.choice(["{event: order_completed}", "{becomes: [customer.ltv > 5000]}", "{event: email_opened}"])
    exits = f"    exit_when: {leaves}"
    return random.choice([[goal], [exits], [goal, exits]])


def _steps(random: Random, waits: list[int]) -> list[str]:
    lines = ["      - email.send: {template: hello}"]
    for days in waits:
        lines.append(f"      - wait: {days}d")
        lines += random.choice(
            [
                ["      - email.send: {template: hello}"],
                ["      - task.create: {title: Call}"],
                [f"      - if: [{_condition(random)}]", "        then: [email.send: {template: hello}]"],
                [
                    "      - wait_for: {event: email_opened}",
                    "        up_to: 4h",
                    "        then: [log.write: {message: read}]",
                ],
            ]
        )
    return lines
