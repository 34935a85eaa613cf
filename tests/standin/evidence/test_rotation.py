from __future__ import annotations

import gzip
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from standin.evidence import rotation
from standin.evidence.jsonlines import JsonLines, WriteError
from standin.evidence.rotation import Pieces


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "_PAUSE_S", 0.0)


def written(folder: Path) -> list[int]:
    """The numbers of all lines, piece by piece, as a reader of the pieces would find them."""
    pieces = [path for path in folder.iterdir() if path.name != "log"]
    pieces.sort(key=lambda path: int(path.name.split(".")[1]))
    texts = [gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes() for p in pieces]
    newest = folder / "log"
    texts += [newest.read_bytes()] if newest.exists() else []
    return [orjson.loads(line)["n"] for text in texts for line in text.splitlines()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_full_log_is_numbered_compressed_and_followed_by_a_new_one(tmp_path: Path) -> None:
    file = JsonLines(tmp_path / "log", max_bytes=100)
    pieces = file._pieces
    assert pieces is not None
    for number in range(30):
        file.add({"n": number})
        file.flush()
        pieces.join()
    file.close()
    assert names(tmp_path) == ["log", "log.1.gz", "log.2.gz"]
    assert written(tmp_path) == list(range(30))


def test_a_log_that_may_grow_is_one_file(tmp_path: Path) -> None:
    file = JsonLines(tmp_path / "log")
    for number in range(30):
        file.add({"n": number})
        file.flush()
    file.close()
    assert names(tmp_path) == ["log"]


def test_the_next_life_of_a_server_goes_on_with_the_next_number(tmp_path: Path) -> None:
    for number in range(3):
        file = JsonLines(tmp_path / "log", max_bytes=1)
        file.add({"n": number})
        file.flush()
        assert file._pieces is not None
        file._pieces.join()
        file.close()
    assert names(tmp_path) == ["log", "log.1.gz", "log.2.gz", "log.3.gz"]
    assert written(tmp_path) == [0, 1, 2]


def test_an_end_does_not_wait_for_what_is_not_compressed_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "_PAUSE_S", 3600.0)
    file = JsonLines(tmp_path / "log", max_bytes=1)
    for number in range(2):
        file.add({"n": number})
        file.flush()
    file.close()
    assert names(tmp_path) == ["log", "log.1", "log.2"]
    assert written(tmp_path) == [0, 1]


def test_a_disk_that_is_full_for_the_compressed_piece_leaves_the_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    file = JsonLines(tmp_path / "log", max_bytes=1)
    assert file._pieces is not None
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        file.add({"n": 0})
        file.flush()
        file._pieces.join()
    assert names(tmp_path) == ["log", "log.1"]
    file.add({"n": 1})
    file.flush()
    file._pieces.join()
    file.close()
    assert names(tmp_path) == ["log", "log.1.gz", "log.2.gz"], "the next piece tries again"


def test_a_log_that_cannot_be_renamed_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(13, "Permission denied")

    file = JsonLines(tmp_path / "log", max_bytes=1)
    monkeypatch.setattr(os, "replace", refuse)
    file.add({"n": 0})
    with pytest.raises(WriteError, match="log cannot be written: Permission denied"):
        file.flush()


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("change", range(5))
def test_killed_at_any_moment_each_line_is_in_one_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: int
) -> None:
    """Before its n-th change to the disk: renamed, synced, in its place, gone."""
    (tmp_path / "log").write_bytes(b'{"n":0}\n')
    pieces = Pieces(tmp_path / "log")
    monkeypatch.setattr(threading.Thread, "start", lambda _: None)
    left = [change]

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def count(*args: Any, **kwargs: Any) -> Any:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return step(*args, **kwargs)

        return count

    with monkeypatch.context() as patch:
        for owner, name in ((os, "replace"), (os, "fsync"), (Path, "unlink")):
            patch.setattr(owner, name, counted(getattr(owner, name)))
        try:
            pieces.take()
            pieces._compress_all()
        except Killed:
            pass
    Pieces(tmp_path / "log")
    assert written(tmp_path) == [0]
    assert not list(tmp_path.glob("*.tmp"))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=20), st.integers(1, 400))
def test_no_line_is_lost_or_out_of_order_whatever_the_sizes(
    tmp_path_factory: pytest.TempPathFactory, batches: list[int], max_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    file = JsonLines(folder / "log", max_bytes=max_bytes)
    number = 0
    for batch in batches:
        for _ in range(batch):
            file.add({"n": number})
            number += 1
        file.flush()
    file.close()
    assert written(folder) == list(range(number))
