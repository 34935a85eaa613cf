"""`run.json` as the store and the collector read it: what cannot be read says nothing, and stops nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from attempts.manifest import read_manifest, write_manifest


def test_what_run_json_says_is_read(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"run_id": "r1", "workers": [{"worker": "w"}]}')
    assert read_manifest(tmp_path) == {"run_id": "r1", "workers": [{"worker": "w"}]}


@pytest.mark.parametrize("content", [None, "", '{"run_id": "r', "[1]", "\x00\xff"])
def test_a_manifest_that_is_not_there_or_broken_says_nothing(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content, encoding="latin-1")
    assert read_manifest(tmp_path) == {}


def test_what_is_written_is_read_again_and_nothing_else_is_left(tmp_path: Path) -> None:
    for run_id in ("a longer one", "r1"):
        write_manifest(tmp_path, {"run_id": run_id})
        assert read_manifest(tmp_path) == {"run_id": run_id}
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_manifest_from_elsewhere_brings_nothing_that_a_terminal_would_obey(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(
        '{"problems": ["a \\u001b[31mlost worker"], "workers": [{"worker": "w\\u0007"}]}'
    )
    said = str(read_manifest(tmp_path))
    assert "lost worker" in said
    assert said.isprintable()
