from pathlib import Path

import numpy as np
import pytest

from analysis.claims import registry
from analysis.model import Criteria
from analysis.pipeline import Analysis, analyse, void_reasons, withhold
from analysis.report.wording import headline
from analysis.verdict.generator_health import GeneratorHealth
from analysis.verdict.load import Load
from analysis.verdict.service_levels import Levels
from tests.analysis.run_folders import attempts, corrupt, health, manifest, put, write_attempts, write_run, written_now
from tests.analysis.verdicts import decision

HEALTHY = GeneratorHealth(state="healthy", why="Fine.")
KEPT = Load(state="as_planned")
LESS = Load(state="other", why=("run: too few.",))
IMPAIRED = GeneratorHealth(state="impaired", why="The loop was blocked.")


def analysed(*folders: Path) -> Analysis:
    return analyse(folders, settings=Criteria(), levels=Levels())


def test_healthy_run_is_met_with_every_claim_present(tmp_path: Path) -> None:
    rows = attempts(2000)
    found = analysed(write_run(tmp_path / "run", rows, run_json=manifest(rows), vitals=health()))
    assert found.slo.state == "met"
    assert found.verdict["generator"]["state"] == "healthy"
    assert list(found.verdict["claims"]) == list(registry.names())
    assert not any(claim["state"] == "confirmed" for claim in found.verdict["claims"].values())
    assert (found.verdict["attempts"], found.verdict["timeouts"]) == (2000, 0)
    assert found.verdict["hosts"] == {"Linux": 2, "Windows": 2}


@pytest.mark.slow
def test_missing_row_voids_everything(tmp_path: Path) -> None:
    rows = attempts(2000, timeouts=0.1)
    found = analysed(write_run(tmp_path / "run", rows.drop(rows[rows["seq"] == 3].index[:1])))
    assert found.slo.state == "void"
    assert {claim["state"] for claim in found.verdict["claims"].values()} == {"undecided"}
    assert found.verdict["hypothesis"]["state"] == "undecided"
    assert sum("rows are missing" in note for note in found.verdict["data_quality"]) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("delay_s", None),
        pytest.param("budget_s", np.nan, marks=pytest.mark.slow),
        pytest.param("duration_s", 1e300, marks=pytest.mark.slow),
    ],
)
def test_timeouts_that_no_claim_can_use_never_soften_the_verdict(
    tmp_path: Path, column: str, value: float | None
) -> None:
    rows = attempts(2000, timeouts=0.1)
    rows.loc[rows["outcome"] == "timeout", column] = value
    found = analysed(write_run(tmp_path / "run", rows, run_json=manifest(rows), vitals=health()))
    assert found.slo.state == "void"
    assert {claim["state"] for claim in found.verdict["claims"].values()} == {"undecided"}


@pytest.mark.slow
def test_rows_without_a_host_are_void(tmp_path: Path) -> None:
    rows = attempts(2000)
    rows["host"] = None
    found = analysed(write_run(tmp_path / "run", rows, run_json=manifest(rows), vitals=health()))
    assert found.slo.state == "void"
    assert "2,000 rows break the attempt contract" in found.void_because[0]


@pytest.mark.slow
def test_file_with_corrupt_pages_is_named_and_voids_the_verdict(tmp_path: Path) -> None:
    rows = attempts(2000)
    folder = write_run(tmp_path / "run", rows.iloc[1000:], run_json=manifest(rows), vitals=health())
    write_attempts(folder / "attempts" / "part-1.parquet", rows.iloc[:1000])
    corrupt(folder / "attempts" / "part-1.parquet")
    found = analysed(folder)
    assert found.slo.state == "void"
    assert found.void_because[0].startswith("run/attempts/part-1.parquet is corrupt (")
    assert found.verdict["attempts"] == 1000


@pytest.mark.slow
def test_vitals_with_corrupt_pages_are_left_out_and_said(tmp_path: Path) -> None:
    rows = attempts(2000)
    folder = write_run(tmp_path / "run", rows, run_json=manifest(rows), vitals=health())
    corrupt(folder / "health" / "part-0.parquet")
    found = analysed(folder)
    assert found.slo.state == "met"
    assert found.health.empty
    assert any("run/health/part-0.parquet is corrupt" in note for note in found.verdict["data_quality"])


@pytest.mark.slow
def test_fault_that_no_file_explains_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_run(tmp_path / "run", attempts(20))
    monkeypatch.setattr("analysis.pipeline.judge", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        analysed(folder)


@pytest.mark.slow
def test_impaired_generator_voids_all_but_its_own_claim(tmp_path: Path) -> None:
    rows = attempts(2000)
    rows["loop_lag_s"] = 6.0
    bad = rows.index % 4 == 0
    put(rows, bad, outcome="timeout", cause="silent_peer", duration_s=10.0)
    found = analysed(write_run(tmp_path / "run", rows, run_json=manifest(rows)))
    assert found.slo.state == "void"
    assert found.verdict["generator"]["state"] == "impaired"
    states = {name: claim["state"] for name, claim in found.verdict["claims"].items()}
    assert states.pop("client_loop") == "confirmed"
    assert set(states.values()) == {"undecided"}


@pytest.mark.slow
def test_two_runs_are_taken_together(tmp_path: Path) -> None:
    folders = []
    for name in ("a", "b"):
        rows = attempts(600, run_id=name, seed=ord(name))
        folders.append(write_run(tmp_path / name, rows, run_json=manifest(rows) | {"command": ["locust", "-u", "9"]}))
    found = analysed(*folders)
    assert found.verdict["runs"] == ["a", "b"]
    assert found.verdict["command"] == ["locust", "-u", "9"], "both were run by it"
    assert found.verdict["attempts"] == 1200
    assert found.slo.state == "met"


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 1])
def test_next_to_nothing_is_void(tmp_path: Path, count: int) -> None:
    found = analysed(write_run(tmp_path / "run", attempts(5).iloc[:count]))
    assert found.slo.state == "void"
    assert found.verdict["attempts"] == count
    assert {claim["state"] for claim in found.verdict["claims"].values()} <= {"undecided", "ruled_out"}


