"""One claim is one object: what a claim that is added here shows up in, and what one that fails costs."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pyarrow as pa
import pytest

from analysis import cli
from analysis.calibration.fuzz import decided
from analysis.calibration.naive import naive_verdict
from analysis.claims import registry
from analysis.claims.claim import Claim, Evidence, Watched
from analysis.model import Criteria, Effect, Finding
from analysis.simulation.hostile import draw_case
from analysis.verdict.decide import decide
from analysis.verdict.document import SCHEMA_FILE
from tests.analysis.junit_documents import read_junit
from tests.analysis.run_folders import attempts, health, manifest, write_run
from tests.analysis.tables_by_hand import sketched

MOON = Claim(
    name="full_moon",
    title="Full moon",
    statement="the full moon raises the risk",
    weight=0.1,
    decide=lambda evidence: Finding(
        state="confirmed",
        effect=Effect(name="rate", estimate=0.1, low=0.05, high=0.2),
        p_value=1e-9,
        n=int(evidence.view.cells.n.sum()),
        evidence="It was full.",
    ),
)


def fall_over(_: Evidence) -> Finding:
    raise ZeroDivisionError("no moon")


@pytest.fixture
def with_moon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "CLAIMS", (*registry.CLAIMS, MOON))


def test_names_differ_and_weights_are_the_whole_error_rate() -> None:
    assert len(set(registry.names())) == len(registry.CLAIMS)
    assert sum(registry.weights().values()) == pytest.approx(1.0)
    assert registry.weights()["platform_x_latency"] == pytest.approx(0.25)
    assert all(claim.title and claim.statement and claim.weight > 0 for claim in registry.CLAIMS)


@pytest.mark.usefixtures("with_moon")
def test_a_claim_that_is_added_is_in_every_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = attempts(2000, timeouts=0.1)
    folder = write_run(tmp_path / "run", rows, run_json=manifest(rows), vitals=health())
    assert cli.main([str(folder)]) == 1
    verdict = json.loads((folder / "verdict.json").read_text())
    jsonschema.validate(verdict, json.loads(SCHEMA_FILE.read_text()))
    assert verdict["claims"]["full_moon"]["evidence"] == "It was full."
    suites = read_junit((folder / "junit.xml").read_text(encoding="utf-8"))
    cases = {case.get("name") for case in suites.iter("testcase")}
    assert "full_moon" in cases
    assert MOON.statement in (folder / "summary.md").read_text(encoding="utf-8")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert MOON.title in page and MOON.statement in page
    assert MOON.statement in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("with_moon")
def test_a_claim_that_is_added_is_calibrated_and_shares_the_error_rate() -> None:
    assert sum(registry.weights().values()) == pytest.approx(1.0)
    (result,) = decided([draw_case(1)], Criteria())
    assert result.states["full_moon"] == "confirmed"
    assert result.codes["full_moon"] == "-"
    assert naive_verdict(pa.Table.from_pandas(attempts(200)))["full_moon"] == "undecided"


FELL = "Authentication could not be decided: the analysis failed (ZeroDivisionError: no moon)."


def let_auth_fall(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tuple(replace(one, decide=fall_over) if one.name == "auth" else one for one in registry.CLAIMS)
    monkeypatch.setattr(registry, "CLAIMS", broken)


def test_a_claim_that_falls_over_is_undecided_with_its_error_and_the_others_stand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tables = sketched(1, minutes=20, hosts=2)
    sound = decide(tables, Criteria())
    let_auth_fall(monkeypatch)
    found = decide(tables, Criteria())
    assert found.claims["auth"].state == "undecided"
    assert {n: f for n, f in found.claims.items() if n != "auth"} == {
        n: f for n, f in sound.claims.items() if n != "auth"
    }
    assert found.errors == (FELL,)
    assert FELL in found.data_quality


@pytest.mark.slow
def test_a_calibration_keeps_the_error_of_a_claim_that_falls_over(monkeypatch: pytest.MonkeyPatch) -> None:
    let_auth_fall(monkeypatch)
    (result,) = decided([draw_case(1)], Criteria())
    assert result.error == FELL


def test_what_is_said_while_a_run_grows_is_the_claims_own() -> None:
    live = {claim.name: claim.while_live for claim in registry.CLAIMS}
    assert {name for name, rule in live.items() if rule == "at the end"} == {"platform", "platform_x_latency", "server"}
    assert {name for name, rule in live.items() if isinstance(rule, Watched)} == {"latency", "client"}
