"""`junit.xml`: one test case a service level and a claim, for CI systems that show tests.

Breached = failure, void = error, undecided = skipped with what it needs; a claim that is confirmed or
ruled out passes: it was decided, and its output says how.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from analysis.reduction.failures import counted
from analysis.report.wording import lower_first, opening
from analysis.verdict.service_levels import Slo


def junit_xml(verdict: Mapping[str, Any], slo: Slo) -> str:
    """The verdict as a JUnit document.

    Args:
        verdict: As `verdict_json.compose` gives it.
        slo: The service levels with their sentences.
    """
    cases: list[ElementTree.Element] = []
    for check in slo.checks:
        case = _case("service level", check.name)
        if check.state == "breached":
            _child(case, "failure", check.why, type="breached")
        elif check.state == "void":
            _child(case, "error", f"{slo.why} {check.why}" if slo.why != check.why else check.why, type="void")
        _child(case, "system-out", text=check.why)
        cases.append(case)
    for name, claim in verdict["claims"].items():
        case = _case("claim", name)
        if claim["state"] == "undecided":
            _child(case, "skipped", f"undecided; needs {lower_first(claim['needs'])}")
        _child(case, "system-out", text=f"{claim['state']}: {claim['evidence']}")
        cases.append(case)
    counts = {tag: sum(case.find(tag) is not None for case in cases) for tag in ("failure", "error", "skipped")}
    totals = {
        "name": "wsoak " + ", ".join(verdict["runs"]),
        "tests": str(len(cases)),
        "failures": str(counts["failure"]),
        "errors": str(counts["error"]),
        "skipped": str(counts["skipped"]),
    }
    root = ElementTree.Element("testsuites", totals)
    suite = ElementTree.SubElement(root, "testsuite", totals)
    suite.extend(cases)
    said = [opening(verdict), *(counted(one) for one in verdict["failures"])]
    _child(suite, "system-out", text="\n".join(line for line in said if line))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(group: str, name: str) -> ElementTree.Element:
    return ElementTree.Element("testcase", {"classname": f"wsoak.{group.replace(' ', '_')}", "name": name})


def _child(case: ElementTree.Element, tag: str, message: str = "", *, text: str = "", **attributes: str) -> None:
    if message:
        attributes["message"] = _printable(message)
    ElementTree.SubElement(case, tag, attributes).text = _printable(text) or None


def _printable(text: str) -> str:
    """XML 1.0 has no control characters but tab and the line ends."""
    return "".join(character for character in text if character in "\t\n\r" or character >= " ")
