import json
from pathlib import Path

import pytest

from analysis.calibration import calibrate
from analysis.calibration.calibrate import Score, jobs, outcomes, part_states, report, truth_of
from analysis.claims import registry
from analysis.model import Criteria, State
from analysis.verdict.decide import decide
from tests.analysis.tables_by_hand import sketched

UNDECIDED: dict[str, State] = dict.fromkeys(registry.names(), "undecided")


def test_a_score_counts_what_the_truth_forbids_and_what_it_promises() -> None:
    truth = truth_of("W2b", {"effect": 0.02}, Criteria())
    score = Score()
    score.add("W2b", 1, {**UNDECIDED, "platform": "confirmed"}, truth)
    score.add("W2b", 2, {**UNDECIDED, "platform": "ruled_out", "client": "confirmed"}, truth)
    assert score.power["platform", "W2b"] == [1, 2]
    assert score.false_rule_out["platform"] == [1, 2]
    assert score.false_confirm["client"] == [1, 2]
    assert score.family == [1, 2]
    assert ("W2b", 2, "client", "confirmed") in score.mistakes
    table = report(score, score, runs=2)
    assert "| platform | W2b | 50.0% (1/2;" in table


def test_parts_are_counted_by_what_is_there() -> None:
    truth = truth_of("proactor", {"effect": 0.02}, Criteria())
    score = Score()
    score.add_parts("proactor", {"client loop": "confirmed"}, truth, margin=0.005)
    score.add_parts("proactor", {"platform at equal loop": "ruled_out"}, truth, margin=0.005)
    table = report(score, score, runs=2)
    assert "| platform at equal loop | proactor | no | 0.0% (0/2;" in table
    assert "| client loop | proactor | yes | 50.0% (1/2;" in table


def test_the_parts_of_a_verdict_have_the_names_that_worlds_have_for_them() -> None:
    tables = sketched(1, suspect="loop", effect=0.05, hosts=4, clients=("websockets-asyncio", "websockets-selector"))
    found = part_states(decide(tables, Criteria()))
    assert set(found) == {"platform at equal loop", "platform_x_latency at equal loop", "client loop"}
    assert found["client loop"] == "confirmed"
    assert set(truth_of("proactor", {}, Criteria()).parts) <= set(found)


def test_jobs_hold_every_seed_once() -> None:
    listed = jobs(["W1", "W2"], seeds=23, given={}, settings=Criteria(), first_seed=5)
    for name in ("W1", "W2"):
        seeds = [seed for job in listed if job.world == name for seed in job.seeds]
        assert seeds == list(range(5, 28))


def test_an_unknown_world_is_wrong_usage_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate.main(["--worlds", "Atlantis", "--seeds", "1"]) == 2
    said = capsys.readouterr().err
    assert "Atlantis" in said
    assert len(said.strip().splitlines()) == 1


@pytest.mark.long
@pytest.mark.slow
def test_a_small_calibration_errs_nowhere_and_sees_the_gross(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "states.jsonl"
    arguments = ["--worlds", "healthy,W2,W12,one_host", "--seeds", "2", "--rows", "20000", "--effect", "0.05"]
    assert calibrate.main([*arguments, "--mistakes", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "| any claim | 0.0% (0/8;" in printed
    assert "| format | W12 | 100.0% (2/2;" in printed
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == 8
    assert all(set(row["states"]) == set(registry.names()) for row in rows)


# `make calibrate` runs all of them, with many seeds.
EXAMPLES = ("whole_run_instances", "rare_type", "tenants", "unequal_hosts", "budgets_alike", "firewalled_probes")
MORE_EXAMPLES = ("slow_connects", "errors_for_one_side", "address_hashing", "one_reset", "one_account")


@pytest.mark.slow
@pytest.mark.parametrize("name", [*EXAMPLES, *(pytest.param(one, marks=pytest.mark.long) for one in MORE_EXAMPLES)])
def test_no_claim_is_wrong_in_a_world_that_broke_the_verdict(name: str) -> None:
    (job,) = jobs([name], seeds=2, given={}, settings=Criteria(), first_seed=1)
    score = Score()
    for one in outcomes(job):
        score.add(name, one.seed, one.states, truth_of(name, {}, Criteria()))
    assert score.mistakes == []
