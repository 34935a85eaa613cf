"""`junit.xml`: a suite of the service levels, one of the claims, and one of each suite of checks, for CI systems.

Breached = failure, void = error, undecided = skipped with what it needs; a claim that is ruled out passes, and one
that is confirmed fails: a fault was found. A check that failed by a mistake of its own is an error of
the test, and one that nobody has described is skipped. What a failure says stands in its body, too, with the numbers
and the next step: some CI systems (GitLab) show the body alone. A check has its longest time; a level and a claim have
none, for they are of the whole run, whose length is the suite's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from xml.etree import ElementTree

from analysis.reduction.failures import counted
from analysis.report.summary import check_number, interval_text
from analysis.report.wording import check_words, effect_text, lower_first, opening, state_word, statements
from analysis.verdict.answer import answer_of
from analysis.verdict.service_levels import Slo
from analysis.verdict.slo_check import SloCheck
from attempts.p1_checks import TEST_MISTAKE

# That failures come and go is what they are like, and no fault of anybody's.
NO_FAULT: Final = ("intermittent",)
_FORBIDDEN: Final = re.compile("[\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, kw_only=True)
class Ran:
    """When and where a run ran, for the suites' attributes.

    Attributes:
        start, end: Epoch seconds of the first and the last attempt; None: there was none.
        hosts: Names of the machines that made load.
    """

    start: int | None = None
    end: int | None = None
    hosts: tuple[str, ...] = ()


def junit_xml(verdict: Mapping[str, Any], slo: Slo, ran: Ran | None = None) -> str:
    """The verdict as a JUnit document.

    Args:
        verdict: As `verdict_json.compose` gives it.
        slo: The service levels with their sentences.
        ran: When and where; None: not known.
    """
    answer = answer_of(verdict)
    next_step = f"Next: {answer.what_next} {answer.command}".strip()
    suites = {"service levels": _levels(slo, next_step), "claims": _claims(verdict, next_step)}
    for suite in verdict["p1"]:
        suites[f"checks of {suite['scenario']}"] = _checks(suite)
    every = [case for cases in suites.values() for case in cases]
    totals = _totals("wsoak " + ", ".join(verdict["runs"]), every)
    del totals["skipped"]  # which the schema of Jenkins allows a suite, and not all of them together
    root = ElementTree.Element("testsuites", totals)
    for name, cases in suites.items():
        element = ElementTree.SubElement(root, "testsuite", _totals(name, cases) | _ran(ran or Ran()))
        element.extend(cases)
        if name == "service levels":
            three = [f"{label} {text}" for label, text in answer.lines()]
            said = [*three, opening(verdict), *(counted(one) for one in verdict["failures"])]
            _child(element, "system-out", text="\n".join(line for line in said if line))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _levels(slo: Slo, next_step: str) -> list[ElementTree.Element]:
    """A case for each service level."""
    cases = []
    for check in slo.checks:
        case = _case("service level", check.name)
        numbers = level_numbers(check)
        if check.state == "breached":
            _child(case, "failure", check.why, text=f"{check.why}\n{numbers}\n{next_step}", type="breached")
        elif check.state == "void":
            why = f"{slo.why} {check.why}" if slo.why != check.why else check.why
            _child(case, "error", why, text=f"{why}\n{numbers}\n{next_step}", type="void")
        _child(case, "system-out", text=f"{check.why}\n{numbers}")
        cases.append(case)
    return cases


def level_numbers(check: SloCheck) -> str:
    """The numbers of a level: "Observed 27 (95 % interval 10 to 60); limit: at most 0; judged: 900."."""
    interval = interval_text(check)
    observed = f"Observed {check_number(check, check.value)}" if check.value is not None else "Nothing was observed"
    between = f" (95 % interval {interval})" if check.low is not None or check.high is not None else ""
    bound = "at most" if check.is_most else "at least"
    return f"{observed}{between}; limit: {bound} {check_number(check, check.limit)}; judged: {check.n:,}."


def _claims(verdict: Mapping[str, Any], next_step: str) -> list[ElementTree.Element]:
    """A case for each claim."""
    cases = []
    for name, claim in verdict["claims"].items():
        case = _case("claim", name)
        effect = effect_text(claim["effect"])
        found = (
            f"{claim['evidence']}\nClaim: {statements()[name]}. Effect (95 % interval): {effect}; of {claim['n']:,}."
        )
        if claim["state"] == "undecided":
            needs = f"undecided; needs {lower_first(claim['needs'])}"
            _child(case, "skipped", needs, text=f"{needs}\n{found}")
        elif claim["state"] == "confirmed" and name not in NO_FAULT:
            text = f"confirmed: {found}\n{next_step}"
            _child(case, "failure", f"confirmed: {claim['evidence']}", text=text, type="confirmed")
        _child(case, "system-out", text=f"{state_word(claim['state'])}: {found}")
        cases.append(case)
    return cases


def _ran(ran: Ran) -> dict[str, str]:
    """Attributes of a suite, as JUnit readers know them; what is not known is left out."""
    known = {"hostname": _printable(",".join(ran.hosts))} if ran.hosts else {}
    if ran.start is not None and ran.end is not None:
        known["timestamp"] = datetime.fromtimestamp(ran.start, UTC).isoformat(timespec="seconds").replace("+00:00", "")
        known["time"] = str(ran.end - ran.start)
    return known


def _totals(name: str, cases: list[ElementTree.Element]) -> dict[str, str]:
    counts = {tag: sum(case.find(tag) is not None for case in cases) for tag in ("failure", "error", "skipped")}
    return {
        "name": _printable(name),
        "tests": str(len(cases)),
        "failures": str(counts["failure"]),
        "errors": str(counts["error"]),
        "skipped": str(counts["skipped"]),
    }


def _checks(suite: Mapping[str, Any]) -> list[ElementTree.Element]:
    """A case for each check of a suite, and for each of the seed's criteria."""
    cases = []
    for check in suite["checks"]:
        case = _case(suite["scenario"], f"{check['name']} {check['title']}", took_s=check["longest_s"])
        said = check_words(check)
        if check["state"] == "failed":
            _child(case, "failure", said, text=said, type=check["cause"] or "failed")
        elif check["state"] == TEST_MISTAKE:
            _child(case, "error", said, text=said, type=TEST_MISTAKE)
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
            _child(case, "failure", criterion["why"], text=criterion["why"], type="breached")
        elif criterion["state"] == "void":
            _child(case, "error", criterion["why"], text=criterion["why"], type="void")
        _child(case, "system-out", text=criterion["why"])
        cases.append(case)
    return cases


def _case(group: str, name: str, *, took_s: float | None = None) -> ElementTree.Element:
    took = {} if took_s is None else {"time": f"{took_s:.3f}"}
    classname = f"wsoak.{_printable(group).replace(' ', '_')}"
    return ElementTree.Element("testcase", {"classname": classname, "name": _printable(name)} | took)


def _child(case: ElementTree.Element, tag: str, message: str = "", *, text: str = "", **attributes: str) -> None:
    if message:
        attributes["message"] = message
    printable = {name: _printable(value) for name, value in attributes.items()}
    ElementTree.SubElement(case, tag, printable).text = _printable(text) or None


def _printable(text: str) -> str:
    """XML 1.0 has no control characters but tab and the line ends, no halves of surrogate pairs, no noncharacters."""
    return "".join(one for one in text if one in "\t\n\r" or (one >= " " and not _FORBIDDEN.match(one)))
