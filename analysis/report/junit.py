"""`junit.xml`: one test case a service level, a claim and a check of a suite, for CI systems that show tests.

Breached = failure, void = error, undecided = skipped with what it needs; a claim that is confirmed or
ruled out passes: it was decided, and its output says how. A check that failed by a mistake of its own is an error of
the test, and one that nobody has described is skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from analysis.reduction.failures import counted
from analysis.report.wording import check_words, lower_first, opening
from analysis.verdict.service_levels import Slo
from attempts.p1_checks import TEST_MISTAKE


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
    for suite in verdict["p1"]:
        cases += _checks(suite)
    counts = {tag: sum(case.find(tag) is not None for case in cases) for tag in ("failure", "error", "skipped")}
    totals = {
        "name": _printable("wsoak " + ", ".join(verdict["runs"])),
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


def _checks(suite: Mapping[str, Any]) -> list[ElementTree.Element]:
    """A case for each check of a suite, and for each of the seed's criteria."""
    cases = []
    for check in suite["checks"]:
        case = _case(suite["scenario"], f"{check['name']} {check['title']}")
        said = check_words(check)
        if check["state"] == "failed":
            _child(case, "failure", said, type=check["cause"] or "failed")
        elif check["state"] == TEST_MISTAKE:
            _child(case, "error", said, type=TEST_MISTAKE)
        elif check["state"] == "not_run":
            _child(case, "skipped", "The run ended before it.")
        _child(case, "system-out", text=said)
        cases.append(case)
    for unknown in suite["not_described"]:
        case = _case(suite["scenario"], f"{unknown['name']} {unknown['title']}")
        _child(case, "skipped", "not described")
        cases.append(case)
    for criterion in suite["criteria"]:
        case = _case(f"{suite['scenario']} criterion", criterion["criterion"])
        if criterion["state"] == "breached":
            _child(case, "failure", criterion["why"], type="breached")
        elif criterion["state"] == "void":
            _child(case, "error", criterion["why"], type="void")
        _child(case, "system-out", text=criterion["why"])
        cases.append(case)
    return cases


def _case(group: str, name: str) -> ElementTree.Element:
    return ElementTree.Element("testcase", {"classname": f"wsoak.{group.replace(' ', '_')}", "name": _printable(name)})


def _child(case: ElementTree.Element, tag: str, message: str = "", *, text: str = "", **attributes: str) -> None:
    if message:
        attributes["message"] = _printable(message)
    ElementTree.SubElement(case, tag, attributes).text = _printable(text) or None


def _printable(text: str) -> str:
    """XML 1.0 has no control characters but tab and the line ends."""
    return "".join(character for character in text if character in "\t\n\r" or character >= " ")
