from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from attempts.locks import Reading, lock_while_open, only_process, replacing

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


@pytest.mark.skipif(os.name == "nt", reason="folders have no locks there")
def test_files_are_not_replaced_while_somebody_reads_and_many_may_read(tmp_path: Path) -> None:
    with replacing(tmp_path) as may:
        assert may
    readings = [Reading(tmp_path), Reading(tmp_path)]
    for left in (2, 1, 0):
        with replacing(tmp_path) as may:
            assert may is (left == 0)
        if readings:
            readings.pop()


READ = """
import sys
from pathlib import Path
from attempts.locks import Reading
reading = Reading(Path(sys.argv[1]))
print("reading", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.name == "nt", reason="folders have no locks there")
def test_a_reader_that_was_killed_holds_nobody_up(tmp_path: Path) -> None:
    command = [sys.executable, "-c", READ, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        with replacing(tmp_path) as may:
            assert not may
        reader.kill()
    with replacing(tmp_path) as may:
        assert may


@pytest.mark.skipif(os.name == "nt", reason="folders have no locks there")
def test_a_reader_waits_until_the_files_are_replaced(tmp_path: Path) -> None:
    order: list[str] = []
    begun = threading.Event()

    def read() -> None:
        begun.set()
        reading = Reading(tmp_path)
        order.append("read")
        del reading

    reader = threading.Thread(target=read)
    with replacing(tmp_path) as may:
        assert may
        reader.start()
        begun.wait()
        with replacing(tmp_path) as other:
            assert not other, "two never replace at once"
        order.append("replaced")
    reader.join()
    assert order == ["replaced", "read"]


def test_a_folder_that_is_not_there_is_read_by_nobody_and_replaced_by_nobody(tmp_path: Path) -> None:
    Reading(tmp_path / "gone")
    with replacing(tmp_path / "gone") as may:
        assert not may
