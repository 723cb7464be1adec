"""`{{ }}` in the inputs of steps: types are kept, gaps are refused, and data is never rendered again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from language_help import RULE
from retain.errors import MissingInputError, NotFoundError, RuleError
from retain.instants import parse_instant
from retain.language.documents.nodes import SourceFile, from_plain
from retain.language.documents.yaml import read_yaml
from retain.language.message_templates import FUEL, read_templates
from retain.language.scope import History, Scope
from retain.language.template import Template, read_template
from retain.model import Fields, Json, Problem
from rule_file_help import SHOP

ENV = replace(RULE, schema=SHOP)
NOW = parse_instant("2026-11-21T10:00:00Z") or 0


def _template(text: str) -> tuple[Template, list[Problem]]:
    root, problems = read_yaml(text, "a.yaml")
    assert root is not None, problems
    found: list[Problem] = []
    return read_template(root, ENV, found), found


def _scope(customer: Fields | None = None, event: Fields | None = None) -> Scope:
    return Scope(now=NOW, customer=customer or {}, history=History(), first_seen=NOW, event=event or {})


def _render(text: str, customer: Fields | None = None, event: Fields | None = None) -> Json:
    return _template(text)[0].render(_scope(customer, event))


CUSTOMER: Fields = {
    "email": "a@example.test",
    "ltv": 1049.9,
    "age": 30,
    "vip": True,
    "tags": ["vip", "gold"],
    "created_at": "2026-01-02T03:04:05Z",
    "birth_date": "1990-05-01",
    "score": 1.5,
}


@pytest.mark.parametrize(
    ("expression", "alone", "inside"),
    [
        ("customer.email", "a@example.test", "a@example.test"),
        ("customer.ltv", 1049.9, "1049.90"),
        ("customer.age", 30, "30"),
        ("customer.vip", True, "true"),
        ("customer.tags", ["gold", "vip"], "gold, vip"),
        ("customer.created_at", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("customer.birth_date", "1990-05-01", "1990-05-01"),
        ("customer.score * 2", 3.0, "3"),
        ("count(order_completed)", 0, "0"),
        ("customer.age > 20", True, "true"),
    ],
)
def test_a_value_alone_keeps_its_type_and_inside_a_text_becomes_text(expression: str, alone: Json, inside: str) -> None:
    rendered = _render(f'{{alone: "{{{{ {expression} }}}}", inside: "<{{{{{expression}}}}}>"}}', CUSTOMER)
    assert rendered == {"alone": alone, "inside": f"<{inside}>"}
    assert type(rendered["alone"]) is type(alone)


def test_a_missing_value_alone_leaves_its_key_out() -> None:
    assert _render('{a: "{{ customer.email }}", b: [1, "{{ customer.email }}"], c: null}') == {"b": [1], "c": None}


def test_a_missing_value_inside_a_text_is_refused_with_its_cure() -> None:
    with pytest.raises(MissingInputError, match=r"a.yaml:1:18: customer.email is missing\n.*default"):
        _render('{a: "Write to {{ customer.email }}"}')


def test_default_fills_a_gap() -> None:
    assert _render("a: \"Dear {{ default(customer.first_name, 'friend') }}\"") == {"a": "Dear friend"}


@given(st.text())
def test_what_was_inserted_is_never_rendered_again(name: str) -> None:
    name = "{{ customer.age }}" + name
    rendered = _render('{a: "{{ customer.email }}", b: "x{{ customer.email }}y"}', {"email": name, "age": 3})
    assert rendered == {"a": name, "b": f"x{name}y"}


def test_braces_inside_quotes_close_nothing() -> None:
    assert _render("""a: "{{ '}}' }} and {{ '{{' }}" """) == {"a": "}} and {{"}


def test_a_template_without_expressions_is_its_own_value() -> None:
    template, _ = _template("{a: [1, two, {b: null}]}")
    assert template.literal == template.render(_scope()) == {"a": [1, "two", {"b": None}]}
    assert template.expressions == ()


def test_a_template_says_what_it_needs() -> None:
    template, _ = _template(
        '{a: "{{ customer.email }} {{ event.total }}", b: ["{{ count(order_completed in last 7d) }}"]}'
    )
    assert template.literal is None
    assert (template.needs.customer, template.needs.event_fields) == ({"email"}, {"total"})
    assert dict(template.needs.events) == {"order_completed": 7 * 86_400_000}


def test_a_mistake_in_an_expression_is_told_at_its_column_also_in_a_block() -> None:
    _, (problem,) = _template("title: |\n  Call\n  {{ customer.emial }} now\n")
    assert (problem.code, problem.place.line, problem.place.column) == ("E102", 3, 6)


LEAVES = st.none() | st.booleans() | st.integers() | st.text(alphabet="{} a'\".")


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12))
def test_reading_any_value_as_a_template_never_fails(value: Json) -> None:
    problems: list[Problem] = []
    template = read_template(from_plain(value, SourceFile("a.yaml", "")), ENV, problems)
    assert problems or template.render(_scope()) is not ...


MESSAGE = "Subject: Hello {{ customer.first_name | default('you') }}\n\nYour code is {{ data.code }}.\n"


def test_a_message_is_rendered_with_its_headers() -> None:
    templates = read_templates({"hello.txt": MESSAGE, "hello.html": "<b>{{ data.code }}</b>"})
    assert templates.problems == ()
    assert templates.render("hello", {"customer": {"first_name": None}, "data": {"code": "<5>"}}) == {
        "Subject": "Hello you",
        "text": "Your code is <5>.",
        "html": "<b>&lt;5&gt;</b>",
    }


def test_a_message_with_a_gap_is_refused() -> None:
    with pytest.raises(RuleError, match="undefined"):
        read_templates({"hello.txt": MESSAGE}).render("hello", {"customer": {}, "data": {}})


def test_a_message_may_ask_whether_there_is_a_value() -> None:
    text = "Subject: x\n\n{% if customer.first_name %}Dear {{ customer.first_name }}{% else %}Hello{% endif %}"
    templates = read_templates({"hello.txt": text})
    assert templates.render("hello", {"customer": {}})["text"] == "Hello"
    assert templates.render("hello", {"customer": {"first_name": "Ada"}})["text"] == "Dear Ada"


def test_a_message_that_works_for_ever_is_stopped() -> None:
    text = f"Subject: x\n\n{{% for a in range(9999) %}}{{% for b in range({FUEL}) %}}.{{% endfor %}}{{% endfor %}}"
    with pytest.raises(RuleError):
        read_templates({"hello.txt": text}).render("hello", {})


def test_an_unknown_message_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="hello"):
        read_templates({"hello.txt": MESSAGE}).render("helo", {})


def test_a_template_says_which_names_it_reads_and_which_gaps_it_fills() -> None:
    text = (
        "Subject: {{ data.a }}\n\n{% if event.b %}{{ event.b }}{% endif %}{{ customer.c | default('x') }}{{ data.d }}"
    )
    part = read_templates({"hello.txt": text}).templates["hello"].parts["txt"]
    assert part.names == {"data.a", "event.b", "customer.c", "data.d"}
    assert [name for name in sorted(part.names) if part.guards(name)] == ["customer.c", "event.b"]


def test_html_without_text_beside_it_is_an_error() -> None:
    (problem,) = read_templates({"hello.html": "<p>"}).problems
    assert (problem.code, problem.place.file) == ("E405", "templates/hello.html")


@pytest.mark.parametrize(
    ("text", "what", "cure"),
    [
        ("{{ customer.a }", "a {{ is not closed", "write }} behind the value"),
        ("{{ customer.a", "a {{ is not closed", "write }} behind the value"),
        ("{% if customer.a %}x", "an {% if %} or {% for %} is not closed", "write {% endif %} or {% endfor %}"),
        ("x{% endif %}", "{% endif %} has nothing before it that it belongs to", "take it out"),
        ("{% customer.a %}", "no statement is called customer", "write if, for or set; a value stands in {{ }}"),
        ("{% if customer.a = 1 %}x{% endif %}", "one = compares nothing", "write =="),
        ("{{ “x” }}", "a character here means nothing between braces",
         "write ' or \" as quotes, and the words and, or, not"),
        ("{{ 'x }}", "a quote is not closed", "close the quote"),
        ("{# x", "a {# is not closed", "write #} behind the comment"),
        ("{{ customer.a customer.b }}", "what stands between braces here is no value",
         "between {{ and }} stands one value, such as {{ customer.first_name | default('friend') }}"),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_read_says_what_is_wrong_and_what_to_write(text: str, what: str, cure: str) -> None:
    (problem,) = read_templates({"hello.txt": f"Subject: x\n\n{text}"}).problems
    assert (problem.code, problem.place.line, problem.message, problem.help) == ("E405", 3, what, cure)


def test_a_filter_or_test_that_nobody_has_is_an_error_where_it_stands() -> None:
    text = "Subject: x\n\n{{ customer.a | defalt('a | b') }}{% if customer.a is defned %}{% endif %}{# | no #} | text"
    found = read_templates({"hello.txt": text}, {}).problems
    assert [(problem.code, problem.place.line, problem.place.column, problem.message) for problem in found] == [
        ("E406", 3, 17, "no filter is called 'defalt'"),
        ("E406", 3, 55, "no test is called 'defned'"),
    ]
    assert [problem.help for problem in found] == ["did you mean default?", "did you mean defined?"]


def test_filters_of_plugins_and_all_of_the_language_are_known() -> None:
    text = "Subject: x\n\n{{ data.a | money | tojson | replace('a', 'b') }}{% filter upper %}a{% endfilter %}"
    assert read_templates({"hello.txt": text}, {"money": str}).problems == ()
    (problem,) = read_templates({"hello.txt": text}, {}).problems
    assert problem.help == (
        "filters are capitalize, default, first, join, last, length, lower, replace, round, upper "
        "and others of minijinja"
    )
    assert read_templates({"hello.txt": text}).problems == (), "without a project nobody knows its filters"
