"""`retain test`."""

from __future__ import annotations

import time

import click

from retain.app.projects.project import defaults_of
from retain.errors import RuleError
from retain.serve.cli.context import load
from retain.serve.cli.output import QUIET, counted, json_option, print_json, say
from retain.testing.rule_tests import TestResult, coverage, run_rule_tests


@click.command("test")
@click.option("-k", "only", default="", metavar="TEXT", help="Run the tests whose name contains this.")
@click.option("--coverage", "with_coverage", is_flag=True, help="Say what of each rule no test reaches.")
@json_option
def command(only: str, with_coverage: bool, as_json: bool) -> None:
    """Run the tests beside the rules, on a virtual clock.

    Each test is a story of events; it goes through the whole engine and a store in memory. What is performed and not
    expected fails it.
    """
    project = load()
    if project.errors:
        raise RuleError("the rules have errors", cure="see them with: retain check", problems=project.errors)
    began = time.perf_counter()
    report = run_rule_tests(
        project.ruleset, project.schema, project.registry, defaults=defaults_of(project.config), only=only
    )
    seconds = time.perf_counter() - began
    missing = coverage(project.ruleset, project.registry, report) if with_coverage else {}
    if as_json:
        places = {name: entry["place"] for name, entry in project.ruleset.tests.items()}
        failed = [
            {"name": result.name, "file": places[result.name]["file"], "line": places[result.name]["line"], "why": why}
            for result in report.failed
            for why in result.failures
        ]
        passed = len(report.results) - len(report.failed)
        counts = {"tests": len(report.results), "passed": passed, "failed": failed, "seconds": round(seconds, 3)}
        print_json({**counts, "coverage": missing})
    else:
        _show(report.failed, len(report.results), seconds)
        for rule, places_left in missing.items():
            say((f"{rule}: ", "bold"), "no test reaches ", ", ".join(places_left))
    if report.failed:
        click.get_current_context().exit(1)


def _show(failed: list[TestResult], total: int, seconds: float) -> None:
    for result in failed:
        say(("FAILED  ", "red"), result.name)
        for why in result.failures:
            say(f"        {why}".replace("\n", "\n        "))
    mark = (f"{len(failed)} failed", "red") if failed else ("ok", "green")
    say(mark, f"  {counted(total, 'test')} ", (f"in {seconds:.1f} s", QUIET))
