"""The page of `retain simulate --html`: whole in itself, readable by everybody, with the figures of `--json`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli_help import bare, events_file, here, identify, track
from retain.app.simulation.drawing import SERIES, scale, timeline
from retain.app.simulation.style import STYLE

RULES = """\
version: 1
policies: {email: {consent: marketing, unknown: allow, caps: [1 per 7d]}}
rules:
  "greet":
    description: <b>Hello</b> & welcome.
    when: {event: signed_up}
    if:
      - customer.email is present
    goal: {event: order_completed, within: 30d}
    holdout: 30%
    exit_when:
      - {event: signed_out}
    then:
      - wait: 1h
      - email.send: {template: hello}
      - wait: 1d
      - email.send: {template: hello}
      - log.write: {message: "<script>"}
  idle:
    when: {event: order_completed}
    if:
      - count(order_completed) >= 9
    then:
      - log.write: {message: again}
"""
CALLS = [
    call
    for number in range(24)
    for call in (
        identify(f"<{number}>", f"2026-01-{number + 1:02}T10:00:00Z", f"i{number}")
        if number % 4 == 0
        else identify(
            f"<{number}>", f"2026-01-{number + 1:02}T10:00:00Z", f"i{number}", email=f"c{number}@example.com"
        ),
        track(f"<{number}>", "Signed Up", f"2026-01-{number + 1:02}T10:00:01Z", f"s{number}"),
        *(
            [track(f"<{number}>", "Signed Out", f"2026-01-{number + 1:02}T10:30:00Z", number)]
            if number % 5 == 0
            else []
        ),
        *(
            [track(f"<{number}>", "Order Completed", f"2026-01-{number + 3:02}T10:00:00Z", f"o{number}")]
            if number % 3
            else []
        ),
    )
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """The page and the JSON of one simulation."""
    folder = tmp_path_factory.mktemp("page")
    shop = bare(folder / "shop", RULES, "version: 1\n")
    (shop / "templates").mkdir()
    (shop / "templates" / "hello.txt").write_text("Subject: Hello\n\nHello.\n")
    page = folder / "report.html"
    events = events_file(folder / "events.jsonl", CALLS)
    answer = here("-C", shop, "simulate", "--events", events, "--html", page, "--more-than", "1", "--json")
    assert answer.code == 0, answer.err
    return page.read_text(encoding="utf-8"), answer.json


@pytest.fixture(scope="module")
def root(told: tuple[str, Any]) -> Element:
    """The page as a tree: it is well-formed."""
    return ElementTree.fromstring(re.sub(r"<!doctype html>|<meta[^>]*>", "", told[0]))


def tables(root: Element) -> Iterator[tuple[str, list[list[str]]]]:
    """Every table with the heading above it, each row as its texts; what only explains a word is left out."""
    heading = ""
    for part in root.iter():
        if part.tag in ("h2", "h3"):
            heading = "".join(part.itertext())
        elif part.tag == "table":
            rows = part.findall("./tbody/tr")
            yield heading, [[(cell.text or "").strip() for cell in row if cell.get("class") != "bar"] for row in rows]


def counts(root: Element, heading: str) -> dict[str, int]:
    """The first table below a heading, as counts by name."""
    found = next(rows for where, rows in tables(root) if where == heading)
    return {row[0]: int(row[1].replace(",", "")) for row in found}


def test_the_page_loads_nothing_and_runs_nothing(told: tuple[str, Any], root: Element) -> None:
    page, _ = told
    assert "<script" not in page
    assert "://" not in page
    assert not re.search(r"url\(|@import", page)
    assert [part.tag for part in root.iter() if part.get("src") or part.get("href")] == []


def test_what_people_wrote_is_shown_as_it_is(told: tuple[str, Any], root: Element) -> None:
    assert "<b>Hello" not in told[0]
    assert "<b>Hello</b> & welcome." in ["".join(part.itertext()) for part in root.iter("p")]


def test_the_page_has_the_figures_of_the_json(told: tuple[str, Any], root: Element) -> None:
    found = told[1]
    rule = found["rules"]["greet"]
    funnel = counts(root, "How far runs came")
    assert funnel["started"] == rule["started"] > 0
    assert funnel["log.write"] == rule["steps"]["then[4]"] > 0
    assert funnel["reached the goal"] == sum(arm["goal"] for arm in rule["arms"].values()) > 0
    assert counts(root, "How runs ended") == rule["ended"]
    assert counts(root, "Held back before sending") == rule["held_back"] == {"cap": rule["held_back"]["cap"]}
    assert counts(root, "Refused to start") == dict(Counter(rule["refused"]) - Counter(rule["held_back"]))
    tiles = dict(zip((dt.text for dt in root.iter("dt")), (dd.text for dd in root.iter("dd")), strict=True))
    assert (tiles["runs started"], tiles["messages"]) == (str(rule["started"]), str(found["messages"]))
    arms = {name: (arm["goal"], arm["started"]) for name, arm in rule["arms"].items()}
    goal = next(rows for where, rows in tables(root) if where == "Goal")
    assert {row[0]: (int(row[1]), int(row[2])) for row in goal} == arms


def test_the_chart_over_time_has_a_column_for_each_day_with_what_happened(told: tuple[str, Any], root: Element) -> None:
    days = told[1]["rules"]["greet"]["days"]
    by_day = {day: of["effects"] for day, of in days.items() if of.get("effects")}
    assert counts(root, "Volume over time") == by_day
    chart = next(root.iter("svg"))
    assert len(chart.findall("g")) == len(by_day)


def test_every_chart_says_what_it_shows_to_those_who_do_not_see_it(root: Element) -> None:
    charts = list(root.iter("svg"))
    assert charts
    for chart in charts:
        assert (chart.get("role"), chart[0].tag, chart[1].tag) == ("img", "title", "desc")
        assert re.search(r"\d", chart[1].text or "")
    for head in root.iter("thead"):
        assert [cell.tag for cell in head[0] if cell.text and cell.get("scope") != "col"] == []


def test_a_rule_that_nothing_started_stands_in_one_line(root: Element) -> None:
    assert "idle" not in [heading.text for heading in root.iter("h2")]
    (idle,) = next(rows for where, rows in tables(root) if where == "Rules that did not start")
    assert idle == ["idle", f"{sum(number % 3 > 0 for number in range(24))} if"]


@given(st.integers(0, 10**9))
def test_an_axis_has_few_round_marks_and_reaches_the_highest_value(top: int) -> None:
    marks = scale(top)
    assert marks[0] == 0
    assert marks[-1] >= top
    assert 2 <= len(marks) <= 6
    step = marks[1]
    assert {second - first for first, second in pairwise(marks)} == {step}
    assert str(step).rstrip("0") in ("1", "2", "5")


_DAYS = st.dates(date(2020, 1, 1), date(2026, 1, 1))
_COUNTS = st.dictionaries(_DAYS.map(str), st.integers(1, 1_000), min_size=1, max_size=20)


@given(
    st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), _COUNTS, min_size=1, max_size=9), st.integers(5, 200)
)
def test_grouping_days_loses_no_count(counts: Mapping[str, Mapping[str, int]], most: int) -> None:
    found = timeline(counts, most)
    assert sum(found.sums) == sum(sum(days.values()) for days in counts.values())
    assert len(found.labels) <= most
    assert len(found.series) <= SERIES + 1


def _themes() -> list[dict[str, str]]:
    """The colours by day, and those by night."""
    return [dict(re.findall(r"--(\w+): (#\w+)", part)) for part in STYLE.split("@media (prefers-color-scheme: dark)")]


def _light(colour: str) -> float:
    """The relative luminance of a colour, as WCAG 2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_light(one), _light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", _themes(), ids=["day", "night"])
def test_texts_and_charts_stand_out_from_the_paper(theme: dict[str, str]) -> None:
    texts = {
        (text, ground): _contrast(theme[text], theme[ground])
        for text in ("ink", "quiet")
        for ground in ("paper", "card")
    }
    charts = {name: _contrast(theme[name], theme["paper"]) for name in theme if re.fullmatch(r"c\d", name)}
    assert {name for name, ratio in texts.items() if ratio < 4.5} == set()
    assert len(charts) == SERIES + 1
    assert {name for name, ratio in charts.items() if ratio < 3} == set()
