"""SHA-256 of a folder's files in the file `SHA256SUMS`, as sha256sum(1) writes and checks it.

A bit that flips on a disk or on the way of a copy changes values in silence: Parquet's pages carry checksums that
not every reader looks at. `sha256sum -c SHA256SUMS` in the folder says what `check` says.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

FILE_NAME: Final = "SHA256SUMS"
# Two spaces: its text mode, which is the binary one wherever we run.
_LINE: Final = re.compile(rb"([0-9a-f]{64})  ([^/\\\0\n]+)\n")


class Checked(NamedTuple):
    """What became of the files of one folder.

    Attributes:
        is_listed: Whether there is a list; without one nothing is known.
        changed: Files that are not what was written.
        missing: Files that are listed, and not there.
        unlisted: Files that are there, and not listed.
        is_damaged: A line of the list itself cannot be read.
    """

    is_listed: bool
    changed: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    unlisted: frozenset[str] = frozenset()
    is_damaged: bool = False


def digest_of(path: Path) -> str:
    """A file's SHA-256, in hexadecimal digits.

    Raises:
        OSError: It cannot be read.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def as_lines(digests: Mapping[str, str]) -> bytes:
    """The content of `SHA256SUMS`: a line a file, in the order of their names."""
    return b"".join(f"{digest}  {name}\n".encode() for name, digest in sorted(digests.items()))


def from_lines(content: bytes) -> tuple[dict[str, str], bool]:
    """The digests by file, and whether every byte was read as a line of them."""
    found = {name.decode(errors="replace"): digest.decode() for digest, name in _LINE.findall(content)}
    return found, as_lines(found) == content


def read_list(folder: Path) -> dict[str, str] | None:
    """What the folder's list says, as far as it can be read; None = there is no list."""
    try:
        return from_lines((folder / FILE_NAME).read_bytes())[0]
    except FileNotFoundError:
        return None


def write_list(folder: Path, digests: Mapping[str, str]) -> None:
    """Replace the folder's list in one step: a reader, or a crash, never sees half of it.

    Raises:
        OSError: The disk refused.
    """
    temporary = folder / f"{FILE_NAME}.tmp"
    with open(temporary, "wb") as file:
        file.write(as_lines(digests))
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, folder / FILE_NAME)


def list_files(folder: Path) -> None:
    """Write the list of the Parquet files that are in a folder now."""
    write_list(folder, {path.name: digest_of(path) for path in folder.glob("*.parquet")})


def check(folder: Path, files: Iterable[Path]) -> Checked:
    """Hold files of a folder against its list; every byte of them is read. A file that is gone meanwhile is missing."""
    try:
        listed, is_whole = from_lines((folder / FILE_NAME).read_bytes())
    except FileNotFoundError:
        return Checked(is_listed=False)
    names = {path.name for path in files}
    changed, gone = set(), set()
    for name in names & listed.keys():
        try:
            if digest_of(folder / name) != listed[name]:
                changed.add(name)
        except FileNotFoundError:
            gone.add(name)
        except OSError:
            changed.add(name)
    return Checked(
        is_listed=True,
        changed=frozenset(changed),
        missing=frozenset(listed.keys() - names | gone),
        unlisted=frozenset(names - listed.keys()),
        is_damaged=not is_whole,
    )
