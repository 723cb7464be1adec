"""What `retain check` found as SARIF 2.1.0, which code scanning of GitHub, GitLab and editors read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from retain import __version__
from retain.app.projects.checking import CheckReport
from retain.language.codes.table import CODES
from retain.model import Json, Problem, digest

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(report: CheckReport) -> Json:
    """The report as one run of one tool; places are relative to where the command was called."""
    codes = sorted({problem.code for problem in report.problems})
    driver = {"name": "retain", "version": __version__, "rules": [_rule(code) for code in codes]}
    disabled = [
        {"level": "warning", "message": {"text": f"the plugin {name} is disabled: {reason}"}}
        for name, reason in report.broken_plugins.items()
    ]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": disabled}],
                "results": [_result(problem, codes.index(problem.code)) for problem in report.problems],
            }
        ],
    }


def _rule(code: str) -> Json:
    """What a code means, for whoever meets it in a list of findings."""
    level = "error" if code.startswith("E") else "warning"
    found: dict[str, Json] = {"id": code, "defaultConfiguration": {"level": level}}
    known = CODES.get(code)
    if known is not None:
        found["shortDescription"] = {"text": known.title}
        found["fullDescription"] = {"text": known.explanation}
        found["help"] = {
            "text": f"{known.explanation}\n\nWrong: {known.example}\nRight: {known.cure}",
            "markdown": f"{known.explanation}\n\nWrong: `{known.example}`\n\nRight: `{known.cure}`",
        }
    return found


def _result(problem: Problem, index: int) -> Json:
    text = f"{problem.message}; {problem.help}" if problem.help else problem.message
    return {
        "ruleId": problem.code,
        "ruleIndex": index,
        "level": problem.severity,
        "message": {"text": text},
        "locations": [_location(problem)],
        # The same finding keeps its name while lines before it come and go.
        "partialFingerprints": {"retain/v1": digest(problem.code, problem.place.file, problem.line_text.strip())},
    }


def _location(problem: Problem) -> Mapping[str, Json]:
    place = problem.place
    if place.file.startswith("plugin "):
        return {"logicalLocations": [{"name": place.file.removeprefix("plugin "), "kind": "module"}]}
    region: dict[str, Json] = {
        "startLine": place.line,
        "startColumn": place.column,
        "endColumn": place.column + place.width,
    }
    if problem.line_text:
        region["snippet"] = {"text": problem.line_text}
    path = Path(place.file)
    file = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    return {"physicalLocation": {"artifactLocation": {"uri": file}, "region": region}}
