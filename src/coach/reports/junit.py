"""The report as JUnit XML, for CI systems."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from coach.model import CheckResult, Report
from coach.reports.terminal import Terminal
from coach.reports.text import clean, unpaint


def junit(report: Report) -> str:
    """Return the report as JUnit XML: one test suite, one test case for each check.

    A blocked check is `skipped`, so that a CI system shows the cause once; `error` stays apart from `failure`.
    """
    suite = ET.Element(
        "testsuite",
        name=report.exercise,
        time=f"{report.phases_ms.checks / 1000:.3f}",
        timestamp=report.started_at,
    )
    if report.cause is not None:
        cause = report.cause
        machines = any(check.outcome == "error" and check.code == cause.code for check in report.checks)
        case = ET.SubElement(suite, "testcase", classname=report.exercise, name="The program runs", time="0")
        _explain(
            ET.SubElement(case, "error" if machines else "failure"), cause.code, cause.message, "\n".join(cause.log)
        )
    for check in report.checks:
        _case(suite, report, check)
    suite.set("tests", str(len(suite)))
    for attribute, tag in {"failures": "failure", "errors": "error", "skipped": "skipped"}.items():
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))
    root = ET.Element("testsuites", name="coach")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, report: Report, check: CheckResult) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=f"{report.exercise}.task-{check.task}",
        name=clean(check.title),
        time=f"{check.ms / 1000:.3f}",
    )
    if check.outcome == "blocked":
        ET.SubElement(case, "skipped", message=f"blocked by {check.blocked_by}")
    elif check.outcome == "error":
        _explain(ET.SubElement(case, "error"), check.code, check.message, check.hint)
    elif check.outcome == "failed":
        _explain(
            ET.SubElement(case, "failure"),
            check.code or "failed",
            check.message,
            unpaint(Terminal().failure(check, hints=True)),
        )


def _explain(element: ET.Element, kind: str, message: str, text: str) -> None:
    element.set("type", kind)
    element.set("message", clean(message))
    element.text = "\n".join(clean(line) for line in text.splitlines())
