"""What each Ctrl-C does, one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.control.interrupts import Interrupts


def test_the_first_ends_the_run_the_second_is_told_and_the_third_leaves(capsys: pytest.CaptureFixture[str]) -> None:
    ended: list[str] = []
    interrupts = Interrupts(lambda: ended.append("run"), is_ending=lambda: False, folder=lambda: Path("reports/a"))
    interrupts.interrupted()
    assert ended == ["run"]
    assert capsys.readouterr().err == ""
    interrupts.interrupted()
    assert "Ctrl-C once more leaves it as it is" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        interrupts.interrupted()
    assert end.value.code == 3
    assert ended == ["run"], "once"
    assert f"python -m analysis {Path('reports/a')}" in capsys.readouterr().err


def test_one_during_the_analysis_of_a_run_that_ended_by_itself_is_told_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Interrupts(pytest.fail, is_ending=lambda: True, folder=lambda: None).interrupted()
    assert "is being stored and analysed" in capsys.readouterr().err


def test_a_process_that_leads_no_run_names_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    interrupts = Interrupts(pytest.fail, is_ending=lambda: True, folder=lambda: None)
    interrupts.interrupted()
    capsys.readouterr()
    with pytest.raises(SystemExit):
        interrupts.interrupted()
    assert capsys.readouterr().err == ""
