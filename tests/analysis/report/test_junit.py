from dataclasses import replace
from xml.etree import ElementTree

import pytest
from xmlschema import XMLSchemaValidationError

from analysis.claims import registry
from analysis.report.junit import Ran, junit_xml, level_numbers
from analysis.verdict.service_levels import Slo
from tests.analysis.junit_documents import read_junit
from tests.analysis.verdicts import BREACHED, MET, verdict

SLO = Slo(state="breached", checks=(MET, BREACHED), why=BREACHED.why)


def cases(slo: Slo) -> dict[str, ElementTree.Element]:
    root = read_junit(junit_xml(verdict(slo), slo))
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


def test_a_failure_has_a_body_with_the_evidence_the_numbers_and_the_next_step() -> None:
    # GitLab shows the body and not the message.
    found = cases(SLO)
    level, claim = (str(found[name].findtext("failure")).splitlines() for name in ("timeouts", "server"))
    assert level[:2] == [
        "27 of 900 timed out.",
        "Observed 27 (95 % interval 10 to 60); limit: at most 0; judged: 900.",
    ]
    assert claim[:2] == [
        "confirmed: Everybody failed together.",
        "Claim: it comes from the server's side. Effect (95 % interval): +1.20 points (+0.80 to +1.70); of 900.",
    ]
    assert level[2] == claim[2] and level[2].startswith("Next: ") and level[2].endswith("--server-log FILE")


def test_a_case_that_passed_shows_its_value_interval_and_limit() -> None:
    said = str(cases(SLO)["success_ratio"].findtext("system-out"))
    assert said.endswith("Observed 97.00 % (95 % interval 96.50 % to 97.40 %); limit: at least 95.00 %; judged: 900.")
    nothing = replace(MET, value=None, low=None, high=None, n=0)
    assert level_numbers(nothing) == "Nothing was observed; limit: at least 95.00 %; judged: 0."


def test_a_check_has_the_time_that_it_took_at_most_and_a_level_none() -> None:
    check = {
        **{"name": "c01", "title": "connects", "state": "failed", "cause": "reset", "longest_s": 1.25, "why": ""},
        **{"n": 3, "ok": 2, "timeouts": 0, "failed": 1},
    }
    given = {**verdict(SLO), "p1": [{"scenario": "p1", "checks": [check], "not_described": [], "criteria": []}]}
    root = read_junit(junit_xml(given, SLO))
    took = {str(case.get("name")): case.get("time") for case in root.iter("testcase")}
    assert (took["c01 connects"], took["timeouts"]) == ("1.250", None)
    assert root.findtext(".//testcase[@name='c01 connects']/failure") == "2 of 3 passed, 1 failed: reset"


def test_a_scenario_or_a_cause_that_no_xml_can_hold_still_leaves_a_file_that_can_be_read() -> None:
    check = {
        **{"name": "c01", "title": "connects", "state": "failed", "cause": "reset\x00", "longest_s": None, "why": ""},
        **{"n": 1, "ok": 0, "timeouts": 0, "failed": 1},
    }
    given = {**verdict(SLO), "p1": [{"scenario": "p\x1b1", "checks": [check], "not_described": [], "criteria": []}]}
    root = read_junit(junit_xml(given, SLO))
    assert root.find(".//testcase[@classname='wsoak.p1']/failure[@type='reset']") is not None


def test_levels_and_claims_are_suites_of_their_own_that_say_when_and_where_they_ran() -> None:
    ran = Ran(start=1_767_603_600, end=1_767_603_660, hosts=("a", "b"))
    root = read_junit(junit_xml(verdict(SLO), SLO, ran))
    levels, claims = root.findall("testsuite")
    assert (levels.get("name"), claims.get("name")) == ("service levels", "claims")
    assert (claims.get("hostname"), claims.get("time"), claims.get("timestamp")) == ("a,b", "60", "2026-01-05T09:00:00")
    assert str(levels.findtext("system-out")).startswith("Why do attempts time out? ")
    assert "time" not in read_junit(junit_xml(verdict(SLO), SLO))[0].attrib


def test_void_is_an_error() -> None:
    slo = Slo(state="void", checks=(replace(MET, state="void"),), why="3 rows are missing.")
    error = cases(slo)["success_ratio"].find("error")
    assert error is not None and str(error.get("message")).startswith("3 rows are missing.")


def test_totals_count_the_cases() -> None:
    root = read_junit(junit_xml(verdict(SLO), SLO))
    counted = [[one.get(name) for name in ("tests", "failures", "errors", "skipped")] for one in [root, *root]]
    assert counted == [["12", "2", "0", None], ["2", "1", "0", "0"], ["10", "1", "0", "8"]]


def test_a_document_that_jenkins_would_not_take_fails_here() -> None:
    with pytest.raises(XMLSchemaValidationError, match="'skipped' attribute not allowed"):
        read_junit(junit_xml(verdict(SLO), SLO).replace("<testsuites ", '<testsuites skipped="8" '))


def test_control_characters_do_not_break_the_document() -> None:
    slo = Slo(state="breached", checks=(replace(BREACHED, why="bad \x00\x1b[31m\ud800\uffff <name>"),), why="bad")
    failure = cases(slo)["timeouts"].find("failure")
    assert failure is not None and failure.get("message") == "bad [31m <name>"


def test_a_run_whose_name_no_xml_can_hold_still_leaves_a_file_that_can_be_read() -> None:
    named = {**verdict(SLO), "runs": ["r\x1b[2J"]}
    root = read_junit(junit_xml(named, SLO))
    assert root.get("name") == "wsoak r[2J"