@pytest.mark.slow
def test_all_timeouts_breach_and_confirm_no_comparison(tmp_path: Path) -> None:
    rows = attempts(2000, timeouts=1.0)
    found = analysed(write_run(tmp_path / "run", rows, run_json=manifest(rows), vitals=health()))
    assert found.slo.state == "breached"
    for name in ("latency", "platform", "platform_x_latency", "client", "intermittent"):
        assert found.verdict["claims"][name]["state"] != "confirmed", name


@pytest.mark.slow
def test_unmeasured_lag_and_round_trip_only_loosen(tmp_path: Path) -> None:
    rows = attempts(2000)
    rows[["loop_lag_s", "rtt_s", "cpu"]] = None
    found = analysed(write_run(tmp_path / "run", rows, run_json=manifest(rows)))
    assert found.verdict["generator"]["state"] == "unknown"
    assert found.slo.state == "met"
    assert found.verdict["claims"]["client_loop"]["state"] == "undecided"
    assert found.verdict["claims"]["platform"]["state"] != "confirmed"


@pytest.mark.slow
def test_running_run_is_so_far(tmp_path: Path) -> None:
    rows = attempts(1000)
    folder = write_run(tmp_path / "run", rows, run_json=manifest(rows, ended="running"))
    with written_now(folder):
        found = analysed(folder)
    assert found.slo.state == "met"
    assert any("so far" in note for note in found.verdict["data_quality"])


@pytest.mark.slow
def test_a_run_that_was_killed_is_void_for_ever(tmp_path: Path) -> None:
    rows = attempts(1000)
    found = analysed(write_run(tmp_path / "run", rows, run_json=manifest(rows, ended="running")))
    assert found.slo.state == "void"
    assert "it was killed" in found.void_because[0]
    assert {claim["state"] for claim in found.verdict["claims"].values()} == {"undecided"}


def test_withheld_claim_keeps_its_effect_and_says_what_it_would_have_been() -> None:
    found = withhold(decision(), problems=["3 rows are missing."], generator=HEALTHY, load=KEPT)
    server = found.claims["server"]
    assert (server.state, server.needs) == ("undecided", "a run with all its rows")
    assert server.effect == decision().claims["server"].effect
    assert "without that: confirmed. Everybody failed together." in server.evidence


def test_a_run_that_ended_early_needs_its_end_and_not_its_rows() -> None:
    early = "The run ended after 18 s of 600 s: it is less than what was asked for (--accept-early judges it)."
    needs = [
        withhold(decision(), problems=problems, generator=HEALTHY, load=KEPT).claims["server"].needs
        for problems in ([early], [early, "3 rows are missing."])
    ]
    assert needs == ["a run that goes on to its planned end", "a run with all its rows"]


def test_nothing_is_withheld_from_a_sound_run() -> None:
    assert withhold(decision(), problems=[], generator=HEALTHY, load=KEPT) == decision()


def test_unknown_generator_voids_nothing() -> None:
    assert void_reasons([], GeneratorHealth(state="unknown", why="No lag was measured."), KEPT) == ()
    assert void_reasons(["One."], IMPAIRED, KEPT) == (
        "One.",
        "The load generator was impaired. The loop was blocked.",
    )


def test_another_load_than_the_planned_one_withholds_every_claim_and_says_what_would_settle_it() -> None:
    found = withhold(decision(), problems=[], generator=HEALTHY, load=LESS)
    assert {claim.state for claim in found.claims.values()} == {"undecided"}
    assert found.claims["server"].needs == "a run with the users that were planned, or --allow-less-load"
    assert void_reasons([], HEALTHY, LESS)[0].startswith("run: too few. Give --allow-less-load")


@pytest.mark.parametrize("is_allowed", [False, True])
def test_a_run_with_half_its_users_is_void_or_judged_with_a_first_sentence_that_says_so(
    tmp_path: Path, is_allowed: bool
) -> None:
    rows = attempts(1000)
    sums = {"judged_s": 80.0, "within_s": 8.0, "planned_user_s": 800.0, "ran_user_s": 400.0}
    folder = write_run(tmp_path / "run", rows, run_json=manifest(rows, load=sums), vitals=health())
    found = analyse([folder], settings=Criteria(allow_less_load=is_allowed), levels=Levels())
    said = headline(found.verdict, found.slo)
    numbers = "the load was not the planned one: 5.0 of 10.0 planned users ran"
    assert found.slo.state == ("met" if is_allowed else "void")
    assert (said[:1].lower() + said[1:]).startswith(
        numbers if is_allowed else f"void, nothing may be concluded: {numbers}"
    )
    assert numbers in said.lower()
    assert found.verdict["load"] == {
        "state": "other",
        "planned_users": 10.0,
        "ran_users": 5.0,
        "share_within": 0.1,
        "allowed": is_allowed,
    }
