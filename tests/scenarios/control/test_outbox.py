from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.control.outbox import GB, LEAST_FREE_GB, Fill, fill_of, why_full

FOLDER = Path("reports/.outbox/run/worker")


def test_an_outbox_below_its_limit_on_a_disk_with_room_is_not_full() -> None:
    assert why_full(Fill(held=2 * GB - 1, free=GB), limit_gb=2.0, folder=FOLDER) == ""


def test_an_outbox_at_its_limit_is_full_and_the_sentence_has_the_option() -> None:
    why = why_full(Fill(held=2 * GB, free=100 * GB), limit_gb=2.0, folder=FOLDER)
    assert f"in {FOLDER} have reached 2 GB, the limit of --outbox-gb 2" in why


@pytest.mark.parametrize("limit_gb", [2.0, 1000.0])
def test_a_disk_with_little_room_is_full_whatever_the_limit(limit_gb: float) -> None:
    why = why_full(Fill(held=0, free=round(LEAST_FREE_GB * GB) - 1), limit_gb=limit_gb, folder=FOLDER)
    assert why.startswith(f"The disk of {FOLDER} has 0.25 GB left")


def test_what_a_folder_holds_is_the_size_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.spool").write_bytes(b"x" * 1000)
    (tmp_path / "b.open").write_bytes(b"x" * 500)
    fill = fill_of(tmp_path)
    assert fill.held == 1500
    assert fill.free > 0
