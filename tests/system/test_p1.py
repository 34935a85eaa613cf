"""The seed's suite on the healthy stand-in: with its real promises it passes; as it was written it hangs."""

from __future__ import annotations

from collections.abc import Callable

from attempts.p1_checks import DESCRIBED, NOT_DESCRIBED, name_of
from tests.analysis.junit_documents import read_junit
from tests.conftest import Soak

USERS = ("--headless", "--only-summary", "--users", "6", "--spawn-rate", "6", "--run-time", "40s", "--pace-s", "0")


def test_p1_passes_on_the_healthy_stand_in(start_soak: Callable[..., Soak]) -> None:
    soak = start_soak(*USERS, "--scenario", "p1")
    status, output = soak.end()
    verdict = soak.verdict()
    assert status == 0, output
    (suite,) = verdict["p1"]
    assert suite["scenario"] == "p1"
    assert {one["name"]: one["state"] for one in suite["checks"]} == {name_of(n): "passed" for n in DESCRIBED}
    assert [one["name"] for one in suite["not_described"]] == [name_of(n) for n in NOT_DESCRIBED]
    assert {one["criterion"]: one["state"] for one in suite["criteria"]} == {
        "All P1 staging tests pass": "met",
        "Test duration under 30 seconds per test": "met",
        "95% success rate across test runs": "met",
        "No timeout failures in staging tests": "met",
        "System stability maintained": "met",
    }
    assert verdict["slo"]["state"] == "met" and verdict["failures"] == []
    assert "Checks: p1: 8 passed, 17 not described." in output
    cases = read_junit((soak.folder / "junit.xml").read_text(encoding="utf-8")).iter("testcase")
    assert sum(case.get("classname") == "wsoak.p1" for case in cases) == 25


def test_p1_naive_hangs_and_fails_on_the_same_server_by_its_own_mistakes(start_soak: Callable[..., Soak]) -> None:
    soak = start_soak(*USERS, "--scenario", "p1_naive", "--harness-timeout-s", "7")
    status, output = soak.end()
    verdict = soak.verdict()
    assert status == 3, output
    (suite,) = verdict["p1"]
    checks = {one["name"]: one for one in suite["checks"]}
    assert {name: one["state"] for name, one in checks.items()} == {
        **dict.fromkeys(("p1_01", "p1_02", "p1_23", "p1_25"), "test_mistake"),
        **dict.fromkeys(("p1_03", "p1_04", "p1_11", "p1_18"), "passed"),
    }
    for name in ("p1_23", "p1_25"):  # the hang: as long as the harness lets it, each time
        assert checks[name]["timeouts"] == checks[name]["n"] == checks[name]["by_test"] > 0
        assert 7.0 <= checks[name]["longest_s"] < 20.0
    assert checks["p1_01"]["failed"] == checks["p1_01"]["n"] and checks["p1_01"]["longest_s"] < 7.0
    states = {one["criterion"]: one["state"] for one in suite["criteria"]}
    assert states["No timeout failures in staging tests"] == states["All P1 staging tests pass"] == "breached"
    # The verdict says whose mistakes they are, and accuses nobody else.
    assert "failed by mistakes of the test itself, and say nothing of the server" in output
    assert {claim["state"] for claim in verdict["claims"].values()} == {"undecided"}
    assert verdict["causes"] == [] and verdict["timeouts"] == 0 and verdict["lost_at"] == {}
    assert {one["cause"] for one in verdict["failures"]} == {"test_mistake"}
