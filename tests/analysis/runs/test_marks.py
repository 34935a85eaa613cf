from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.runs import marks
from analysis.runs.dataset import open_runs
from analysis.runs.marks import AnnotationError, annotated, keep, marks_of, parsed, storms
from tests.analysis.run_folders import attempts, manifest, write_run
from tests.conftest import ROOT

# 2026-09-21 14:00:20 to 14:20:00 UTC
START_S, END_S = 1_789_999_220.0, 1_790_000_400.0


def test_time_of_day_is_found_on_the_day_of_the_run() -> None:
    mark = parsed("14:05", "deployed", START_S, END_S)
    assert mark.words() == "2026-09-21 14:05:00 UTC: deployed"
    assert parsed("2026-09-21T16:05:00+02:00", "deployed", START_S, END_S) == mark


def test_minute_in_which_the_run_began_is_its_beginning() -> None:
    assert parsed("14:00", "deployed", START_S, END_S).start_s == START_S


@pytest.mark.parametrize(
    ("when", "text", "words"),
    [("25:99", "x", "is no time"), ("15:05", "x", "outside of the run"), ("14:05", " ", "1 to 80 characters")],
)
def test_annotation_that_cannot_be_kept_is_refused(when: str, text: str, words: str) -> None:
    with pytest.raises(AnnotationError, match=words):
        parsed(when, text, START_S, END_S)


def test_annotations_are_kept_once_and_stay(tmp_path: Path) -> None:
    first, second = (parsed(when, "<b>x</b>", START_S, END_S) for when in ("14:05", "14:06"))
    keep(tmp_path, [second])
    keep(tmp_path, [first, second])
    assert annotated(tmp_path) == [first, second]


def test_file_that_cannot_be_read_holds_no_annotation(tmp_path: Path) -> None:
    (tmp_path / "annotations.json").write_text('[{"at": 5}]')
    assert annotated(tmp_path) == []


def test_storm_is_where_the_options_put_it() -> None:
    run = {"started_at": "2026-09-21T14:00:00Z", "planned_end_at": "2026-09-21T14:10:00Z"}
    asked = {**run, "settings": {"options": {"storm_at_s": "30.0", "shape": "'none'"}}}
    shaped = {**run, "settings": {"options": {"storm_at_s": "0.0", "shape": "'ramp-soak-storm'"}}}
    assert [mark.words() for mark in storms(asked)] == ["2026-09-21 14:00:30 UTC: storm"]
    assert [mark.words() for mark in storms(shaped)] == ["2026-09-21 14:06:00 UTC: storm"]
    assert storms(run) == []


def test_a_shapes_storm_is_marked_where_the_shape_has_it() -> None:
    # The rooms forbid the import: read, as the shape's module brings Locust along.
    tree = ast.parse((ROOT / "scenarios" / "control" / "shapes.py").read_text(encoding="utf-8"))
    given = {
        node.target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None
    }
    assert given["STORM_SHARE"] == marks._STORM_SHARE


@pytest.mark.parametrize("as_written", [str, lambda moment: int(moment.timestamp() * 1e6)])
def test_windows_of_a_fault_are_marked_from_their_opening_to_their_end(tmp_path: Path, as_written: Any) -> None:
    opened, closed = (as_written(pd.Timestamp(f"2026-09-21T14:05:{second}Z")) for second in ("10", "40"))
    rows = attempts(20)
    folder = write_run(tmp_path / "run", rows, run_json=manifest(rows))
    pd.DataFrame(
        {
            "kind": ["window", "window", "connection"],
            "fault": ["stall", "outage", "stall"],
            "opened_at": [opened, opened, opened],
            "closed_at": [closed, None, closed],
        }
    ).to_parquet(folder / "truth.parquet")
    said = [mark.words() for mark in marks_of(open_runs([folder]).runs)]
    # A window that was never closed has no end, so it is no stretch of time.
    assert said == ["2026-09-21 14:05:10 to 14:05:40 UTC: fault stall"]
