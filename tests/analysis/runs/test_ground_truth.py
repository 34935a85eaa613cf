from pathlib import Path

import pandas as pd

from analysis.runs.dataset import open_runs
from analysis.runs.ground_truth import faults_done
from tests.analysis.run_folders import attempts, write_run


def folder(path: Path, truth: pd.DataFrame | None) -> Path:
    run = write_run(path, attempts(5))
    if truth is not None:
        truth.to_parquet(run / "truth.parquet")
    return run


def test_connections_and_windows_are_counted_by_fault(tmp_path: Path) -> None:
    slow, stall = "slow_welcome:share=0.1", "server_stall:every=30"
    truth = pd.DataFrame(
        {
            "kind": ["connection"] * 5 + ["window"],
            "fault": ["slow_welcome", "slow_welcome;server_stall", None, None, None, "server_stall"],
            "fault_spec": [slow, f"{slow};{stall}", None, None, None, stall],
        }
    )
    found = faults_done(open_runs([folder(tmp_path / "run", truth)]).runs)
    assert found.to_dict("records") == [
        {"run_id": "run", "fault": stall, "hit": 1, "windows": 1, "connections": 5},
        {"run_id": "run", "fault": slow, "hit": 2, "windows": 0, "connections": 5},
    ]


def test_no_fault_is_no_row(tmp_path: Path) -> None:
    truth = pd.DataFrame({"kind": ["connection"], "fault": [None], "fault_spec": [None]})
    assert faults_done(open_runs([folder(tmp_path / "run", truth)]).runs).empty


def test_missing_or_unreadable_truth_is_no_row(tmp_path: Path) -> None:
    broken = folder(tmp_path / "broken", None)
    (broken / "truth.parquet").write_bytes(b"PAR1 no")
    foreign = folder(tmp_path / "foreign", pd.DataFrame({"x": [1]}))
    assert faults_done(open_runs([broken, foreign, folder(tmp_path / "none", None)]).runs).empty
