"""`retain check`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click
from rich.text import Text

from retain.app.projects.checking import CheckReport, check_path
from retain.app.reports.figures import counted
from retain.app.reports.sarif import sarif
from retain.config.settings import FILE
from retain.errors import ConfigError
from retain.model import Json, Problem
from retain.serve.cli.context import leave, project_dir
from retain.serve.cli.output import (
    BAD,
    CAREFUL,
    GOOD,
    NAME,
    QUIET,
    columns,
    console,
    hint,
    print_json,
    say,
    say_labelled,
    show,
)

FORMATS = ("text", "json", "github", "sarif")
MOST_SHOWN = 10  # warnings of one code on the screen; whoever reads one has to see the others too


@click.command("check")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="Default: text.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--strict", is_flag=True, help="Warnings count as problems too.")
@click.option("--costs", is_flag=True, help="Say how each rule is found, and what asking all customers costs.")
def command(path: Path | None, form: str, as_json: bool, strict: bool, costs: bool) -> None:
    """Find every mistake in rules, schemas, templates and retain.yaml.

    PATH is a project's folder, a folder of rules or one file; without it, the project here. Exit code 0: no errors;
    1: errors found; 2: nothing could be checked. A warning alone does not count, unless --strict is given.
    """
    folder = path or project_dir()
    _refuse_many(folder)
    report = check_path(folder).shown_from(Path.cwd())
    if as_json or form == "json":
        print_json(_as_json(report))
    elif form == "github":
        for problem in report.problems:
            click.echo(_github(problem))
    elif form == "sarif":
        print_json(sarif(report))
    else:
        _show(report)
        if costs:
            _show_costs(report)
    if report.errors or (strict and report.warnings):
        leave(1)


def _refuse_many(folder: Path) -> None:
    """Refuse a folder above projects: as rules without a project nothing in them would be what it is."""
    inside = sorted(found.parent.name for found in folder.glob(f"*/{FILE}"))
    whole = folder.resolve()
    if inside and not any((above / FILE).is_file() for above in (whole, *whole.parents)):
        cure = f"name the one that is meant: retain check {folder / inside[0]}"
        raise ConfigError(f"there is no {FILE} in {whole}, but in {', '.join(inside[:3])}", cure=cure)


def _show_costs(report: CheckReport) -> None:
    from retain.app.reports.segments import not_made  # noqa: PLC0415  opens the store, which other checks do without

    lacking = not_made(report.root, [asked.cost for asked in report.costs])
    click.echo()
    table = columns("asked of all customers", "cost", fold=["cost"])
    for asked in report.costs:
        note = ", not made yet" if asked.cost.field in lacking else ""
        table.add_row(asked.name, Text(asked.cost.text + note, style=CAREFUL if asked.cost.kind == "each" else ""))
    show(table)
    if lacking:
        hint("retain db index")
    click.echo()
    table = columns("rule", "found", fold=["found"])
    for way in report.ways:
        style = CAREFUL if way.cost == "each" else ""
        table.add_row(f"{way.rule.id} {way.trigger}", Text(way.text, style=style))
    show(table)


def _as_json(report: CheckReport) -> Json:
    return {
        "files": report.files,
        "rules": report.rules,
        "costs": [
            {"asked": asked.name, "cost": asked.cost.kind, "index": asked.cost.field or None} for asked in report.costs
        ],
        "found": [
            {"rule": way.rule.id, "trigger": way.trigger, "cost": way.cost, "text": way.text} for way in report.ways
        ],
        "problems": [
            {
                "file": problem.place.file,
                "line": problem.place.line,
                "column": problem.place.column,
                "code": problem.code,
                "severity": problem.severity,
                "message": problem.message,
                "help": problem.help,
            }
            for problem in report.problems
        ],
    }


def _github(problem: Problem) -> str:
    """A workflow command, which GitHub shows at the line of a pull request."""
    place = problem.place
    where = f"file={_property(place.file)},line={place.line},col={place.column},title={problem.code}"
    text = f"{problem.message}\n{problem.help}" if problem.help else problem.message
    return f"::{problem.severity} {where}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _show(report: CheckReport) -> None:
    shown: Counter[str] = Counter()
    for problem in report.problems:
        shown[problem.code] += 1
        if problem.severity == "error" or shown[problem.code] <= MOST_SHOWN:
            _show_problem(problem)
    for code in sorted(code for code, times in shown.items() if code.startswith("W") and times > MOST_SHOWN):
        say((f"warning[{code}]", CAREFUL), f" {shown[code] - MOST_SHOWN:,} more; retain check --json names them all")
        click.echo()
    for plugin, reason in report.broken_plugins.items():
        say(("warning", CAREFUL), f": the plugin {plugin} is disabled: {reason}")
        click.echo()
    looked_at = f"{counted(report.rules, 'rule')} in {counted(report.files, 'file')}"
    if not report.problems:
        say(("ok", GOOD), f"  {looked_at}, no problems")
        return
    parts: list[tuple[str, str]] = []
    if report.errors:
        parts.append((counted(report.errors, "error"), BAD))
    if report.warnings:
        parts += [(" and ", ""), (counted(report.warnings, "warning"), CAREFUL)][0 if parts else 1 :]
    say(*parts, f" in {looked_at}")
    worst = min(report.problems, key=lambda problem: problem.severity != "error")
    say(("next  ", QUIET), f"retain docs {worst.code}")


def _show_problem(problem: Problem) -> None:
    style = BAD if problem.severity == "error" else CAREFUL
    head = Text.assemble(
        (str(problem.place), NAME), ": ", (f"{problem.severity}[{problem.code}]", style), f" {problem.message}"
    )
    out = console()
    out.print(head, soft_wrap=True)
    if problem.line_text:
        line, start, width = _cut(problem, min(out.width, 500) - 4)
        out.print(Text(f"  {line}"), soft_wrap=True)
        out.print(Text(f"  {' ' * start}{'^' * width}", style=style), soft_wrap=True)
    if problem.help:
        say_labelled("help", "cyan", problem.help)
    out.print()


def _cut(problem: Problem, room: int) -> tuple[str, int, int]:
    """The line so that the place in it is seen, where its marks begin, and how many there are."""
    line = problem.line_text.replace("\t", " ")
    start = min(problem.place.column - 1, len(line))
    width = max(1, min(problem.place.width, len(line) - start))
    if len(line) > room and start + width > room:
        cut = max(0, min(start - 8, start + width - room + 1))
        line, start = f"…{line[cut + 1 :]}", start - cut
    if len(line) > room:
        line, width = f"{line[: room - 1]}…", max(1, min(width, room - start))
    return line, start, width
