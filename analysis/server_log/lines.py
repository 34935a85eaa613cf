"""A log file as lines of bounded length, plain or compressed, in bounded memory."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

# What a compressed file begins with: names lie, and rotation renames.
_GZIP: Final = b"\x1f\x8b"
_BZIP2: Final = b"BZh"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_XZ: Final = b"\xfd7zXZ\x00"
CHUNK_BYTES: Final = 1 << 20
# No line of a log that anybody can join is longer; of one that is, the beginning is kept.
MOST_LINE_BYTES: Final = 1 << 18
Advance = Callable[[int], None]


class LogError(ValueError):
    """A log file or a format cannot be used: one sentence with the value, the rule and the way out."""


class FormatError(LogError):
    """It is the format that cannot be used."""


def chunks(path: Path, advance: Advance | None = None) -> Iterator[bytes]:
    """The file's content, decompressed, a piece at a time.

    Args:
        path: The file; gzip, bzip2, xz and zstd are told by their first bytes.
        advance: Told the number of bytes of the file, as it lies on the disk, that were read since.

    Raises:
        LogError: It cannot be opened, or not be read or decompressed to its end.
    """
    try:
        with path.open("rb") as raw, _opened(path, raw) as file:
            done = 0
            while chunk := file.read(CHUNK_BYTES):
                if advance is not None:
                    at = _position(raw, file)
                    advance(at - done)
                    done = at
                yield chunk
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        said = f"{path} cannot be read ({reason.rstrip('.')}): name files of log lines that are whole."
        raise LogError(said) from None


def lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Whole lines without their ends; of one that is longer than `MOST_LINE_BYTES` the beginning."""
    rest = b""
    is_cut = False
    for piece in pieces:
        parts = piece.split(b"\n")
        if len(parts) == 1:
            if len(rest) < MOST_LINE_BYTES:
                rest += parts[0]
            is_cut = len(rest) >= MOST_LINE_BYTES
            continue
        yield (rest if is_cut else rest + parts[0])[:MOST_LINE_BYTES]
        for part in parts[1:-1]:
            yield part[:MOST_LINE_BYTES]
        rest, is_cut = parts[-1], len(parts[-1]) >= MOST_LINE_BYTES
    if rest:
        yield rest[:MOST_LINE_BYTES]


def _opened(path: Path, raw: BinaryIO) -> BinaryIO:
    head = raw.read(8)
    raw.seek(0)
    if head.startswith(_GZIP):
        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]
    if head.startswith(_BZIP2):
        return bz2.BZ2File(raw)  # type: ignore[return-value]
    if head.startswith(_XZ):
        return lzma.LZMAFile(raw)  # type: ignore[return-value]
    if head.startswith(_ZSTD):
        import pyarrow as pa

        # By its path: Arrow and a file object of Python's do not end well together.
        file: BinaryIO = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
        return file
    return raw


def _position(raw: BinaryIO, file: BinaryIO) -> int:
    """How far the file on the disk was read; what Arrow reads by itself is told by its content."""
    return raw.tell() or file.tell()
