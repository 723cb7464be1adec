"""Problem codes of how a condition is written: E00x and E01x."""

from __future__ import annotations

from retain.language.codes.code import Code

SYNTAX: tuple[Code, ...] = (
    Code(
        "E001",
        "text too long",
        "A condition has at most 8,192 characters, so that one text cannot hold up everything else.",
        "event.total > 1 and ... (9,000 characters)",
        "Name parts of it as metrics or segments.",
    ),
    Code(
        "E002",
        "character without a meaning",
        "The language has no use for this character. Often a word processor made a typographic quote or dash.",
        "customer.country == ‘DE’",
        "customer.country == 'DE'",
    ),
    Code(
        "E003",
        "quoted text not closed",
        "A quoted text ends on the line where it begins. In YAML also check that no ' #' cuts the line short.",
        "customer.country == 'DE",
        "customer.country == 'DE'",
    ),
    Code(
        "E004",
        "too many parts",
        "A condition has at most 512 parts (values, comparisons, words that join them).",
        "customer.id == '1' or customer.id == '2' or ... (200 of them)",
        "customer.id in ['1', '2', ...]",
    ),
    Code(
        "E005",
        "nested too deep",
        "Brackets, 'not', calls and long sums nest at most 32 deep.",
        "((((((((((((((((((((((((((((((((( event.total )))...",
        "Leave out needless brackets, or name parts as metrics.",
    ),
    Code(
        "E006",
        "number too large",
        "Numbers have at most 18 digits and go up to 2 to the power of 53; beyond it JSON loses exactness.",
        "event.total > 99999999999999999",
        "Use a smaller number; identifiers are texts, in quotes.",
    ),
    Code(
        "E007",
        "not a duration",
        "A number directly followed by letters must be a duration: whole numbers of ms, s, m, h, d or w.",
        "count(order_completed in last 30days) > 2",
        "count(order_completed in last 30d) > 2",
    ),
    Code(
        "E008",
        "nothing there",
        "A condition that is empty would be neither true nor false.",
        "''",
        "Write a condition, or remove the line.",
    ),
    Code(
        "E009",
        "ends too early",
        "The text stops where something must follow.",
        "event.total >",
        "event.total > 20",
    ),
    Code(
        "E010",
        "word or sign of another language",
        "The language has words where others have signs, and no regular expressions, null or patterns.",
        "event.total > 20 && customer.email is not null",
        "event.total > 20 and customer.email is present",
    ),
    Code(
        "E011",
        "did not expect this here",
        "The word or sign fits nothing at this place. Most often 'and' is misspelt or missing before it.",
        "customer.age >= 18 an customer.age < 30",
        "customer.age >= 18 and customer.age < 30",
    ),
    Code(
        "E012",
        "list not understood",
        "A list stands in square brackets and holds numbers, quoted texts and bare words, with commas between them.",
        "customer.country in [DE AT]",
        "customer.country in [DE, AT]",
    ),
    Code(
        "E013",
        "chained comparison",
        "One comparison has two sides; a third would compare with true or false.",
        "18 <= customer.age < 30",
        "customer.age >= 18 and customer.age < 30",
    ),
    Code(
        "E014",
        "window not understood",
        "A window stands inside the brackets, at the end, in one of a few forms.",
        "count(order_completed) in last 30d > 2",
        "count(order_completed in last 30d) > 2; also 'between 60d and 30d ago', 'in last 30 calendar days', "
        "'since 2026-01-31', 'this month', 'since start'",
    ),
    Code(
        "E015",
        "not a date",
        "After 'since' stands a date, year-month-day, that exists.",
        "count(order_completed since 31.1.2026) > 2",
        "count(order_completed since 2026-01-31) > 2",
    ),
    Code(
        "E016",
        "no event to look at",
        "Functions over history take the name of an event. A name with blanks stands in quotes.",
        "count(Order Completed) > 2",
        "count('Order Completed') > 2, or count(order_completed) > 2",
    ),
    Code(
        "E017",
        "bracket not closed",
        "Every opening bracket has a closing one.",
        "(customer.age > 18 and customer.age < 30",
        "(customer.age > 18 and customer.age < 30)",
    ),
    Code(
        "E018",
        "case without when or end",
        "The form is: case when CONDITION then VALUE [when ...] [else VALUE] end.",
        "case customer.tier then 1 end",
        "case when customer.tier == 'gold' then 1 else 0 end",
    ),
)
