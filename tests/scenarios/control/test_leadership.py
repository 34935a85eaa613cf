from __future__ import annotations

import sys
from pathlib import Path

import pytest

from attempts.locks import leader_lock
from scenarios.control import leadership

held = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows lets nobody replace or remove a file that a process holds: it says so"
)


def test_a_run_is_led_until_its_leader_ends(tmp_path: Path) -> None:
    lead = leadership.begin(tmp_path)
    assert lead.is_mine and leadership.is_led(tmp_path)
    lead.end()
    assert not lead.is_mine and not leadership.is_led(tmp_path)
    assert not leader_lock(tmp_path).exists()
    lead.end()


@held
def test_whoever_takes_a_run_over_leads_it_and_the_last_one_takes_nothing_from_him(tmp_path: Path) -> None:
    first = leadership.begin(tmp_path)
    second = leadership.take_over(tmp_path)
    assert (first.is_mine, second.is_mine) == (False, True)
    first.end()
    assert second.is_mine and leadership.is_led(tmp_path)
    third = leadership.take_over(tmp_path)
    assert [lead.is_mine for lead in (first, second, third)] == [False, False, True]
    second.end()
    third.end()
    assert list(tmp_path.iterdir()) == []


@held
def test_a_folder_that_is_gone_is_led_by_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    lead = leadership.begin(folder)
    leader_lock(folder).unlink()
    folder.rmdir()
    assert not lead.is_mine
    lead.end()
