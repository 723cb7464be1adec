"""`retain plan` names exactly the people to whom something else happens once the edit is really deployed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plan_help import AHEAD, EDITS, END, RULES, SINCE, deployed, differing, edited, folder, past, played
from postgres_help import database
from retain.app.planning.history import history_of
from retain.app.planning.planning import PlanReport, plan_edit
from retain.app.planning.sides import former_side, present_side
from retain.app.planning.telling import plan_json
from retain.app.projects.project import Project, open_project
from retain.store.transfer import copy_store

FAST = ("a wait grows and runs move", "a threshold of time", "only a comment")


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose daemon has run for fifty days."""
    project = folder(tmp_path_factory.mktemp("before") / "shop", RULES)
    past(project)
    return project


@pytest.fixture
def after(before: Project, tmp_path: Path, request: pytest.FixtureRequest) -> Project:
    """The same project with one kind of edit."""
    project = folder(tmp_path / "after", edited(request.param))
    (project.dir / "retain.db").write_bytes((before.dir / "retain.db").read_bytes())
    return project


def planned(before: Project, after: Project) -> PlanReport:
    """What `retain plan` says of the edit."""
    with former_side(after, str(before.dir)) as base, history_of(after, END) as history:
        return plan_edit(base, present_side(after), history, since=SINCE, ahead=AHEAD)


def named(report: PlanReport) -> tuple[set[str], set[str]]:
    """Whom a plan names: over the past, and in what is to come."""
    parts = (report.past, report.ahead)
    past_, ahead = ({person.customer for person in part.people} if part is not None else set() for part in parts)
    return past_, ahead


KINDS = [pytest.param(kind, id=kind, marks=() if kind in FAST else pytest.mark.long) for kind in EDITS]


@pytest.mark.parametrize("after", KINDS, indirect=True)
def test_whoever_is_named_is_touched_and_whoever_is_touched_is_named(
    before: Project, after: Project, tmp_path: Path
) -> None:
    past_, ahead = named(planned(before, after))
    old, new = before.plan(), after.plan()
    assert ahead == differing(deployed(before, tmp_path / "a.db", old), deployed(before, tmp_path / "b.db", new))
    assert past_ == differing(played(tmp_path / "c.db", old), played(tmp_path / "d.db", new))


def test_a_new_name_alone_touches_nobody_though_somebody_waits_under_the_former_one(
    before: Project, tmp_path: Path
) -> None:
    after = folder(tmp_path / "after", RULES.replace("  cart:\n", "  basket:\n    was: cart\n"))
    shutil.copy(before.dir / "retain.db", after.dir / "retain.db")
    report = planned(before, after)
    assert [waiting.rule for waiting in report.waiting] == ["basket"]
    assert named(report) == (set(), set())


def test_there_are_twenty_kinds_of_edit_and_more() -> None:
    assert len(EDITS) >= 20


@pytest.mark.long
def test_a_plan_over_the_same_past_is_the_same_whatever_the_hashes(before: Project, tmp_path: Path) -> None:
    after = folder(tmp_path / "after", edited("a segment is redefined"))
    shutil.copy(before.dir / "retain.db", after.dir / "retain.db")
    code = (
        "import sys; from test_plan import *; from retain.app.projects.project import open_project;"
        "from retain.app.planning.telling import plan_json;"
        "print(plan_json(planned(*(open_project(Path(name)) for name in sys.argv[1:]))))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code, str(before.dir), str(after.dir)],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": str(Path(__file__).parent)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("4711", "Asia/Kolkata"))
    }
    assert len(told) == 1


def test_the_database_changes_nothing_in_a_plan(before: Project, tmp_path: Path) -> None:
    kind = "a wait grows and runs move"
    told = []
    with database(empty=True) as server:
        copy_store(before.dir / "retain.db", server)
        for location in (str(before.dir / "retain.db"), server):
            shop = folder(tmp_path / f"shop{len(told)}", edited(kind))
            (shop.dir / "retain.yaml").write_text(f"version: 1\nstore: {json.dumps(location)}\n")
            told.append(plan_json(planned(before, open_project(shop.dir))))
    assert told[0] == told[1]
    assert told[0]["waiting"]


def test_one_process_plans_as_two_do(before: Project, tmp_path: Path) -> None:
    after = folder(tmp_path / "after", edited("a threshold of time"))
    shutil.copy(before.dir / "retain.db", after.dir / "retain.db")
    with former_side(after, str(before.dir)) as base, history_of(after, END) as history:
        one, two = (
            plan_edit(base, present_side(after), history, since=SINCE, ahead=AHEAD, processes=count) for count in (1, 2)
        )
    assert plan_json(one) == plan_json(two)
    assert one.past is not None
    assert one.past.people
