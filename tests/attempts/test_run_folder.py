"""A run folder is told by what a run's processes wrote, however little that was; by nobody else's `attempts/`."""

from __future__ import annotations

from pathlib import Path

import pytest

from attempts.run_folder import why_no_run_folder

SOURCES = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "left",
    [
        "run.json",
        "attempts/",
        "attempts/part-00000.parquet",
        "attempts/part-00000.parquet.tmp",
        "attempts/SHA256SUMS",
        "spool/",
        "spool/w0-000000.open",
    ],
)
def test_whatever_a_run_left_tells_its_folder(tmp_path: Path, left: str) -> None:
    path = tmp_path / left
    path.parent.mkdir(exist_ok=True)
    if left.endswith("/"):
        path.mkdir()
    else:
        path.touch()
    assert why_no_run_folder(tmp_path) == ""


@pytest.mark.parametrize("other", ["notes.txt", "attempts", "attempts/notes.txt", "spool", "spool/__init__.py"])
def test_something_else_of_that_name_is_no_run(tmp_path: Path, other: str) -> None:
    (tmp_path / other).parent.mkdir(exist_ok=True)
    (tmp_path / other).touch()
    assert why_no_run_folder(tmp_path).startswith(f"{tmp_path} is no run folder: ")


@pytest.mark.parametrize("package", [".", "attempts"])
def test_the_sources_of_wsoak_are_no_run(package: str) -> None:
    assert "is no run folder" in why_no_run_folder(SOURCES / package)
