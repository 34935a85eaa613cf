from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.runs.dataset import open_runs
from attempts.checksums import FILE_NAME
from tests.analysis.run_folders import attempts, health, manifest, write_run, written_now


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = attempts(20)
    return write_run(
        tmp_path_factory.mktemp("runs") / "run", rows, run_json=manifest(rows), vitals=health(workers=1, seconds=5)
    )


def stored(run: Path) -> list[Path]:
    return sorted(path for path in run.glob("*/*") if path.suffix == ".parquet" or path.name == FILE_NAME)


@given(st.data())
def test_any_flipped_bit_of_any_stored_file_is_noticed(run: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(stored(run)))
    content = path.read_bytes()
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    flipped = bytearray(content)
    flipped[bit // 8] ^= 1 << bit % 8
    path.write_bytes(flipped)
    try:
        problems = open_runs([run]).problems
    finally:
        path.write_bytes(content)
    folder = f"run/{path.parent.name}/"
    assert any(sentence.startswith(folder) for sentence in problems)
    assert path.name == FILE_NAME or any(f"{folder}{path.name} is not what was written" in p for p in problems)


def test_files_as_they_were_written_are_no_problem(run: Path) -> None:
    dataset = open_runs([run])
    assert not dataset.problems
    assert not any(FILE_NAME in note for note in dataset.notes)


def test_a_run_of_before_there_were_checksums_is_read_and_noted(tmp_path: Path) -> None:
    rows = attempts(5)
    run = write_run(tmp_path / "run", rows, run_json=manifest(rows))
    (run / "attempts" / FILE_NAME).unlink()
    dataset = open_runs([run])
    assert not dataset.problems
    assert any("run/attempts has no SHA256SUMS" in note for note in dataset.notes)


def test_a_file_that_is_gone_and_one_that_came_from_elsewhere_are_problems(tmp_path: Path) -> None:
    rows = attempts(5)
    run = write_run(tmp_path / "run", rows, run_json=manifest(rows))
    part = run / "attempts" / "part-0.parquet"
    part.rename(part.with_name("part-1.parquet"))
    problems = open_runs([run]).problems
    assert any("part-0.parquet is in SHA256SUMS and not there" in sentence for sentence in problems)
    assert any("part-1.parquet is not in SHA256SUMS" in sentence for sentence in problems)


def test_while_a_run_goes_on_files_may_come_and_go_but_not_change(tmp_path: Path) -> None:
    rows = attempts(5)
    run = write_run(tmp_path / "run", rows, run_json=manifest(rows, ended="running"))
    part = run / "attempts" / "part-0.parquet"
    (run / "attempts" / "part-1.parquet").write_bytes(part.read_bytes())
    with written_now(run):
        assert not open_runs([run]).problems
        content = bytearray(part.read_bytes())
        content[50] ^= 1
        part.write_bytes(content)
        assert any("part-0.parquet is not what was written" in sentence for sentence in open_runs([run]).problems)


def test_the_name_of_a_file_brings_nothing_that_a_terminal_would_obey(run: Path) -> None:
    forged = run / "attempts" / FILE_NAME
    content = forged.read_bytes()
    forged.write_bytes(content + b"0" * 64 + b"  \x1b[31mred.parquet\n")
    try:
        problems = open_runs([run]).problems
    finally:
        forged.write_bytes(content)
    assert any("[31mred.parquet is in SHA256SUMS and not there" in sentence for sentence in problems)
    assert all(sentence.isprintable() for sentence in problems)
