from __future__ import annotations

import os
from pathlib import Path

import pytest

from analysis.live.document import FILE_NAME as WRITTEN_AS
from scenarios.screens import live_file
from scenarios.screens.live_file import FILE_NAME, LiveFile
from tests.scenarios.screens.live_documents import HOSTILE, as_json, document
from tests.typed import known


def test_what_the_analysis_writes_is_read_under_the_name_that_it_has() -> None:
    assert FILE_NAME == WRITTEN_AS


def test_the_document_is_passed_on_as_it_is_and_its_counts_are_known(tmp_path: Path) -> None:
    raw = as_json(document())
    (tmp_path / FILE_NAME).write_bytes(raw)
    found = known(LiveFile().of(tmp_path))
    assert found.raw == raw
    assert found.seen.state == "running"
    assert found.seen.attempts.judged == 9228
    assert found.seen.causes == {"silent_peer": 86, "stalled_read": 6}
    assert known(found.seen.answer).why.startswith("Windows clients")
    assert [group.value for group in found.seen.by["instance"]] == ["instance-0", HOSTILE, None]


def test_a_document_that_has_not_changed_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    read = live_file._read

    def counting(path: Path, at: float) -> live_file.Written | None:
        reads.append(path)
        return read(path, at)

    monkeypatch.setattr(live_file, "_read", counting)
    file = LiveFile()
    path = tmp_path / FILE_NAME
    path.write_bytes(as_json(document("starting")))
    assert known(file.of(tmp_path)).seen.state == known(file.of(tmp_path)).seen.state == "starting"
    assert len(reads) == 1
    path.write_bytes(as_json(document("storing")))
    os.utime(path, ns=(1, 1))
    assert known(file.of(tmp_path)).seen.state == "storing"
    assert len(reads) == 2


@pytest.mark.parametrize("raw", [b"", b'{"state": "run', b"[]", b'{"state": 1}', b"\xff"])
def test_what_is_no_document_is_none(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(raw)
    assert LiveFile().of(tmp_path) is None


def test_without_a_run_or_a_document_there_is_none(tmp_path: Path) -> None:
    assert LiveFile().of(None) is None
    assert LiveFile().of(tmp_path) is None
