"""How the load generators fare, all together and each worker, from literal seconds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.live import vitals
from analysis.live.document import GeneratorLoad, WorkerLoad
from analysis.live.vitals import Vitals, generator, none, total
from tests.analysis.run_folders import health


def read(folder: Path, seconds: pd.DataFrame) -> Vitals:
    seconds.to_parquet(folder / "part.parquet")
    return vitals.read(folder / "part.parquet")


def test_a_lag_is_known_within_a_bin_and_never_above_the_largest(tmp_path: Path) -> None:
    first = read(tmp_path, health(90, lag_s=0.01, cpu=0.4))
    assert generator(first).lag_p99_s == 0.01  # the bin's edge lies above all that was measured
    both = generator(total([first, read(tmp_path, health(2, workers=1, lag_s=2.0, cpu=0.9))]))
    assert both.lag_p99_s is not None
    assert 0.01 <= both.lag_p99_s <= 0.0113
    assert (both.lag_max_s, both.cpu_max) == (2.0, 0.9)
    beyond = generator(read(tmp_path, health(2, workers=1, lag_s=200.0)))
    assert (beyond.lag_p99_s, beyond.lag_max_s) == (200.0, 200.0)


def test_each_worker_has_its_own_and_the_latest_loop_comes_first(tmp_path: Path) -> None:
    seconds = health(100, workers=3)
    seconds.loc[seconds["worker"] == "w2", "loop_lag_s"] = 0.3
    seconds.loc[seconds.index[seconds["worker"] == "w1"][0], "loop_lag_s"] = 5.0  # one second of a hundred
    seconds.loc[seconds["worker"] == "w1", "cpu"] = 0.95
    late, once, good = generator(read(tmp_path, seconds)).workers
    assert late == WorkerLoad(worker="w2", lag_p99_s=0.3, lag_max_s=0.3, cpu_max=0.4)
    assert (once.worker, once.lag_max_s, once.cpu_max) == ("w1", 5.0, 0.95)
    assert once.lag_p99_s is not None and once.lag_p99_s < 0.0113
    assert good.worker == "w0"


def test_what_was_not_measured_is_none_and_comes_last(tmp_path: Path) -> None:
    seconds = health(3, workers=2)
    seconds.loc[seconds["worker"] == "w0", ["loop_lag_s", "cpu"]] = None
    found = generator(read(tmp_path, seconds))
    assert [one.worker for one in found.workers] == ["w1", "w0"]
    assert found.workers[1] == WorkerLoad(worker="w0", lag_p99_s=None, lag_max_s=None, cpu_max=None)
    assert found.lag_max_s == 0.01
    assert generator(none()) == generator(total([none(), none()])) == GeneratorLoad()


def test_of_a_large_fleet_the_worst_fifty_are_there_and_how_many_more(tmp_path: Path) -> None:
    seconds = health(2, workers=180)
    seconds.loc[seconds["worker"] == "w123", "loop_lag_s"] = 0.5
    found = generator(read(tmp_path, seconds))
    assert (len(found.workers), found.more_workers) == (50, 130)
    assert found.workers[0].worker == "w123"
