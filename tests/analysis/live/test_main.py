"""What the leader says, and what the process beside the run does of it."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from analysis.live.__main__ import BEGUN, FINISH, STORING, main, stay
from analysis.live.resident import Resident


class Scripted:
    """A resident that writes down what it is told, and puts the next word in when it is idle."""

    def __init__(self, words: queue.Queue[str], *later: str) -> None:
        self.did: list[str] = []
        self.last_look_s: float | None = None
        self._words, self._later = words, list(later)

    def begin(self) -> None:
        self.did.append("begin")

    def step(self) -> None:
        self.did.append("step")
        self._words.put(self._later.pop(0))

    def storing(self) -> None:
        self.did.append("storing")

    def finish(self) -> int:
        self.did.append("finish")
        return 1


@pytest.mark.parametrize(
    ("later", "did", "status"),
    [
        ([STORING], ["begin", "step", "storing", "finish"], 1),
        ([FINISH], ["begin", "step", "finish"], 1),
        (["anything", ""], ["begin", "step", "step"], 0),
    ],
)
def test_the_leaders_words_are_done(
    later: list[str], did: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    words: queue.Queue[str] = queue.Queue()
    scripted = Scripted(words, *later)
    if STORING in later:

        def storing() -> None:
            scripted.did.append("storing")
            words.put(FINISH)

        scripted.storing = storing  # type: ignore[method-assign]
    assert stay(cast(Resident, scripted), words, poll_s=0.0) == status
    assert scripted.did == did
    assert capsys.readouterr().out == (f"{BEGUN}\n" if status else "")


def test_it_answers_with_what_the_last_look_took_and_takes_the_terminals_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words: queue.Queue[str] = queue.Queue()
    scripted = Scripted(words, f"{FINISH} 66")
    scripted.last_look_s = 4.81
    assert stay(cast(Resident, scripted), words, poll_s=0.0) == 1
    assert capsys.readouterr().out == f"{BEGUN} 4.8\n"
    assert os.environ["COLUMNS"] == "66"


def test_a_call_without_a_run_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == main(["--margin=1"]) == 2
    assert "needs a run folder" in capsys.readouterr().err


def test_it_ends_when_its_leader_has_left(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "analysis.live", str(tmp_path)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    assert (tmp_path / "live.json").is_file()
