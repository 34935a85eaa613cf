import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.server_log.lines import MOST_LINE_BYTES, LogError, chunks, lines


def zstd(content: bytes) -> bytes:
    packed = pa.compress(content, codec="zstd", asbytes=True)
    assert isinstance(packed, bytes)
    return packed


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd])
def test_a_file_is_unpacked_whatever_its_name_says(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    content = b"".join(b"line %d\n" % n for n in range(100_000))
    path = tmp_path / "server.log.1"
    path.write_bytes(pack(content))
    read = list(lines(chunks(path)))
    assert (len(read), read[0], read[-1]) == (100_000, b"line 0", b"line 99999")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd])
def test_progress_adds_up_to_the_file_on_the_disk(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    content = b"".join(b"line %d\n" % (n * n) for n in range(80_000))
    path = tmp_path / "server.log"
    path.write_bytes(pack(content))
    steps: list[int] = []
    assert b"".join(chunks(path, steps.append)) == content
    assert sum(steps) == path.stat().st_size
    assert len(steps) > 1


def test_a_file_that_is_cut_off_gives_its_beginning_and_then_says_so(tmp_path: Path) -> None:
    path = tmp_path / "server.log.gz"
    path.write_bytes(gzip.compress(b"".join(b"line %d\n" % (n * n) for n in range(200_000)))[:-500])
    read: list[bytes] = []
    with pytest.raises(LogError, match=r"server.log.gz cannot be read \(.*ended.*\): name files"):
        read.extend(chunks(path))
    assert read


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd])
def test_nothing_that_was_unpacked_before_an_error_is_lost(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    whole = b"".join(b"line %d\n" % (n * n) for n in range(80_000))
    packed = pack(whole)
    path = tmp_path / "server.log.1"
    path.write_bytes(packed[: len(packed) - 200])
    read: list[bytes] = []
    with pytest.raises(LogError):
        read.extend(chunks(path))
    # bzip2 and zstd unpack blocks of up to 900 kB and 128 kB, and of one that is not whole nothing.
    assert len(b"".join(read)) > len(whole) - 1_000_000
    assert whole.startswith(b"".join(read))


def test_of_a_small_file_that_is_cut_off_or_followed_by_rubbish_all_that_is_there_is_read(tmp_path: Path) -> None:
    packed = gzip.compress(b"line\n" * 50)
    for content, n in ((packed[:-8], 50), (packed + b"rubbish", 50)):
        path = tmp_path / "server.log.gz"
        path.write_bytes(content)
        read: list[bytes] = []
        with pytest.raises(LogError):
            read.extend(chunks(path))
        assert b"".join(read) == b"line\n" * n


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_what_windows_writes_is_read_as_utf_8(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "server.log"
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    path.write_bytes((mark + "2026-11-30 é \U0001f600\r\n" * 100_000).encode(encoding))
    assert set(lines(chunks(path))) == {"2026-11-30 é \U0001f600\r".encode()}


def test_half_a_character_of_utf_16_harms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_bytes("line\nli".encode("utf-16") + b"\x00\xd8\x00")
    assert next(lines(chunks(path))) == b"line"


def test_a_zip_archive_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("server.log", "line")
    with pytest.raises(LogError, match="cannot be read \\(it is a zip archive, which is not unpacked\\): name files"):
        list(chunks(path))


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"nowhere.log cannot be read \(No such file or directory\): name files"):
        list(chunks(tmp_path / "nowhere.log"))


def test_of_a_line_without_end_only_the_beginning_is_kept() -> None:
    pieces = [b"short\n" + b"x" * 1000, *[b"y" * (1 << 20)] * 3, b"end\nshort again\n"]
    read = list(lines(iter(pieces)))
    assert [len(line) for line in read] == [5, MOST_LINE_BYTES, 11]
    assert read[1].startswith(b"x" * 1000 + b"y")


@given(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line)), st.integers(1, 7))
def test_lines_are_the_same_however_they_are_cut(whole: list[bytes], size: int) -> None:
    content = b"".join(line + b"\n" for line in whole)
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    assert list(lines(iter(pieces))) == whole
