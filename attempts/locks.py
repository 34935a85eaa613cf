"""File locks that end with their process, however that ends."""

from __future__ import annotations

import contextlib
import os
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def lock_while_open(file: BinaryIO) -> bool:
    """Mark a file as in use until it is closed or its process ends; False if another one holds it.

    A file system without locks says True: nobody can tell there, and nobody else is expected.
    """
    if sys.platform == "win32":
        import msvcrt

        try:
            # Far behind any content: Windows forbids others to read the bytes that are locked.
            file.seek(2**40)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            file.seek(0, os.SEEK_END)
        return True
    import fcntl

    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


@contextlib.contextmanager
def only_process(path: Path) -> Iterator[bool]:
    """Whether this is the only process inside the block; the file `path` exists while it is."""
    with open(path, "ab", buffering=0) as file:
        mine = lock_while_open(file) and _is_same(file, path)
        try:
            yield mine
        finally:
            if mine and sys.platform != "win32":
                path.unlink(missing_ok=True)
    if mine and sys.platform == "win32":
        with contextlib.suppress(OSError):  # somebody opened it meanwhile: it is theirs to remove
            path.unlink()


class Reading:
    """Says of a folder, from now on until this object is gone, that somebody reads it file by file.

    Waits while files are being replaced (milliseconds). Where a folder cannot be locked it says nothing, and nobody
    waits: Windows, and some network file systems.
    """

    def __init__(self, folder: Path) -> None:
        descriptor = _open_folder(folder)
        if descriptor is None:
            return
        weakref.finalize(self, os.close, descriptor)
        if sys.platform != "win32":
            import fcntl

            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_SH)


@contextlib.contextmanager
def replacing(folder: Path) -> Iterator[bool]:
    """Whether files of a folder may be replaced in the block: not while somebody reads, nor where nobody can tell."""
    descriptor = _open_folder(folder)
    if descriptor is None:
        yield False
        return
    try:
        yield _is_locked_alone(descriptor)
    finally:
        os.close(descriptor)


def store_lock(run: Path) -> Path:
    """What a store holds while it is at work in a run's folder; as long as a run goes on one is."""
    return run / "spool" / "store.lock"


def leader_lock(run: Path) -> Path:
    """What the process that leads a run holds until the run is analysed: nobody else writes its `run.json`."""
    return run / "leader.lock"


def is_held(path: Path) -> bool:
    """Whether some process is inside `only_process(path)`. It may have left by the time one hears of it."""
    try:
        with open(path, "rb+", buffering=0) as file:
            return not lock_while_open(file)
    except OSError:
        return False


def _open_folder(folder: Path) -> int | None:
    """A descriptor of the folder itself; None where there are none."""
    if sys.platform == "win32":
        return None
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None


def _is_locked_alone(descriptor: int) -> bool:
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_same(file: BinaryIO, path: Path) -> bool:
    """The file is still the one at its path: its last holder may have removed it just after we opened it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False
