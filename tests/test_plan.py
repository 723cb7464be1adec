"""`retain plan` names exactly the people to whom something else happens once the edit is really deployed."""

from __future__ import annotations

from pathlib import Path

import pytest

from plan_help import AHEAD, EDITS, END, RULES, SINCE, deployed, differing, edited, folder, past, played
from retain.app.planning.history import history_of
from retain.app.planning.planning import PlanReport, plan_edit
from retain.app.planning.sides import former_side, present_side
from retain.app.projects.project import Project

FAST = (
    "a wait grows and runs move",
    "a segment is redefined",
    "a cap is lowered",
    "a threshold of time",
    "only a comment",
)


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


def test_there_are_twenty_kinds_of_edit_and_more() -> None:
    assert len(EDITS) >= 20
