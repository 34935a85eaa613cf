from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from attempts.spool.recorder import Recorder
from attempts.spool.spool import Spool
from attempts.store.segment_store import Store
from tests.attempts.recording import connection_facts, exchange, record, worker_facts

ROOT = Path(__file__).parents[2]


def collect(*arguments: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "attempts.collect", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_bytes(msgspec.json.encode({"run_id": "run-1"}))
    return run


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_leftover_segments_are_brought_once_and_the_source_stays(tmp_path: Path, run: Path) -> None:
    left = tmp_path / "left"
    record(left, 3)
    record(left / "deeper", 2, worker="w1", close=False)
    for brought in (2, 0):
        ran = collect(left, run)
        assert ran.returncode == 0
        assert ran.stdout.startswith(f"{brought} segments were brought.")
        assert names(run / "spool") == ["w0-000000.spool", "w1-000000.spool"]
        assert names(left) == ["deeper", "w0-000000.spool"]
        assert names(left / "deeper") == ["w1-000000.open"]
    for _ in range(2):
        collect(left, run)
        store = Store(run)
        store.store_segments(final=True)
        assert store.finish()["rows_stored"] == 5


@pytest.mark.skipif(os.name == "nt", reason="locks differ")
def test_segment_that_is_still_written_is_left_and_said(tmp_path: Path, run: Path) -> None:
    spool = Spool(tmp_path / "left")
    recorder = Recorder(spool, worker_facts())
    recorder.write(exchange(recorder.connection(connection_facts())))
    spool.flush()
    ran = collect(tmp_path / "left", run)
    spool.close()
    assert ran.returncode == 3
    assert ran.stderr == "Segment w0-000000.open was left: its worker still writes it; stop the worker first.\n"
    assert names(run / "spool") == []


def test_longer_copy_takes_the_place_of_a_shorter_one(tmp_path: Path, run: Path) -> None:
    record(tmp_path / "left", 3)
    (sealed,) = (tmp_path / "left").iterdir()
    (run / "spool").mkdir()
    there = run / "spool" / sealed.name
    there.write_bytes(sealed.read_bytes()[:100])
    assert collect(tmp_path / "left", run).returncode == 0
    assert there.read_bytes() == sealed.read_bytes()


def test_other_content_under_the_same_name_is_left_and_said(tmp_path: Path, run: Path) -> None:
    record(tmp_path / "left", 3)
    record(run / "spool", 2)
    before = (run / "spool" / "w0-000000.spool").read_bytes()
    ran = collect(tmp_path / "left", run)
    assert ran.returncode == 3
    assert "is there with other content" in ran.stderr
    assert (run / "spool" / "w0-000000.spool").read_bytes() == before


def test_segments_of_another_run_or_kind_are_left_and_said(tmp_path: Path, run: Path) -> None:
    (run / "run.json").write_bytes(msgspec.json.encode({"run_id": "run-2"}))
    record(tmp_path / "left", 3)
    (tmp_path / "left" / "w5-000000.spool").write_bytes(b"no segment at all")
    ran = collect(tmp_path / "left", run)
    assert ran.returncode == 3
    assert "it belongs to run run-1, and the folder is run run-2" in ran.stderr
    assert "it is not a spool segment" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_wrong_folders_are_exit_status_2_and_one_sentence(tmp_path: Path, run: Path) -> None:
    record(tmp_path / "left", 1)
    record(run / "spool", 1)
    (tmp_path / "empty").mkdir()
    for source, target, sentence in (
        (tmp_path / "left", tmp_path / "nowhere", "is no run folder"),
        (tmp_path / "nowhere", run, "holds no segments"),
        (tmp_path / "empty", run, "holds no segments"),
        (run / "spool", run, "is the run's own spool"),
    ):
        ran = collect(source, target)
        assert ran.returncode == 2
        assert sentence in ran.stderr
        assert ran.stderr.count("\n") == 1
        assert ran.stdout == ""
