"""`retain test`."""

from __future__ import annotations

import textwrap
import time
from pathlib import Path

import click
from rich.text import Text

from retain.app.projects.project import Project, defaults_of
from retain.app.reports.figures import counted
from retain.app.reports.reading import reading, time_or_none
from retain.errors import RetainError
from retain.serve.cli.context import load, now
from retain.serve.cli.output import BAD, GOOD, NAME, QUIET, console, emit, json_option, print_json, say
from retain.testing.coverage import Coverage, coverage
from retain.testing.junit import junit_xml
from retain.testing.recording import record_test
from retain.testing.rule_tests import TestReport, TestResult, run_rule_tests

MARKS = {"x": BAD, "-": "red", "+": GOOD, "~": "yellow"}


@click.command("test")
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("-k", "only", default="", metavar="TEXT", help="Run the tests whose name contains this.")
@click.option("--coverage", "with_coverage", is_flag=True, help="Say what of each rule no test reaches.")
@click.option("--min", "least", type=click.IntRange(0, 100), metavar="N", help="Fail below N percent of coverage.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write JUnit XML.")
@click.option(
    "--record", nargs=2, metavar="RULE CUSTOMER", help="Print a test of what really happened, from the project's store."
)
@click.option("--at", metavar="TIME", help="With --record: the newest run up to then. Default: now.")
@json_option
def command(
    path: Path | None,
    only: str,
    with_coverage: bool,
    least: int | None,
    junit: Path | None,
    record: tuple[str, str] | None,
    at: str | None,
    as_json: bool,
) -> None:
    """Run the tests beside the rules, on a virtual clock.

    Each test is a story of events; it goes through the whole engine and a store in memory. What is performed and not
    expected fails it. PATH is a file of tests, or a folder; without it all tests of the project are run.
    """
    project = load()
    project.refuse_errors()
    if record:
        _record(project, *record, at)
        return
    began = time.perf_counter()
    report = _run(project, path, only)
    seconds = time.perf_counter() - began
    covered = coverage(project.ruleset, project.registry, report)
    if junit is not None:
        _write(junit, junit_xml(report, seconds))
    told = covered if with_coverage or least is not None else None
    if as_json:
        print_json(_as_json(report, seconds, told))
    else:
        _show(report, seconds)
        if told is not None:
            _show_coverage(told)
    if least is not None and covered.percent < least:
        click.echo(f"coverage is {covered.percent} %, below {least} %", err=True)
        click.get_current_context().exit(1)
    if report.failed:
        click.get_current_context().exit(1)


def _run(project: Project, path: Path | None, only: str) -> TestReport:
    report = run_rule_tests(
        project.ruleset,
        project.schema,
        project.registry,
        defaults=defaults_of(project.config),
        only=only,
        files=None if path is None else lambda file: (project.dir / file).resolve().is_relative_to(path.resolve()),
    )
    if path is not None and not report.results:
        raise RetainError(
            "no test of the project stands there",
            where=str(path),
            cure=f"tests stand under tests: in the files of {project.dir.name}/rules and {project.dir.name}/tests",
        )
    return report


def _as_json(report: TestReport, seconds: float, covered: Coverage | None) -> dict[str, object]:
    failed = [
        {"name": result.name, "file": result.file, "line": result.line, "why": why}
        for result in report.failed
        for why in result.failures
    ]
    return {
        "tests": len(report.results),
        "passed": len(report.results) - len(report.failed),
        "failed": failed,
        "seconds": round(seconds, 3),
        "coverage": covered.as_json() if covered is not None else {},
    }


def _show(report: TestReport, seconds: float) -> None:
    for result in report.failed:
        _show_failed(result)
    failed = len(report.failed)
    mark = (f"{failed} failed", BAD) if failed else ("ok", GOOD)
    gap = " of " if failed else "  "
    say(mark, f"{gap}{counted(len(report.results), 'test')} ", (f"in {seconds:.1f} s", QUIET))


def _show_failed(result: TestResult) -> None:
    """The test, then its timeline; a test that could not be told has its failures only."""
    width = min(console().width, 120)
    name = textwrap.wrap(result.name, width - 8)
    say(("FAILED  ", BAD), ("\n        ".join(name), NAME))
    say((f"        {result.file}:{result.line}", QUIET))
    if not result.timeline:
        for why in result.failures:
            say(textwrap.indent("\n".join(textwrap.wrap(why, width - 8)), " " * 8))
    for line in result.timeline:
        head, text = line[:15], line[15:]
        style = MARKS.get(line[:1], "")
        parts = textwrap.wrap(text, width - 17, subsequent_indent="    ") or [""]
        emit(Text(f"  {head}{parts[0]}", style=style))
        for part in parts[1:]:
            emit(Text(f"  {line[:1]}{' ' * 14}{part}", style=style))
    click.echo()


def _show_coverage(covered: Coverage) -> None:
    say(("coverage ", NAME), f"{covered.percent} %")
    for name, rule in covered.rules.items():
        if not rule.missing:
            say(("  ok  ", GOOD), f"{name}: all {counted(rule.places, 'place')}")
            continue
        say(("  --  ", "yellow"), f"{name}: {rule.reached} of {counted(rule.places, 'place')}; no test reaches")
        for gap in rule.missing:
            say(f"        {gap}")


def _record(project: Project, rule: str, customer: str, at: str | None) -> None:
    instant = time_or_none(at, project.config)
    with reading(project.config) as store:
        text, failures = record_test(project.plan(), store, rule, customer, now() if instant is None else instant)
    click.echo(text, nl=False)
    for failure in failures:
        click.echo(f"this test does not hold as it stands: {failure}", err=True)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RetainError(f"the file cannot be written: {error.strerror}", where=str(path)) from error
