from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from attempts.locks import lock_while_open, only_process

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from attempts.locks import lock_while_open
file = open(sys.argv[1], "ab")
print(lock_while_open(file), flush=True)
sys.stdin.read()
"""


def test_lock_ends_with_the_process_that_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        with open(path, "rb+") as file:
            assert not lock_while_open(file)
        holder.kill()
    with open(path, "rb+") as file:
        assert lock_while_open(file)


def test_only_one_is_inside_and_the_mark_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with only_process(path) as first:
        assert first
        with only_process(path) as second:
            assert not second
        assert path.exists()
    assert not path.exists()
    with only_process(path) as again:
        assert again


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_mark_that_was_removed_under_the_lock_is_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"

    def removed_meanwhile(file: object) -> bool:
        path.unlink()
        return True

    monkeypatch.setattr("attempts.locks.lock_while_open", removed_meanwhile)
    with only_process(path) as is_mine:
        assert not is_mine
