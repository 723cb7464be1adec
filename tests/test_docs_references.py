"""The references are complete: what the code knows, a page explains; and every link leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from docs_help import ROOT, pages, registry, schema, text_of
from retain import hookspecs
from retain.language.load import rule as load_rule
from retain.language.load import schedules as load_schedules
from retain.language.load import sets as load_sets
from retain.language.load import steps as load_steps
from retain.language.load import triggers as load_triggers
from retain.language.schemas.rule_files import rules_json_schema
from retain.model import EffectState, Outcome
from retain.testing import names

RULES = "docs/reference/rules.md"


def unexplained(names: Iterable[str], page: str) -> list[str]:
    """Those that a page never puts between backticks, alone or at the beginning of an example."""
    text = text_of(page)
    return [name for name in names if not re.search(rf"`{re.escape(name)}(?![\w-])", text)]


def test_every_map_of_a_rule_file_is_explained() -> None:
    assert unexplained(rules_json_schema(registry(), schema())["properties"], RULES) == []


def test_every_key_of_a_rule_is_explained() -> None:
    assert unexplained((*load_rule.KEYS, *load_rule.RUNS_KEYS), RULES) == []


def test_every_status_mode_and_policy_for_edits_is_explained() -> None:
    assert unexplained((*load_rule.STATUS, *load_rule.MODES, *load_rule.ON_CHANGE), RULES) == []


def test_every_trigger_and_its_keys_are_explained() -> None:
    keys = {
        key
        for known in (load_triggers.START_KEYS, load_triggers.AWAITED_KEYS)
        for entry in known.values()
        for key in entry
    }
    assert unexplained([*sorted(keys - {"event", "becomes", "schedule"}), "within"], RULES) == []
    headings = re.findall(r"^### (\w+)$", text_of(RULES), re.MULTILINE)
    assert {"event", "becomes", "schedule"} <= set(headings)


def test_every_key_of_a_schedule_is_explained() -> None:
    assert unexplained((*load_schedules.KEYS, *load_schedules.IF_MISSED), RULES) == []


def test_every_core_step_and_what_stands_beside_it_is_explained() -> None:
    headings = re.findall(r"^### (\w+)$", text_of(RULES), re.MULTILINE)
    assert set(load_steps.SIBLINGS) <= set(headings)
    beside = {key for keys in (*load_steps.SIBLINGS.values(), load_steps.ACTION_SIBLINGS) for key in keys}
    assert unexplained(sorted(beside), RULES) == []


def test_every_key_of_policies_teams_tiers_and_calendars_stands_in_an_example() -> None:
    keys = {*load_sets.POLICY_KEYS, *load_sets.TEAM_KEYS, *load_sets.MEMBER_KEYS, *load_sets.TIER_KEYS}
    text = text_of(RULES)
    assert [key for key in sorted(keys | {*load_sets.CALENDAR_KEYS}) if not re.search(rf"\b{key}: ?", text)] == []


def test_every_shipped_action_is_named() -> None:
    assert unexplained(registry().actions, RULES) == []


def test_every_outcome_of_a_start_and_every_state_of_an_effect_is_explained() -> None:
    assert unexplained([*Outcome, *EffectState], "docs/reference/outcomes.md") == []


def test_every_key_of_a_rule_test_is_explained() -> None:
    page = "docs/reference/rule-tests.md"
    assert unexplained({*names.SETTING, *names.STEP} - {"steps"}, page) == []


def test_every_hook_is_explained_to_those_who_write_plugins() -> None:
    hooks = [name for name, value in vars(hookspecs).items() if hasattr(value, "retain_spec")]
    assert hooks
    assert unexplained(hooks, "docs/how-to/write-a-plugin.md") == []


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page: str) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", _without_code(text_of(page))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        if not path.exists() or (anchor and anchor not in _anchors(path)):
            broken.append(target)
    assert broken == []


def _without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def _anchors(path: Path) -> set[str]:
    """The anchors that headings get: small letters, blanks as dashes, other signs left out."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_reached_from_the_index() -> None:
    index = text_of("docs/index.md")
    wanted = [page.removeprefix("docs/") for page in pages() if page.startswith("docs/") and page != "docs/index.md"]
    assert [page for page in wanted if f"({page})" not in index] == []


@pytest.mark.parametrize("page", pages())
def test_files_that_a_page_names_exist(page: str) -> None:
    named = re.findall(r"`((?:benchmarks|engine|plugins|scripts|tests)/[\w./-]+)`", text_of(page))
    assert [name for name in named if not (ROOT / name).exists() and not _is_of_a_project(name)] == []


def _is_of_a_project(name: str) -> bool:
    """Whether a reader makes this file on the way."""
    return name == "tests/first-order.yaml"


def test_the_page_on_the_rooms_names_every_package() -> None:
    told = text_of("docs/explanation/architecture.md")
    engine = ROOT / "engine" / "retain"
    packages = [path.parent for path in engine.rglob("__init__.py") if path.parent != engine]
    shown = [path for path in packages if path.parent == engine or path.parent.name in ("language", "app")]
    assert [path.name for path in shown if f"`{path.name}/`" not in told] == []
