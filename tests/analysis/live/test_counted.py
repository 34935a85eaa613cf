"""Files are counted once, in whatever order they come, and as what they are joined to."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis.live import counted as module
from analysis.live.counted import Counted
from analysis.live.document import GeneratorLoad
from analysis.live.vitals import generator
from analysis.reduction.tallies import Tally, read
from analysis.runs.dataset import attempts_table, open_runs
from tests.analysis.run_folders import attempts, health, write_attempts


def whole(folder: Path) -> Tally:
    return read(attempts_table(open_runs([folder])))


def assert_same(mine: Tally, other: Tally) -> None:
    pd.testing.assert_frame_equal(mine.cells, other.cells)
    pd.testing.assert_frame_equal(mine.slots, other.slots)


def test_a_file_is_read_once_and_what_it_was_joined_to_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    tally_of = module._tally

    def tally(path: Path) -> Tally:
        seen.append(path.name)
        return tally_of(path)

    monkeypatch.setattr(module, "_tally", tally)
    rows, counted = attempts(600, timeouts=0.05), Counted(tmp_path)
    assert not counted.refresh()
    for number, part in ((1, rows[200:400]), (0, rows[:200])):
        write_attempts(tmp_path / "attempts" / f"part-{number:05}.parquet", part)
        assert counted.refresh()
        assert not counted.refresh()
    assert seen == ["part-00001.parquet", "part-00000.parquet"]
    assert_same(counted.tally, whole(tmp_path))
    before = counted.tally
    write_attempts(tmp_path / "attempts" / "rows-00000.parquet", rows[:400])
    for path in (tmp_path / "attempts").glob("part-*"):
        path.unlink()
    assert counted.refresh()
    assert_same(counted.tally, before)


def test_a_file_that_cannot_be_read_is_named_and_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "attempts" / "part-00000.parquet"
    path.parent.mkdir()
    path.write_bytes(b"no Parquet")
    counted = Counted(tmp_path)
    counted.refresh()
    assert list(counted.unreadable) == ["attempts/part-00000.parquet"]
    write_attempts(path, attempts(100))
    assert counted.refresh()
    assert not counted.unreadable
    assert counted.tally.cells["n"].sum() == 100


def test_the_vitals_of_all_files_are_together(tmp_path: Path) -> None:
    counted = Counted(tmp_path)
    counted.refresh()
    assert generator(counted.vitals) == GeneratorLoad()
    (tmp_path / "health").mkdir()
    for number, lag_s in enumerate((0.01, 2.0)):
        health(2, workers=1, lag_s=lag_s).to_parquet(tmp_path / "health" / f"part-{number:05}.parquet")
        assert counted.refresh()
    assert [(one.worker, one.lag_max_s) for one in generator(counted.vitals).workers] == [("w0", 2.0)]
