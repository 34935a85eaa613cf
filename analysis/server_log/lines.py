"""A log file as lines of bounded length, plain or compressed, in bounded memory."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

# What a compressed file begins with: names lie, and rotation renames.
_GZIP: Final = b"\x1f\x8b"
_BZIP2: Final = b"BZh"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_XZ: Final = b"\xfd7zXZ\x00"
_ZIP: Final = b"PK\x03\x04"
# What the output of PowerShell and the editors of Windows begin with.
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
CHUNK_BYTES: Final = 1 << 20
# Arrow gives nothing of a piece in which a file is cut off: a small one costs little.
_ARROWS_BYTES: Final = 1 << 12
# No line of a log that anybody can join is longer; of one that is, the beginning is kept.
MOST_LINE_BYTES: Final = 1 << 18
Advance = Callable[[int], None]


class LogError(ValueError):
    """A log file or a format cannot be used: one sentence with the value, the rule and the way out."""


class FormatError(LogError):
    """It is the format that cannot be used."""


def chunks(path: Path, advance: Advance | None = None) -> Iterator[bytes]:
    """The file's content, decompressed and in UTF-8, a piece of any length at a time.

    Args:
        path: The file; gzip, bzip2, xz, zstd and UTF-16 are told by their first bytes.
        advance: Told the number of bytes of the file, as it lies on the disk, that were read since.

    Raises:
        LogError: It cannot be opened, or not be read or decompressed to its end; what comes before has been given.
    """
    try:
        yield from _in_utf8(_unpacked(path, advance))
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


def _unpacked(path: Path, advance: Advance | None) -> Iterator[bytes]:
    with path.open("rb") as raw:
        head = raw.read(8)
        raw.seek(0)
        file, position, size = _opened(path, raw, head)
        with file:
            done = 0
            # One read of what lies below at a time: an error in the next one then costs nothing of this one.
            while chunk := file.read1(size):  # type: ignore[attr-defined]
                if advance is not None:
                    at = position()
                    advance(at - done)
                    done = at
                yield chunk


def _opened(path: Path, raw: BinaryIO, head: bytes) -> tuple[BinaryIO, Callable[[], int], int]:
    """The file unpacked; how far it was read on the disk; and how much of it to read at a time."""
    if head.startswith(_ZIP):
        raise ValueError("it is a zip archive, which is not unpacked")
    if head.startswith(_ZSTD):
        import pyarrow as pa

        # By its path: Arrow and a file object of Python's do not end well together.
        packed = pa.OSFile(str(path))
        return pa.CompressedInputStream(packed, "zstd"), packed.tell, _ARROWS_BYTES
    return _decoding(raw, head), raw.tell, CHUNK_BYTES


def _decoding(raw: BinaryIO, head: bytes) -> BinaryIO:
    if head.startswith(_GZIP):
        return cast("BinaryIO", gzip.GzipFile(fileobj=raw))
    if head.startswith(_BZIP2):
        return cast("BinaryIO", bz2.BZ2File(raw))
    if head.startswith(_XZ):
        return cast("BinaryIO", lzma.LZMAFile(raw))
    return raw


def _in_utf8(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same text in UTF-8, without a byte order mark; only a mark tells UTF-16."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= len(codecs.BOM_UTF8):
            break
    if not head.startswith(_UTF_16):
        if head:
            yield head.removeprefix(codecs.BOM_UTF8)
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
    yield decoder.decode(head).encode()
    for piece in pieces:
        yield decoder.decode(piece).encode()
