"""The analysis beside a run as its leader sees it: never needed, and never waited for while the run goes on."""

from __future__ import annotations

import gc
import sys
import warnings
from typing import cast

import pytest

from scenarios.control import live_analysis as module
from scenarios.control.child_process import Child, start_child
from scenarios.control.live_analysis import LiveAnalysis


class ScriptedChild:
    """A live analysis that answers as it is told to, and writes down what it hears."""

    def __init__(self, *, answers: str = "begun", ends: int | None = 1, exit_status: int | None = None) -> None:
        self.heard: list[str] = []
        self.exit_status = exit_status
        self._answers, self._ends = answers, ends

    def tell(self, word: str) -> None:
        self.heard.append(word)

    def line(self, timeout_s: float) -> str:
        return self._answers

    def finish(self, timeout_s: float) -> tuple[int | None, str]:
        return self._ends, "Service levels breached.\n"

    def stop(self) -> int:
        self.heard.append("(stopped)")
        return 0

    def kill(self) -> None:
        self.heard.append("(killed)")


def beside(child: ScriptedChild) -> LiveAnalysis:
    return LiveAnalysis(cast(Child, child))


@pytest.mark.parametrize("status", [0, 1, 3])
def test_it_is_told_of_the_end_and_makes_the_verdict(status: int, capsys: pytest.CaptureFixture[str]) -> None:
    child = ScriptedChild(ends=status)
    live = beside(child)
    live.watch()
    live.storing()
    assert live.verdict(9.0) == (status, "Service levels breached.\n")
    assert child.heard == ["storing", "finish"]
    assert capsys.readouterr().err == "wsoak: analysing ...\n"
    assert live.verdict(9.0) is None


def test_it_says_how_long_its_last_look_took_and_hears_how_wide_the_terminal_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "as_shown", lambda: {"COLUMNS": "66"})
    child = ScriptedChild(answers="begun 4.8")
    assert beside(child).verdict(9.0) is not None
    assert child.heard == ["finish 66"]
    assert capsys.readouterr().err == "wsoak: analysing, about 5 s ...\n"


@pytest.mark.parametrize(
    ("child", "why"),
    [
        (ScriptedChild(exit_status=-9), "the live analysis was killed by SIGKILL:"),
        (ScriptedChild(answers=""), "the live analysis did not answer"),
        (ScriptedChild(ends=2), "the live analysis ended with exit status 2:"),
        (ScriptedChild(ends=None), "the live analysis has not ended:"),
    ],
)
def test_where_it_makes_no_verdict_one_sentence_says_so_and_it_is_gone(
    child: ScriptedChild, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    live = beside(child)
    assert live.verdict(9.0) is None
    said = capsys.readouterr().err
    assert why in said and said.removeprefix("wsoak: analysing ...\n").count("\n") == 1
    assert "analysed at its end, by a process of its own" in said
    assert child.heard[-1] == "(stopped)"
    live.watch()
    live.storing()
    live.stop()
    assert (live.verdict(9.0), capsys.readouterr().err) == (None, "")


def test_what_cannot_be_started_is_done_without(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> Child:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(module, "start_child", refuse)
    live = LiveAnalysis.started(["reports/r"], secret_variables=frozenset())
    assert live.verdict(9.0) is None
    assert "cannot be started (Cannot allocate memory)" in capsys.readouterr().err


def test_it_is_started_with_the_arguments_of_the_analysis_and_without_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MINE", "secret")
    seen: list[object] = []

    def start(name: str, command: list[str], *, environment: dict[str, str], wait_ready: bool) -> Child:
        seen.extend([command[1:], "MINE" in environment, wait_ready])
        return cast(Child, ScriptedChild())

    monkeypatch.setattr(module, "start_child", start)
    LiveAnalysis.started(["reports/r", "--margin=0.01"], secret_variables=frozenset({"MINE"}))
    assert seen == [["-m", "analysis.live", "reports/r", "--margin=0.01"], False, False]


def test_a_child_hears_lines_and_answers_in_lines_and_one_that_is_gone_hears_nothing() -> None:
    child = start_child("echo", [sys.executable, "-c", "print(input()); print(input())"], wait_ready=False)
    child.tell("storing")
    assert child.line(60.0) == "storing"
    child.tell("finish")
    assert child.finish(60.0) == (0, "finish\n")
    child.tell("more")
    gone = start_child("gone", [sys.executable, "-c", ""], wait_ready=False)
    assert gone.line(60.0) == ""
    assert gone.stop() == 0


def test_a_child_that_has_ended_leaves_no_file_open() -> None:
    child = start_child("echo", [sys.executable, "-c", "print(input())"], wait_ready=False)
    child.tell("finish")
    assert child.finish(60.0) == (0, "finish\n")
    with warnings.catch_warnings(record=True) as left:
        warnings.simplefilter("always", ResourceWarning)
        del child
        gc.collect()
    assert [str(warning.message) for warning in left] == []


def test_whoever_leaves_the_run_kills_it_and_waits_for_nothing() -> None:
    child = ScriptedChild()
    beside(child).kill()
    LiveAnalysis().kill()
    assert child.heard == ["(killed)"]
