"""The seed's suite: what became of each check, and its five criteria."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis.model import Criteria
from analysis.pipeline import Analysis, analyse
from analysis.report.html import report_html
from analysis.report.junit import junit_xml
from analysis.report.summary import summary_md
from analysis.report.wording import headline, sentences
from analysis.verdict.p1 import CRITERIA, Suite, mistakes, suites
from analysis.verdict.service_levels import Levels, judge, judged_attempts
from attempts.p1_checks import DESCRIBED, name_of
from tests.analysis.junit_documents import read_junit
from tests.analysis.run_folders import attempts, put, write_run
from tests.analysis.verdict.judged_runs import check, overview_of


def checks(times: int = 10, *, scenario: str = "p1", numbers: tuple[int, ...] = tuple(DESCRIBED)) -> pd.DataFrame:
    """A run that has checked so many times, and all went well."""
    rows = attempts(times * len(numbers)).assign(kind="check", phase="exchange", scenario=scenario, detail=None)
    rows["operation"] = [name_of(numbers[place % len(numbers)]) for place in range(len(rows))]
    rows["detail"] = rows["detail"].astype(object)
    return rows


def of(rows: pd.DataFrame, number: int) -> pd.Index:
    return rows.index[rows["operation"] == name_of(number)]


def naive(times: int = 10) -> pd.DataFrame:
    """The suite with its own mistakes, on a server that is right."""
    rows = checks(times, scenario="p1_naive")
    for number in (1, 2):
        put(rows, of(rows, number), outcome="failed", cause="test_mistake", detail="expected HTTP 403")
    for number in (23, 25):
        hung = {"outcome": "timeout", "cause": "test_mistake", "duration_s": 120.0, "budget_s": 120.0}
        put(rows, of(rows, number), **hung, detail="read an event stream to its end")
    return rows


def found(tmp_path: Path, rows: pd.DataFrame, *, is_void: bool = False) -> tuple[Suite, ...]:
    return suites(overview_of(tmp_path, rows), Levels(), is_void=is_void)


def states(suite: Suite) -> dict[str, str]:
    return {one.name: one.state for one in suite.criteria}


def test_a_suite_that_passes_meets_all_five_criteria(tmp_path: Path) -> None:
    (suite,) = found(tmp_path, checks())
    assert [one.name for one in suite.criteria] == list(CRITERIA)
    assert states(suite) == dict.fromkeys(CRITERIA, "met")
    assert {one.state for one in suite.checks} == {"passed"}
    assert [one.number for one in suite.checks] == list(DESCRIBED)
    for one in suite.criteria:
        assert one.value is not None and one.low is not None and one.low <= one.value <= (one.high or one.value)


def test_one_timeout_of_one_check_breaks_what_it_breaks(tmp_path: Path) -> None:
    rows = checks(20)
    put(rows, int(of(rows, 3)[0]), outcome="timeout", cause="silent_peer", duration_s=31.0, budget_s=31.0)
    (suite,) = found(tmp_path, rows)
    assert states(suite) == {
        "success_ratio_worst_check": "breached",
        "max_duration_s": "breached",
        "success_ratio": "met",
        "timeouts": "breached",
        "stability": "met",
    }
    (bad,) = [one for one in suite.checks if one.state != "passed"]
    assert (bad.number, bad.n, bad.ok, bad.timeouts, bad.cause, bad.state) == (3, 20, 19, 1, "silent_peer", "failed")
    assert "p1_03, the worst, 19 of 20" in suite.criteria[0].why


def test_a_check_that_was_not_run_keeps_the_first_criterion_from_being_ticked(tmp_path: Path) -> None:
    (suite,) = found(tmp_path, checks(20, numbers=(1, 2, 3, 4, 11, 18, 23)))
    assert states(suite)["success_ratio_worst_check"] == "void"
    assert [one.state for one in suite.checks][-1] == "not_run"


def test_where_nothing_may_be_concluded_nothing_is_ticked(tmp_path: Path) -> None:
    (suite,) = found(tmp_path, checks(), is_void=True)
    assert set(states(suite).values()) == {"void"}


def test_a_run_without_checks_has_no_suite(tmp_path: Path) -> None:
    assert found(tmp_path, attempts(400)) == ()


def test_the_naive_suite_fails_its_criteria_by_its_own_mistakes_and_they_are_in_no_level(tmp_path: Path) -> None:
    overview = overview_of(tmp_path, naive())
    (suite,) = suites(overview, Levels(), is_void=False)
    assert {one.number: one.state for one in suite.checks} == {
        **dict.fromkeys((1, 2, 23, 25), "test_mistake"),
        **dict.fromkeys((3, 4, 11, 18), "passed"),
    }
    assert states(suite)["max_duration_s"] == states(suite)["timeouts"] == "breached"
    assert check(judge(overview, Levels()), "timeouts").value == 0
    assert judged_attempts(overview)["n"].sum() == 40
    assert mistakes((suite,)) == (
        "4 of the 8 checks of p1_naive (p1_01, p1_02, p1_23, p1_25) failed by mistakes of the test itself, and say "
        "nothing of the server."
    )


def test_a_check_that_also_failed_otherwise_is_not_the_test_s_own_mistake(tmp_path: Path) -> None:
    rows = naive()
    put(rows, int(of(rows, 1)[0]), cause="http_status", http_status=503)
    (suite,) = found(tmp_path, rows)
    first = suite.checks[0]
    assert (first.state, first.by_test, first.failed) == ("failed", 9, 10)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    right, wrong = checks(), naive()
    rows = pd.concat([right, wrong.assign(worker=wrong["worker"] + "-naive")], ignore_index=True)
    folder = write_run(tmp_path_factory.mktemp("p1") / "run", rows)
    return analyse([folder], settings=Criteria(), levels=Levels())


@pytest.mark.slow
def test_a_run_of_both_suites_is_void_by_the_mistakes_and_says_of_each_what_it_found(both: Analysis) -> None:
    assert both.slo.state == "void"
    assert "mistakes of the test itself" in headline(both.verdict, both.slo)
    assert {claim["state"] for claim in both.verdict["claims"].values()} == {"undecided"}
    assert both.verdict["timeouts"] == 0
    assert both.verdict["lost_at"] == {}
    first, second = both.verdict["p1"]
    assert [one["state"] for one in first["criteria"]] == ["met"] * 5
    assert len(first["not_described"]) == 17
    assert [one["state"] for one in second["checks"]].count("test_mistake") == 4
    (line,) = [one for one in sentences(both.verdict, both.slo) if one.startswith("Checks: ")]
    assert line == (
        "Checks: p1: 8 passed, 17 not described; p1_naive: 4 passed, 4 failed by its own mistakes, 17 not described."
    )


@pytest.mark.slow
def test_junit_has_a_case_for_each_check_and_skips_those_that_nobody_described(both: Analysis) -> None:
    document = read_junit(junit_xml(both.verdict, both.slo))
    cases = {(case.get("classname"), str(case.get("name"))[:5]): case for case in document.iter("testcase")}
    assert [child.tag for child in cases["wsoak.p1", "p1_23"]] == ["system-out"]
    error = cases["wsoak.p1_naive", "p1_23"].find("error")
    assert error is not None and error.get("type") == "test_mistake"
    assert cases["wsoak.p1", "p1_05"].find("skipped") is not None
    criteria = [case for case in document.iter("testcase") if case.get("classname") == "wsoak.p1_naive_criterion"]
    assert [case.get("name") for case in criteria] == list(CRITERIA.values())
    assert criteria[3].find("failure") is not None


@pytest.mark.slow
def test_the_summary_has_the_checks_and_the_seed_s_criteria(both: Analysis) -> None:
    page = summary_md(both.verdict, both.slo, both.suites)
    assert "| No timeout failures in staging tests | 20 |" in page
    assert "| p1_23: streaming endpoints, then a session | test mistake | 120.00 s |" in page


@pytest.mark.slow
def test_the_report_has_a_table_of_the_criteria_and_one_of_the_checks_for_each_suite(both: Analysis) -> None:
    page = report_html(both)
    assert page.count('<h2 id="p1">The seed\'s checks: p1</h2>') == 1
    assert page.count("The seed&#39;s checks: p1_naive") + page.count("The seed's checks: p1_naive") == 1
    assert page.count("No timeout failures in staging tests") == 2
    assert page.count("<td>not described</td>") == 34
    assert "<td>test mistake</td>" in page
