"""The results of tests as JUnit XML, which every CI system can show."""

from __future__ import annotations

from xml.etree import ElementTree

from retain.testing.rule_tests import TestReport


def junit_xml(report: TestReport, seconds: float) -> str:
    """One suite with a case for each test; what did not hold and the timeline stand in the failure's text."""
    suite = ElementTree.Element(
        "testsuite",
        name="retain test",
        tests=str(len(report.results)),
        failures=str(len(report.failed)),
        errors="0",
        time=f"{seconds:.3f}",
    )
    for result in report.results:
        case = ElementTree.SubElement(
            suite, "testcase", classname=result.file, name=_printable(result.name), file=result.file,
            line=str(result.line),
        )  # fmt: skip
        if result.failures:
            failure = ElementTree.SubElement(case, "failure", message=_printable(result.failures[0].splitlines()[0]))
            failure.text = _printable("\n".join([*result.failures, "", *result.timeline]))
    ElementTree.indent(suite)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(suite, encoding="unicode")}\n'


def _printable(text: str) -> str:
    """What XML can hold: control characters are left out."""
    return "".join(char for char in text if char.isprintable() or char in "\n\t")
