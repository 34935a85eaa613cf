from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attempts.checksums import FILE_NAME, as_lines, check, digest_of, from_lines, list_files

names = st.from_regex(r"[a-z]+-[0-9]{5}\.parquet", fullmatch=True)
digests = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)


def listed(folder: Path) -> list[Path]:
    for name, content in (("a.parquet", b"rows"), ("b.parquet", b"more rows")):
        (folder / name).write_bytes(content)
    list_files(folder)
    return sorted(folder.glob("*.parquet"))


@given(st.dictionaries(names, digests))
def test_a_list_is_read_as_it_was_written(given: dict[str, str]) -> None:
    assert from_lines(as_lines(given)) == (given, True)


@given(st.dictionaries(names, digests, min_size=1), st.data())
def test_a_flipped_bit_of_the_list_itself_changes_what_it_says(given: dict[str, str], data: st.DataObject) -> None:
    content = bytearray(as_lines(given))
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    assert from_lines(bytes(content)) != (given, True)


def test_files_that_are_what_was_written_pass(tmp_path: Path) -> None:
    files = listed(tmp_path)
    assert check(tmp_path, files) == check(tmp_path, files)._replace(is_listed=True)
    assert not any(check(tmp_path, files)[1:])


def test_a_changed_a_missing_and_an_unlisted_file_are_told_apart(tmp_path: Path) -> None:
    listed(tmp_path)
    (tmp_path / "a.parquet").write_bytes(b"Rows")
    (tmp_path / "b.parquet").unlink()
    (tmp_path / "c.parquet").write_bytes(b"rows")
    found = check(tmp_path, sorted(tmp_path.glob("*.parquet")))
    assert found.changed == {"a.parquet"}
    assert found.missing == {"b.parquet"}
    assert found.unlisted == {"c.parquet"}


def test_a_file_that_goes_while_it_is_checked_is_missing(tmp_path: Path) -> None:
    files = listed(tmp_path)
    files[0].unlink()
    assert check(tmp_path, files).missing == {"a.parquet"}


def test_without_a_list_nothing_is_known(tmp_path: Path) -> None:
    assert not check(tmp_path, []).is_listed


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="there is no sha256sum(1) here")
def test_the_systems_own_program_reads_the_list(tmp_path: Path) -> None:
    files = listed(tmp_path)
    command = ["sha256sum", "--check", "--strict", FILE_NAME]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0
    written = subprocess.run(["sha256sum", files[0].name], cwd=tmp_path, capture_output=True).stdout
    assert written == as_lines({files[0].name: digest_of(files[0])})
    files[0].write_bytes(b"Rows")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 1
