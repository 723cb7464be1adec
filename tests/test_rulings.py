"""The cases in which careful readers could differ: each is decided once, and stays so."""

from __future__ import annotations

from pathlib import Path

import pytest

from decide_help import NOON, done, ends, engine, events, plan, registry, ruleset, runs, schema
from retain.instants import DAY, HOUR
from retain.language.load.files import load_rules
from retain.model import MessageKind
from retain.testing.rule_tests import run_rule_tests

CASES = Path(__file__).parent / "rulings"
FILES = {path.stem: path.read_text().replace("version: 1\n", "") for path in sorted(CASES.glob("*.yaml"))}
NAMES = [(file, name) for file, text in FILES.items() for name in ruleset(text).tests]


@pytest.mark.parametrize(("file", "name"), NAMES, ids=[name for _, name in NAMES])
@pytest.mark.parametrize("batch", [1, 50])
def test_ruling(file: str, name: str, batch: int) -> None:
    report = run_rule_tests(ruleset(FILES[file]), schema(), registry(), only=name, batch=batch)
    assert [failure for result in report.failed for failure in result.failures] == []
    assert report.results


def test_b9_events_of_a_decision_come_before_the_next_of_the_batch() -> None:
    text = """
    rules:
      r: {when: {event: a}, then: [{emit: x}]}
      s: {when: {event: x}, then: [{note.write: {text: x}}]}
      t: {when: {event: b}, then: [{note.write: {text: b}}]}
    """
    world = engine(text)
    world.send(world.message("c1", MessageKind.TRACK, "a", {}), world.message("c1", MessageKind.TRACK, "b", {}))
    assert [performed.inputs["text"] for performed in world.performed] == ["x", "b"]
    x = next(event for event in events(world.store) if event.name == "x")
    assert (x.depth, x.source, x.cause_seq) == (1, "retain", 1)


def test_a9_the_checker_warns_of_a_segment_that_can_be_unknown() -> None:
    text = FILES["starts"]
    _, problems = load_rules([("starts.yaml", f"version: 1\n{text}")], schema(), registry())
    assert any(problem.code == "W201" and "vip" in problem.line_text for problem in problems)


def test_b26_a_step_inserted_above_the_waiting_one_sends_no_second_mail() -> None:
    old = """
    policies: {email: {unknown: allow}}
    rules:
      r:
        when: {event: a}
        on_change: move
        then:
          - email.send: {template: one}
          - {wait: 2d, id: w1}
          - email.send: {template: two}
    """
    new = old.replace("- {wait", "- email.send: {template: extra}\n          - {wait")
    world = engine(old)
    world.identify("c1", {"email": "c1@example.test"})
    world.event("c1", "a")
    world.move_to(NOON + HOUR)
    world.use(plan(new))
    (run,) = runs(world)
    assert (run.step, run.revision) == ("then[2]", world.plan.rules["r"].revision)
    world.move_to(NOON + 2 * DAY - 1)
    assert done(world) == ["email.send"]
    world.move_to(NOON + 2 * DAY)
    assert [performed.inputs["template"] for performed in world.performed] == ["one", "two"]
    assert ends(world) == ["done"]
