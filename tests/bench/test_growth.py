from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from bench.growth import BOUNDS, Measured, as_text, lines, main, read, read_folder, role

EVERY_S = 5.0
READINGS = 360


def readings(part: str, quantity: str, value: Callable[[float], float]) -> list[Measured]:
    """Half an hour of readings; `value` is of the hours since the start."""
    return [Measured(n * EVERY_S, part, quantity, value(n * EVERY_S / 3600)) for n in range(READINGS)]


def test_what_grows_faster_than_its_bound_is_named_and_what_stays_is_not() -> None:
    fast = BOUNDS["rss MB"] * 2
    table = lines(
        [
            *readings("master", "rss MB", lambda hours: 100 + fast * hours),
            *readings("store", "rss MB", lambda hours: 100 + hours),
            *readings("folder", "size MB", lambda hours: 500 * hours),
        ]
    )
    assert [(line.part, line.grows) for line in table] == [("master", True), ("store", False), ("folder", False)]
    assert table[0].slope.per_hour == pytest.approx(fast)
    assert [text.endswith("grows") for text in as_text(table).splitlines()] == [False, True, False, False]


def test_a_step_during_the_warm_up_is_no_growth() -> None:
    table = lines(readings("worker 1", "rss MB", lambda hours: 60 if hours < 0.08 else 90))
    assert (table[0].first, table[0].grows) == (90, False)
    assert table[0].slope.per_hour == pytest.approx(0, abs=1e-6)


def test_a_part_that_was_seen_too_seldom_has_no_line() -> None:
    late = readings("relay", "threads", lambda _: 1)[-10:]
    assert lines([*readings("master", "threads", lambda _: 1), *late]) == lines(
        readings("master", "threads", lambda _: 1)
    )


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["python", "-m", "attempts.store", "reports/x", "--follow"], "store"),
        (["python", "-m", "standin", "--port", "1"], "stand-in"),
        (["python", "-m", "locust", "-m", "standin"], "stand-in"),
        (["python", "-m", "analysis"], None),
        (["standin"], None),
        ([], None),
    ],
)
def test_a_child_is_known_by_the_module_that_it_runs(command: list[str], expected: str | None) -> None:
    assert role(command) == expected


def test_a_process_is_read_in_all_quantities_that_have_a_bound() -> None:
    seen = {one.quantity: one.value for one in read("me", psutil.Process(), 1.0)}
    assert set(seen) == set(BOUNDS)
    assert seen["rss MB"] > 1
    assert seen["descriptors"] >= 3


def test_a_folder_is_read_with_all_below_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "rows").write_bytes(bytes(2**20))
    (tmp_path / "b").write_bytes(b"")
    assert [(one.quantity, one.value) for one in read_folder(tmp_path, 1.0)] == [("size MB", 1.0), ("files", 2)]


def test_too_short_a_soak_is_refused_before_it_starts(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--minutes", "1"])
    assert "--minutes is 1" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_small_fleet_is_measured_part_by_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(
        ["--minutes", "0.6", "--users", "6", "--every-s", "1", "--keep", str(tmp_path), "--", "--probe-every-s", "5"]
    )
    table = capsys.readouterr().out
    # Half a minute is all warm-up: something may well grow.
    assert status in (0, 1)
    parts = {line.split("  ")[0] for line in table.splitlines()[2:]}
    assert parts == {"master", "worker 1", "worker 2", "store", "stand-in", "folder"}
    assert (tmp_path / "readings.csv").read_text().startswith("seconds,part,quantity,value")
    assert len(list((tmp_path / "growth" / "attempts").glob("*.parquet"))) > 0
    assert os.path.getsize(tmp_path / "growth" / "run.json") > 0
