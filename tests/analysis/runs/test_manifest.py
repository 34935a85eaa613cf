"""`run.json`, as the analysis reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.runs.manifest import FILE_NAME, ManifestError, read_manifest


def test_a_folder_without_one_has_none(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None


def test_what_it_says_is_given(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"run_id": "a"}')
    assert read_manifest(tmp_path) == {"run_id": "a"}


@pytest.mark.parametrize(("text", "why"), [("{", "cannot be read"), ("[]", "is no JSON object")])
def test_one_that_says_nothing_is_told_from_none(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(ManifestError, match=why):
        read_manifest(tmp_path)


def test_one_that_cannot_be_opened_is_told_from_none(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(ManifestError, match="cannot be read"):
        read_manifest(tmp_path)


def test_one_from_elsewhere_brings_nothing_that_a_terminal_would_obey(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"problems": ["a \\u001b[31mlost worker"]}')
    said = str(read_manifest(tmp_path))
    assert "lost worker" in said
    assert said.isprintable()
