"""A file of JSON lines: log and ground truth."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from standin.evidence.rotation import Pieces


class WriteError(Exception):
    """A file of lines cannot be written; the text is one sentence."""


class JsonLines:
    """Collects lines and appends them to a file at each `flush`, so that a line costs no system call.

    Args:
        path: The file, which is appended to.
        max_bytes: A file that is so large becomes a piece (`rotation`), and a new one begins; 0 = never.
    """

    def __init__(self, path: Path, *, max_bytes: int = 0) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._max_bytes = max_bytes
        self._pieces = Pieces(path) if max_bytes else None
        self._file = path.open("ab", buffering=0)
        if _is_cut_short(path):
            self._file.write(b"\n")  # a writer before this one was killed: its last line is lost, and not ours with it
        self._waiting: list[bytes] = []

    def add(self, line: Mapping[str, Any]) -> None:
        """Take a line; it is in the file after the next `flush`."""
        self._waiting.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    def flush(self) -> None:
        """Write what has been taken.

        Raises:
            WriteError: It cannot be written.
        """
        if self._waiting:
            lines, self._waiting = self._waiting, []
            data = memoryview(b"".join(lines))
            try:
                while data:
                    data = data[self._file.write(data) :]
                if self._pieces is not None and self._file.tell() >= self._max_bytes:
                    self._file.close()
                    self._pieces.take()
                    self._file = self._path.open("ab", buffering=0)
            except OSError as error:
                raise WriteError(f"{self._path} cannot be written: {error.strerror}.") from None

    def close(self) -> None:
        """Write the rest and close the file."""
        try:
            self.flush()
        finally:
            self._file.close()
            if self._pieces is not None:
                self._pieces.close()


def _is_cut_short(path: Path) -> bool:
    """Whether a file ends in the middle of a line."""
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
