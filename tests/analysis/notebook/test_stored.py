"""A verdict in the folder counts where it is one of all of this run's rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analysis.notebook.stored import stored_verdict
from analysis.runs.dataset import open_runs
from tests.analysis.notebook.conftest import analysed, counted
from tests.analysis.run_folders import attempts, write_run


def test_the_verdict_of_all_rows_is_taken(folder: Path) -> None:
    assert stored_verdict(open_runs([folder])) == json.loads((folder / "verdict.json").read_text())


@pytest.mark.parametrize("changes", [{"counts": counted(599)}, {"runs": ["another"]}, {"counts": {}}])
def test_one_of_other_rows_is_not(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert stored_verdict(open_runs([analysed(tmp_path / "run", **changes)])) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 1}'])
def test_neither_is_what_is_no_verdict(tmp_path: Path, text: str) -> None:
    folder = write_run(tmp_path / "run", attempts(10))
    assert stored_verdict(open_runs([folder])) is None
    (folder / "verdict.json").write_text(text)
    assert stored_verdict(open_runs([folder])) is None


def test_runs_taken_together_have_none(folder: Path, tmp_path: Path) -> None:
    other = analysed(tmp_path / "other")
    (other / "run.json").write_text((other / "run.json").read_text().replace('"run_id": "run"', '"run_id": "other"'))
    assert stored_verdict(open_runs([folder, other])) is None
