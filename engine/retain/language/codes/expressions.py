"""Problem codes of what expressions mean (E1xx), of schema files (E14x), and warnings about both."""

from __future__ import annotations

from collections.abc import Mapping

from retain.language.codes.code import Code, table
from retain.language.codes.syntax import SYNTAX

_MEANING = (
    Code(
        "E101",
        "not a condition",
        "A condition is true or false. A number or text by itself is neither.",
        "customer.age and customer.email is present",
        "customer.age > 0 and customer.email is present",
    ),
    Code(
        "E102",
        "unknown field",
        "Fields are declared in schemas/, so that a misspelt one cannot silently be missing for ever.",
        "customer.contry == 'DE'",
        "customer.country == 'DE', or declare the field",
    ),
    Code(
        "E103",
        "not available here",
        "A segment, a 'becomes' trigger and a schedule look at customers; no event is being decided there.",
        "event.total > 20 in a segment",
        "last(order_completed.total) > 20",
    ),
    Code(
        "E104",
        "unknown function",
        "There is a fixed list of functions, and those that plugins declare.",
        "cuont(order_completed) > 2",
        "count(order_completed) > 2",
    ),
    Code(
        "E105",
        "not there for every trigger",
        "What a rule uses must exist for each of its triggers, with the same type.",
        "event.total > 20 in a rule that also starts on cart_emptied",
        "Write one rule for each trigger, or use only what they share.",
    ),
    Code(
        "E106",
        "name that stands alone",
        "A field begins with customer. or event.; a text stands in quotes. A bare name could be either.",
        "country == DE",
        "customer.country == 'DE'",
    ),
    Code(
        "E107",
        "types that do not go together",
        "A text is never equal to a number, and a set is never equal to one value, so the test could not be true.",
        "customer.age == 'eighteen'",
        "customer.age == 18",
    ),
    Code(
        "E108",
        "no order",
        "Texts, sets and true or false have no order that every database agrees on.",
        "customer.country > 'A'",
        "customer.country in [AT, BE]",
    ),
    Code(
        "E109",
        "arithmetic without numbers",
        "Only numbers, amounts and durations can be added or multiplied.",
        "customer.email + 1 > 2",
        "customer.age + 1 > 2",
    ),
    Code(
        "E110",
        "test that does not fit the type",
        "'contains' looks into sets, 'starts with' and 'ends with' compare texts, and a set is never missing.",
        "customer.email contains '@example.com'",
        "customer.email ends with '@example.com'",
    ),
    Code(
        "E111",
        "value that the field does not have",
        "The schema lists the values of this field, and this is none of them.",
        "customer.lead_state == 'opened'",
        "customer.lead_state == 'open'",
    ),
    Code(
        "E112",
        "unknown event",
        "Events are declared in schemas/events/, so that a misspelt one cannot silently never happen.",
        "count(order_complete) > 2",
        "count(order_completed) > 2, or declare the event",
    ),
    Code(
        "E113",
        "field missing or needless",
        "sum, avg, min, max, last, first and distinct take a field of an event; the others take the event alone.",
        "sum(order_completed) > 100",
        "sum(order_completed.total) > 100",
    ),
    Code(
        "E114",
        "wrong arguments",
        "A function takes the number and kind of arguments that its form says.",
        "age(customer.email) > 18",
        "age(customer.birth_date) > 18",
    ),
    Code(
        "E115",
        "history inside where",
        "'where' looks at one event; asking the whole past for each of them would have no bound.",
        "count(order_completed where total > avg(order_completed.total)) > 1",
        "max(order_completed.total) > avg(order_completed.total)",
    ),
    Code(
        "E116",
        "value without a simple type",
        "Objects, and what the schema gives no simple type, can be tested for missing and inserted, not compared.",
        "customer.address == 'Berlin'",
        "customer.address.city == 'Berlin'",
    ),
    Code(
        "E117",
        "unknown segment",
        "Segments are defined under 'segments:' in a rule file.",
        "customer in segment vipp",
        "customer in segment vip",
    ),
    Code(
        "E118",
        "unknown metric",
        "Metrics are defined under 'metrics:' in a rule file.",
        "metrics.spent_last_year > 100",
        "metrics.spend_last_year > 100",
    ),
    Code(
        "E119",
        "changed by nothing",
        "'changed' asks whether the event being decided changed a field of the customer; there must be one.",
        "event.total changed",
        "customer.plan changed, in a rule that starts on customer_updated",
    ),
    Code(
        "E121",
        "two files for one event",
        "Names of events are compared without capitals, blanks and signs, so these two are one.",
        "events/Order Completed.json beside events/order_completed.json",
        "Keep one of the files.",
    ),
    Code(
        "E122",
        "text that is no date",
        "Beside a date or an instant a text must be one itself, in ISO form.",
        "customer.created_at > '1.2.2026'",
        "customer.created_at > '2026-02-01'",
    ),
    Code(
        "E123",
        "more decimal places than the amount",
        "Amounts are exact: a field with multipleOf 0.01 has two places, so it can never equal a number with three.",
        "event.total >= 19.995",
        "event.total >= 20",
    ),
    Code(
        "E124",
        "no common type",
        "The values of default(), least(), greatest() and 'case' must be of one type, for the result has one.",
        "default(customer.age, 'none')",
        "default(customer.age, 0)",
    ),
    Code(
        "E125",
        "function of a plugin does not fit here",
        "The function stands for an expression, and that expression has a problem in this place.",
        "tier_for(glod) == 'x', where no programme glod is defined",
        "Correct the argument, or use the function where its fields exist.",
    ),
    Code(
        "E126",
        "too large with everything put in",
        "With its metrics, segments and functions written out, a condition has at most 4,096 parts, 96 deep.",
        "metrics that name metrics that name metrics, each twice",
        "Let fewer metrics and segments name each other.",
    ),
    Code(
        "E127",
        "no run to count from",
        "'since start' counts from the start of the run, which only steps, exit_when and goal have.",
        "count(order_completed since start) == 0 in a segment",
        "count(order_completed in last 30d) == 0",
    ),
)

