"""Files of JSON lines."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from standin.evidence.jsonlines import JsonLines, WriteError


def test_lines_are_appended_at_the_flush(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lines"
    for number in range(2):
        file = JsonLines(path)
        file.add({"n": number})
        assert path.read_text().count("\n") == number
        file.flush()
        file.close()
    assert path.read_text() == '{"n":0}\n{"n":1}\n'


def test_a_line_that_a_killed_writer_left_unfinished_takes_no_other_with_it(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b'{"n":0}\n{"n":')
    file = JsonLines(path)
    file.add({"n": 2})
    file.close()
    assert path.read_text().splitlines() == ['{"n":0}', '{"n":', '{"n":2}']


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs the device that is always full")
def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    file = JsonLines(Path("/dev/full"))
    file.add({})
    with pytest.raises(WriteError, match="/dev/full cannot be written: No space left on device."):
        file.flush()
    file.close()
