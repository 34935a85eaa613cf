"""What each Ctrl-C, SIGTERM and SIGHUP does, one after the other."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from scenarios.control.interrupts import Interrupts


def test_the_first_ends_the_run_and_says_what_the_second_does(capsys: pytest.CaptureFixture[str]) -> None:
    ended: list[str] = []
    left: list[object] = []
    interrupts = Interrupts(
        lambda: ended.append("run"),
        is_ending=lambda: False,
        folder=lambda: Path("reports/a"),
        leave_unjudged=lambda: left.append("unjudged"),
        leave=left.append,
    )
    interrupts.interrupted()
    assert ended == ["run"]
    assert "Ctrl-C once more leaves it as it is" in capsys.readouterr().err
    assert not left
    interrupts.interrupted()
    assert left == ["unjudged", 3], "nobody judges the run when this process is gone"
    assert ended == ["run"], "once"
    assert f"python -m analysis {Path('reports/a')}" in capsys.readouterr().err


def test_one_during_the_analysis_of_a_run_that_ended_by_itself_is_told_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = Path("reports/a")
    Interrupts(pytest.fail, is_ending=lambda: True, folder=lambda: folder, leave_unjudged=pytest.fail).interrupted()
    assert "stored and analysed" in capsys.readouterr().err


def test_after_the_verdict_nothing_is_said_of_a_run_that_is_being_analysed(capsys: pytest.CaptureFixture[str]) -> None:
    Interrupts(pytest.fail, is_ending=lambda: True, folder=lambda: None, leave_unjudged=pytest.fail).interrupted()
    assert capsys.readouterr().err == ""


def test_a_process_that_leads_no_run_names_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    left: list[int] = []
    interrupts = Interrupts(
        pytest.fail, is_ending=lambda: True, folder=lambda: None, leave_unjudged=lambda: None, leave=left.append
    )
    interrupts.interrupted()
    capsys.readouterr()
    interrupts.interrupted()
    assert left == [3]
    assert capsys.readouterr().err == ""


def test_a_sigterm_ends_the_run_in_order_and_a_run_that_is_ending_goes_on_doing_so() -> None:
    ended: list[str] = []
    Interrupts(
        lambda: ended.append("run"), is_ending=lambda: False, folder=lambda: None, leave_unjudged=pytest.fail
    ).terminated()
    Interrupts(pytest.fail, is_ending=lambda: True, folder=lambda: None, leave_unjudged=pytest.fail).terminated()
    assert ended == ["run"]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_a_closed_terminal_ends_the_run_as_sigterm_does_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    interrupts = Interrupts(pytest.fail, is_ending=lambda: False, folder=lambda: None, leave_unjudged=pytest.fail)
    interrupts.hung_up()
    interrupts.hung_up()  # the shell says it, too
    assert sent == [(os.getpid(), signal.SIGTERM)]