_SCHEMAS = (
    Code(
        "E140",
        "schema file cannot be read",
        "Schema files are JSON in UTF-8, at most 1 MB.",
        "schemas/customer.json with a comma too many",
        "Correct the file at the place that is named.",
    ),
    Code(
        "E141",
        "not a JSON Schema",
        "The file is JSON, but a key of it does not hold what JSON Schema wants there.",
        '{"properties": {"age": {"type": "int"}}}',
        '{"properties": {"age": {"type": "integer"}}}',
    ),
    Code(
        "E142",
        "field name that cannot be written",
        "A field is written in rules as letters, digits and _, a letter first.",
        '{"properties": {"utm-source": {"type": "string"}}}',
        '{"properties": {"utm_source": {"type": "string"}}}',
    ),
)

_WARNINGS = (
    Code(
        "W201",
        "missing values under a negation",
        "A test on a missing value is unknown, and 'not' of unknown is unknown, so those customers are left out.",
        "customer.country != 'DE'",
        "customer.country is present and customer.country != 'DE', or (customer.country is missing or ...)",
    ),
    Code(
        "W202",
        "customers too new to have done it",
        "Who was first seen yesterday has done nothing in the last 30 days either.",
        "not exists(order_completed in last 30d)",
        "known_days() >= 30 and not exists(order_completed in last 30d)",
    ),
    Code(
        "W207",
        "equality of numbers with fractions",
        "Numbers that are not whole can differ in the last digit, and days_since() is hardly ever a whole number.",
        "days_since(order_completed) == 30",
        "days_since(order_completed) between 30 and 31",
    ),
    Code(
        "W208",
        "sum over several currencies",
        "Amounts of different currencies add up to nothing.",
        "sum(order_completed.total in last 365d) >= 500",
        "sum(order_completed.total where currency == 'EUR' in last 365d) >= 500",
    ),
)

EXPRESSION_CODES: Mapping[str, Code] = table(*SYNTAX, *_MEANING, *_SCHEMAS, *_WARNINGS)
