"""Which process leads a run: the only one that may write its `run.json`, store its rows and end it.

A leader holds a locked file in the run's folder for as long as it leads. Another may put a file of its own in that
place (`take_over`): a leader that was frozen meanwhile, a suspended machine or a stopped process, finds on waking that
the file at the path is no longer the one that it holds, and has nothing more to do with the run.
"""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from attempts.locks import is_held, leader_lock, lock_while_open


class Leadership:
    """The right to lead a run, while nobody has taken it over.

    Args:
        folder: The run's.
        file: Its lock, which this process holds.
    """

    def __init__(self, folder: Path, file: BinaryIO) -> None:
        self._path = leader_lock(folder)
        self._file = file

    @property
    def is_mine(self) -> bool:
        """Whether this process still leads the run."""
        if self._file.closed:
            return False
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._path))
        except OSError:
            return False

    def end(self) -> None:
        """The run needs no leader any more. Safe to call again, and when another one leads it."""
        is_mine = self.is_mine
        self._file.close()
        if is_mine:
            with contextlib.suppress(OSError):
                self._path.unlink()


def begin(folder: Path) -> Leadership:
    """Lead a run that nobody leads.

    Raises:
        OSError: The disk refused.
    """
    return _put(folder, leader_lock(folder))


def take_over(folder: Path) -> Leadership:
    """Lead a run in the place of whoever leads it: he can write nothing from here on.

    Raises:
        OSError: The disk refused, or this system does not let a file be replaced that a process holds.
    """
    path = leader_lock(folder)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    mine = _put(folder, beside)
    try:
        os.replace(beside, path)
    except OSError:
        mine.end()
        beside.unlink(missing_ok=True)
        raise
    return mine


def is_led(folder: Path) -> bool:
    """Whether a process that lives, awake or frozen, leads the run."""
    return is_held(leader_lock(folder))


def leader_words(folder: Path) -> str:
    """Who leads it, as an apposition: "process 4711 on host build-3"; for when nobody can tell, "another process"."""
    try:
        said: Any = msgspec.json.decode(leader_lock(folder).read_bytes())
        return f"process {int(said['pid'])} on host {str(said['host'])[:100]!r}"
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError):
        return "another process"


def _put(folder: Path, path: Path) -> Leadership:
    file = open(path, "wb", buffering=0)  # noqa: SIM115 - held for as long as the run is led
    lock_while_open(file)
    file.write(msgspec.json.encode({"pid": os.getpid(), "host": socket.gethostname()}))
    return Leadership(folder, file)
