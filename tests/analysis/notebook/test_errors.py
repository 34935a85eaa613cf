"""Rows that cannot be read are one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

import analysis
from analysis.notebook.errors import first_line
from tests.analysis.run_folders import attempts, corrupt, write_run


def test_pages_that_are_corrupt_are_one_sentence_with_the_way_out(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", attempts(400))
    corrupt(folder / "attempts" / "part-0.parquet")
    run = analysis.open_run(folder)
    for ask in (run.timeouts, run.attempts.to_pandas):
        with pytest.raises(analysis.RunError, match="cannot be read .* says which file is corrupt") as caught:
            ask()
        assert "\n" not in str(caught.value)


def test_an_error_that_says_nothing_has_its_name() -> None:
    assert first_line(ValueError("one.\ntwo")) == "one"
    assert first_line(KeyError()) == "KeyError"
