"""A log in pieces: what is full gets a number, is compressed beside the work, and all of it is kept.

    standin.log        the newest lines
    standin.log.1.gz   the oldest ones; then .2.gz, .3.gz ...

A soak's log is evidence, so no piece is dropped, and none is renamed a second time: its number is its place. Killed at
any moment, each line is in one piece: a piece is compressed under a temporary name, and goes when the whole of it is
there; one that is there in both forms, or half, is put right when the log is opened again.
"""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path
from typing import Final

# A log's lines repeat themselves: the quickest level makes a fifteenth of them.
_LEVEL: Final = 1
_CHUNK: Final = 2**20
# A chunk takes some 10 ms of a core on which the server's answers are timed: three times that belong to them.
_PAUSE_S: Final = 0.03
_TEMPORARY: Final = ".tmp"


class Pieces:
    """The numbered pieces of one log.

    Args:
        path: The log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        for number, piece in self._plain().items():
            packed = self._packed(number)
            packed.with_name(packed.name + _TEMPORARY).unlink(missing_ok=True)
            if packed.exists():
                piece.unlink()

    def take(self) -> None:
        """Give the log, which is closed, the next number; the caller opens a new one. Returns at once.

        Raises:
            OSError: It cannot be renamed.
        """
        os.replace(self._path, self._path.with_name(f"{self._path.name}.{self._next_number()}"))
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._compress_all, name="log pieces", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop compressing, within a moment; what is not compressed stays as it is."""
        self._stopping.set()
        self.join()

    def join(self) -> None:
        """Wait until all pieces are compressed, or cannot be."""
        if self._thread is not None:
            self._thread.join()

    def _plain(self) -> dict[int, Path]:
        """The pieces that are not compressed, oldest first."""
        numbers = {number for number in self._numbers() if self._piece(number).exists()}
        return {number: self._piece(number) for number in sorted(numbers)}

    def _piece(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _packed(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}.gz")

    def _numbers(self) -> set[int]:
        texts = (
            p.name[len(self._path.name) + 1 :].partition(".")[0] for p in self._path.parent.iterdir() if self._is(p)
        )
        return {int(text) for text in texts if text.isascii() and text.isdecimal()}

    def _is(self, path: Path) -> bool:
        return path.name.startswith(self._path.name + ".")

    def _next_number(self) -> int:
        return max(self._numbers(), default=0) + 1

    def _compress_all(self) -> None:
        """Compress what is there, oldest first, until nothing is left, the disk refuses, or the server ends."""
        while (left := self._plain()) and not self._stopping.is_set():
            number = min(left)
            try:
                if not self._compress(left[number], self._packed(number)):
                    return
            except OSError:
                return  # evidence that is large is better than none; the next piece tries again

    def _compress(self, piece: Path, packed: Path) -> bool:
        """Put `packed` in the place of `piece`; False if the server ends before that."""
        temporary = packed.with_name(packed.name + _TEMPORARY)
        try:
            with open(piece, "rb") as source, open(temporary, "wb") as target:
                with gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=target, mtime=0) as file:
                    while chunk := source.read(_CHUNK):
                        if self._stopping.wait(_PAUSE_S):
                            return False
                        file.write(chunk)
                target.flush()
                os.fsync(target.fileno())
            os.replace(temporary, packed)
        finally:
            temporary.unlink(missing_ok=True)
        piece.unlink()
        return True
