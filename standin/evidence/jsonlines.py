"""A file of JSON lines: log and ground truth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson


class WriteError(Exception):
    """A file of lines cannot be written; the text is one sentence."""


class JsonLines:
    """Collects lines and appends them to a file at each `flush`, so that a line costs no system call."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
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
            except OSError as error:
                raise WriteError(f"{self._path} cannot be written: {error.strerror}.") from None

    def close(self) -> None:
        """Write the rest and close the file."""
        try:
            self.flush()
        finally:
            self._file.close()
