from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scenarios.control.new_run import create, new_run_id
from scenarios.errors import ConfigError
from scenarios.options import settings_from
from scenarios.run_file import TargetFacts, read_run_file

NOW = datetime(2026, 11, 23, 15, 45, tzinfo=UTC)


def created(tmp_path: Path, run_id: str = "r1") -> Path:
    settings = settings_from({"reports_dir": str(tmp_path), "run_id": run_id})
    run = create(
        settings,
        target=TargetFacts(url="ws://127.0.0.1:1/ws", standin=True),
        command=["locust", "--headless"],
        run_time_s=90.0,
        plan={"seed": 1},
        versions={"python": "3.11"},
        now=NOW,
    )
    run.abandon()
    return run.folder


def test_run_json_is_there_from_the_start_and_says_when_the_run_should_end(tmp_path: Path) -> None:
    file = read_run_file(created(tmp_path))
    assert file.ended == "running"
    assert file.planned_end_at == "2026-11-23T15:46:30.000000Z"
    assert file.settings["slo"] == {"success_ratio": 0.95, "max_duration_s": 30.0, "timeouts": 0}


def test_run_json_says_what_the_delayed_arms_lines_were_asked_to_be(tmp_path: Path) -> None:
    settings = settings_from({"reports_dir": str(tmp_path), "delay_ms": "0,80", "relay_jitter_ms": 5})
    run = create(
        settings,
        target=TargetFacts(url="ws://127.0.0.1:1/ws", standin=True),
        command=[],
        run_time_s=None,
        plan={},
        versions={},
        now=NOW,
    )
    run.abandon()
    line = read_run_file(run.folder).settings["relay"]
    assert line == {"jitter_ms": 5.0, "stall_ratio": 0.0, "stall_ms": 200.0, "bandwidth_kbit": 0.0}


def test_a_run_is_never_written_over_another(tmp_path: Path) -> None:
    folder = created(tmp_path)
    before = (folder / "run.json").read_bytes()
    with pytest.raises(ConfigError, match="exists already"):
        created(tmp_path)
    assert (folder / "run.json").read_bytes() == before


def test_a_reports_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made"):
        created(tmp_path / "file")


def test_run_ids_sort_by_time_and_differ() -> None:
    ids = [new_run_id(NOW) for _ in range(20)]
    assert ids[0].startswith("20261123T154500Z-")
    assert len(set(ids)) > 15


def test_run_json_is_plain_json_for_other_readers(tmp_path: Path) -> None:
    assert json.loads((created(tmp_path) / "run.json").read_text())["schema_version"] == 1
