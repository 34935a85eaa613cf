from dataclasses import replace
from xml.etree import ElementTree

from analysis.claims import registry
from analysis.report.junit import Ran, junit_xml
from analysis.verdict.service_levels import Slo
from tests.analysis.verdicts import BREACHED, MET, verdict

SLO = Slo(state="breached", checks=(MET, BREACHED), why=BREACHED.why)


def cases(slo: Slo) -> dict[str, ElementTree.Element]:
    root = ElementTree.fromstring(junit_xml(verdict(slo), slo).partition("\n")[2])
    return {str(case.get("name")): case for case in root.iter("testcase")}


def test_one_case_a_service_level_and_a_claim() -> None:
    assert set(cases(SLO)) == {"success_ratio", "timeouts", *registry.names()}


def test_breached_fails_met_passes_undecided_is_skipped_with_its_need() -> None:
    found = cases(SLO)
    assert found["success_ratio"].find("failure") is None
    failure = found["timeouts"].find("failure")
    assert failure is not None and failure.get("message") == "27 of 900 timed out."
    skipped = found["platform"].find("skipped")
    assert skipped is not None and skipped.get("message") == "undecided; needs three hosts of each platform."
    assert [child.tag for child in found["auth"]] == ["system-out"]
    assert "Everybody failed together." in str(found["server"].findtext("system-out"))


def test_a_fault_that_is_confirmed_is_no_green_case() -> None:
    failure = cases(SLO)["server"].find("failure")
    assert failure is not None and failure.get("message") == "confirmed: Everybody failed together."


def test_levels_and_claims_are_suites_of_their_own_that_say_when_and_where_they_ran() -> None:
    ran = Ran(start=1_767_603_600, end=1_767_603_660, hosts=("a", "b"))
    root = ElementTree.fromstring(junit_xml(verdict(SLO), SLO, ran).partition("\n")[2])
    levels, claims = root.findall("testsuite")
    assert (levels.get("name"), claims.get("name")) == ("service levels", "claims")
    assert (claims.get("hostname"), claims.get("time"), claims.get("timestamp")) == ("a,b", "60", "2026-01-05T09:00:00")
    assert str(levels.findtext("system-out")).startswith("Why do attempts time out? ")
    assert "time" not in ElementTree.fromstring(junit_xml(verdict(SLO), SLO).partition("\n")[2])[0].attrib


def test_void_is_an_error() -> None:
    slo = Slo(state="void", checks=(replace(MET, state="void"),), why="3 rows are missing.")
    error = cases(slo)["success_ratio"].find("error")
    assert error is not None and str(error.get("message")).startswith("3 rows are missing.")


def test_totals_count_the_cases() -> None:
    root = ElementTree.fromstring(junit_xml(verdict(SLO), SLO).partition("\n")[2])
    counted = [[one.get(name) for name in ("tests", "failures", "errors", "skipped")] for one in [root, *root]]
    assert counted == [["12", "2", "0", "8"], ["2", "1", "0", "0"], ["10", "1", "0", "8"]]


def test_control_characters_do_not_break_the_document() -> None:
    slo = Slo(state="breached", checks=(replace(BREACHED, why="bad \x00\x1b[31m <name>"),), why="bad")
    failure = cases(slo)["timeouts"].find("failure")
    assert failure is not None and failure.get("message") == "bad [31m <name>"


def test_a_run_whose_name_no_xml_can_hold_still_leaves_a_file_that_can_be_read() -> None:
    named = {**verdict(SLO), "runs": ["r\x1b[2J"]}
    root = ElementTree.fromstring(junit_xml(named, SLO).partition("\n")[2])
    assert root.get("name") == "wsoak r[2J"
