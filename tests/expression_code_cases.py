"""Texts that are wrong or warned of: the code of each, and the very column (`^` marks it, `~` its further width)."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True, slots=True)
class Case:
    """One text and the one problem that it has."""

    code: str
    text: str
    line: int
    column: int
    width: int
    setting: str = "rule"

    def __str__(self) -> str:
        return f"{self.code}-{self.text[:40]}"


def _cases(table: str, setting: str = "rule") -> list[Case]:
    """Blocks of: the text, the marks under its line, the code after the marks."""
    cases: list[Case] = []
    for block in dedent(table).strip("\n").split("\n\n"):
        lines = block.split("\n")
        marked = next(number for number, line in enumerate(lines) if line.lstrip().startswith("^"))
        marks, code = lines[marked].rstrip().rsplit(" ", 1)
        text = "\n".join([*lines[:marked], *lines[marked + 1 :]])
        column = marks.index("^")
        cases.append(Case(code, text, marked, column + 1, len(marks.strip()), setting))
    return cases


SYNTAX = _cases(
    """
    customer.country == ‘DE’
                        ^ E002

    event.total > 10 % 2
                     ^ E002

    customer.country == 'DE
                        ^~~ E003

    customer.country == "DE
                        ^~~ E003

    event.total > 1234567890123456789
                  ^~~~~~~~~~~~~~~~~~~ E006

    event.total > 9007199254740993.5
                  ^~~~~~~~~~~~~~~~~~ E006

    count(order_completed in last 30days) > 2
                                  ^~~~~~ E007

    customer.age > 1_000
                   ^~~~~ E007

    event.total >
                 ^ E009

    customer.age > 18 and
                         ^ E009

    customer.age > 18 && customer.vip
                      ^~ E010

    customer.email is not null
                          ^~~~ E010

    customer.email like 'a%'
                   ^~~~ E010

    customer.age >= 18 an customer.age < 30
                       ^~ E011

    customer.age > 18, customer.age < 30
                     ^ E011

    customer.age > 18 )
                      ^ E011

    customer.country in [DE AT]
                            ^~ E012

    customer.country in 'DE'
                        ^~~~ E012

    customer.tags contains [a, b]
                           ^ E012

    customer.country in []
                        ^~ E012

    18 <= customer.age < 30
                       ^ E013

    customer.age == customer.age == 3
                                 ^~ E013

    count(order_completed) in last 30d > 2
                           ^~ E014

    count(order_completed in last 30) > 2
                                  ^~ E014

    count(order_completed between 30d and 30d ago) > 2
                                  ^~~~~~~~~~~~~~~ E014

    count(order_completed this year where total > 5) > 2
                                    ^~~~~ E014

    count(order_completed since 2026-02-30) > 2
                                ^~~~~~~~~~ E015

    count(order_completed since yesterday) > 2
                                ^~~~~~~~~ E015

    count(order_completed this decade) > 2
                               ^~~~~~ E014

    count(order_completed in the last 30d) > 2
                             ^~~ E014

    count(order_completed in last 0 calendar days) > 2
                                  ^ E014

    count(order_completed in last 0d) > 2
                                  ^~ E014

    count(order_completed) between 60d and 30d ago
                           ^~~~~~~~~~~~~~~~~~~~~~~ E014

    max(order_completed.total, 5) > 2
                             ^ E016

    customer.created_at > 99999999999999999d
                          ^~~~~~~~~~~~~~~~~~ E006

    count(order_completed in last 30D) > 2
                                  ^~~ E007

    customer.email == null
                      ^~~~ E010

    default(customer.age,) > 5
                         ^ E011

    customer in segment (vip)
                        ^ E011

    customer.country in [DE, (AT)]
                             ^ E012

    count(Order Completed) > 2
                ^~~~~~~~~ E016

    sum(event.total) > 2
        ^~~~~ E016

    ratio(email_opened) > 2
                      ^ E016

    count(where total > 5) > 2
          ^~~~~ E016

    (customer.age > 18 and customer.age < 30
    ^ E017

    customer.age > 18 and
      customer.country in [DE, AT
                          ^ E017

    case customer.plan then 1 end == 1
         ^~~~~~~~ E018

    case when customer.vip then 1 else 2
    ^~~~ E018
    """
)
LIMITS = [
    Case("E001", "customer.age > 1 and " * 400 + "true", 1, 1, 1),
    Case("E001", " " * 8193, 1, 1, 1),
    Case("E004", " or ".join(["customer.age == 1"] * 171), 1, 1, 1),
    Case("E004", "customer.age in [" + ", ".join(["1"] * 520) + "]", 1, 1, 1),
    Case("E005", "(" * 33 + "customer.vip" + ")" * 33, 1, 33, 1),
    Case("E005", "not " * 33 + "customer.vip", 1, 125, 3),
    Case("E008", "", 1, 1, 1),
    Case("E008", "  # nothing but a comment", 1, 1, 1),
]

MEANING = _cases(
    """
    customer.age and customer.email is present
    ^~~~~~~~~~~~ E101

    not customer.tags
        ^~~~~~~~~~~~~ E101

    customer.contry == 'DE'
    ^~~~~~~~~~~~~~~ E102

    count(order_completed where totl > 5) > 2
                                ^~~~ E102

    sum(order_completed.totl) > 2
        ^~~~~~~~~~~~~~~~~~~~ E102

    steps.cupon.code == 'x'
    ^~~~~~~~~~~~~~~~ E102

    steps.coupon.cod == 'x'
    ^~~~~~~~~~~~~~~~ E102

    trigger.time == 'x'
    ^~~~~~~~~~~~ E102

    cuont(order_completed) > 2
    ^~~~~ E104

    customer.age > 2 and lower('x') == 'x'
                         ^~~~~ E104

    total > 20
    ^~~~~ E106

    customer.country == DE
                        ^~ E106

    customer.age == 'eighteen'
                    ^~~~~~~~~~ E107

    customer.plan == 5
                     ^ E107

    days_since(customer.created_at) > 30d
                                      ^~~ E107

    customer.tags == 'vip'
                     ^~~~~ E107

    customer.tags contains 5
                           ^ E107

    customer.plan > 'a'
    ^~~~~~~~~~~~~~~~~~~ E108

    max(order_completed.currency) == 'EUR'
    ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~ E108

    least(customer.email, customer.plan) == 'a'
    ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ E108

    customer.email + 1 > 2
    ^~~~~~~~~~~~~~ E109

    sum(order_completed.currency) > 2
    ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~ E109

    -customer.plan == 2
     ^~~~~~~~~~~~~ E109

    customer.email contains '@example.com'
    ^~~~~~~~~~~~~~ E110

    customer.age starts with '1'
    ^~~~~~~~~~~~ E110

    customer.tags is missing
    ^~~~~~~~~~~~~~~~~~~~~~~~ E110

    customer.country == 'AX'
                        ^~~~ E111

    customer.age > 18 and
      customer.country in [DE, AX]
                               ^~ E111

    count(order_complete) > 2
          ^~~~~~~~~~~~~~ E112

    ratio(email_opened, 'Email Snt') > 2
                        ^~~~~~~~~~~ E112

    sum(order_completed) > 100
        ^~~~~~~~~~~~~~~ E113

    count(order.completed) > 2
          ^~~~~~~~~~~~~~~ E113

    age(customer.email) > 18
        ^~~~~~~~~~~~~~ E114

    abs(customer.age, 2) > 18
    ^~~~~~~~~~~~~~~~~~~~ E114

    orders(5) > 18
           ^ E114

    round(customer.score, 9) > 18
                          ^ E114

    count(order_completed where total > avg(order_completed.total)) > 1
                                        ^~~~~~~~~~~~~~~~~~~~~~~~~~ E115

    count(order_completed where total > metrics.spend) > 1
                                        ^~~~~~~~~~~~~ E115

    customer.address == 'Berlin'
    ^~~~~~~~~~~~~~~~ E116

    last(order_completed.products) is present
    ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ E116

    customer in segment vipp
                        ^~~~ E117

    customer not in segment big-spenders
                            ^~~~~~~~~~~~ E117

    metrics.spent > 100
    ^~~~~~~~~~~~~ E118

    customer.age > 3 and metrics.spend.total > 100
                         ^~~~~~~~~~~~~~~~~~~ E118

    event.total changed
    ^~~~~~~~~~~~~~~~~~~ E119

    customer.age + 1 changed
                     ^~~~~~~ E119

    customer.created_at > '1.2.2026'
                          ^~~~~~~~~~ E122

    customer.birth_date == '2026-02-01T10:00'
                           ^~~~~~~~~~~~~~~~~~ E122

    event.total >= 19.995
                   ^~~~~~ E123

    event.total in [20, 0.001]
                        ^~~~~ E123

    default(customer.age, 'none') == 1
                          ^~~~~~ E124

    case when customer.vip then 'a' else 1 end == 'a'
                                         ^ E124

    broken() and customer.vip
    ^~~~~~~~ E125

    level(gold) == 'gold'
    ^~~~~~~~~~~ E125

    unreadable() > 1
    ^~~~~~~~~~~~ E125

    again() > 1
    ^~~~~~~ E125

    customer.ltv > 900719925474099 and customer.vip
                   ^~~~~~~~~~~~~~~ E006

    customer.vip > true
    ^~~~~~~~~~~~~~~~~~~ E108

    customer.vip + 1 == 2
    ^~~~~~~~~~~~ E109

    customer.created_at * 2 == 2
    ^~~~~~~~~~~~~~~~~~~ E109

    customer.vip == 'true'
                    ^~~~~~ E107

    customer.created_at > 5
                          ^ E107

    abs(customer.email) > 1
        ^~~~~~~~~~~~~~ E114

    orders(5d, 6d) > 1
    ^~~~~~~~~~~~~~ E114

    order_completed.total > 5
    ^~~~~~~~~~~~~~~~~~~~~ E106
    """
)

SURROUNDINGS = [
    *_cases(
        """
        event.total > 20
        ^~~~~~~~~~~ E103

        customer.age > 20 and steps.coupon.code == 'x'
                              ^~~~~~~~~~~~~~~~~ E103

        count(order_completed since start) == 0
        ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ E127

        not exists(email_opened since start)
            ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ E127

        customer.plan changed
        ^~~~~~~~~~~~~~~~~~~~~ E119

        more_than(5)
        ^~~~~~~~~~~~ E125
        """,
        "segment",
    ),
    *_cases(
        """
        customer.age > 20
        ^~~~~~~~~~~~ E103

        count(order_completed) > 20
        ^~~~~~~~~~~~~~~~~~~~~~ E103
        """,
        "no customer",
    ),
    *_cases(
        """
        event.total > 20
        ^~~~~~~~~~~ E105

        event.note == 5
        ^~~~~~~~~~ E105
        """,
        "two events",
    ),
    *_cases(
        """
        event.cart_id == '20'
        ^~~~~~~~~~~~~ E105
        """,
        "event or schedule",
    ),
]

WARNINGS = _cases(
    """
    customer.country != 'DE'
    ^~~~~~~~~~~~~~~~ W201

    customer.vip or customer.country not in [DE, AT]
                    ^~~~~~~~~~~~~~~~ W201

    not customer.vip
        ^~~~~~~~~~~~ W201

    customer.age * 2 != 1
    ^~~~~~~~~~~~ W201

    event.note != 'x'
    ^~~~~~~~~~ W201

    not (customer.age > 3 and customer.plan == 'pro')
         ^~~~~~~~~~~~ W201

    customer not in segment vip
    ^~~~~~~~~~~~~~~~~~~~~~~~~~~ W201

    exists(order_completed where channel != 'web')
                                 ^~~~~~~ W201

    case when customer.age not between 3 and 9 then 1 else 0 end == 1
              ^~~~~~~~~~~~ W201

    not exists(order_completed in last 30d)
        ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ W202

    known_days() >= 7 and count(order_completed in last 2w) < 3
                          ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ W202

    0 == count(email_opened between 60d and 30d ago)
         ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ W202

    not (count(order_completed in last 3 calendar days) >= 1)
         ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ W202

    customer.score == 5
    ^~~~~~~~~~~~~~~~~~~ W207

    days_since(order_completed) in [30, 60]
    ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ W207

    sum(order_completed.total in last 365d) >= 500
    ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ W208

    customer.ltv > avg(order_completed.total where channel == 'web')
                   ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ W208
    """
)

TEXTS = [*SYNTAX, *LIMITS, *MEANING, *SURROUNDINGS, *WARNINGS]


@dataclass(frozen=True, slots=True)
class FileCase:
    """Schema files of a project, and the one problem that they have."""

    code: str
    files: dict[str, str]
    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.code}-{self.file}"


FILES = [
    FileCase("E121", {"events/A B.json": "{}", "events/a_b.json": "{}"}, "a_b.json", 1, 1),
    FileCase("E121", {"events/order-paid.json": "{}", "events/order.paid.json": "{}"}, "order.paid.json", 1, 1),
    FileCase("E140", {"customer.json": '{\n  "properties": {,}\n}'}, "customer.json", 2, 18),
    FileCase("E140", {"events/a.json": ""}, "a.json", 1, 1),
    FileCase("E141", {"customer.json": '{"properties": {\n  "age": {"type": "int"}}}'}, "customer.json", 2, 11),
    FileCase("E141", {"customer.json": '{"properties": {}, "required": ["age"]}'}, "customer.json", 1, 20),
    FileCase("E141", {"events/a.json": "[1]"}, "a.json", 1, 1),
    FileCase("E141", {"customer.json": '{"properties": 5}'}, "customer.json", 1, 2),
    FileCase("E141", {"customer.json": '{"properties": {"a": 5}}'}, "customer.json", 1, 17),
    FileCase("E141", {"customer.json": '{"required": "a"}'}, "customer.json", 1, 2),
    FileCase("E141", {"customer.json": '{"properties": {"a": {"enum": "b"}}}'}, "customer.json", 1, 23),
    FileCase(
        "E141", {"customer.json": '{"properties": {"a": {"type": "number", "multipleOf": 0}}}'}, "customer.json", 1, 41
    ),
    FileCase("E142", {"customer.json": '{"properties": {"utm-source": {}}}'}, "customer.json", 1, 17),
    FileCase("E142", {"events/a.json": '{"properties": {"b": {},\n"2c": {}}}'}, "a.json", 2, 1),
]
