"""A run answers from its folder's verdict where that is of all its rows, and by an analysis of its own where not."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

import analysis
from analysis.notebook import run as run_module
from analysis.reduction.cohorts import COLUMNS
from tests.analysis.notebook.conftest import analysed, counted
from tests.analysis.run_folders import attempts, manifest, write_run, written_now


def test_the_folder_s_verdict_is_the_run_s(folder: Path) -> None:
    run = analysis.open_run(folder)
    assert run.verdict == json.loads((folder / "verdict.json").read_text())
    assert repr(run.answer).startswith("Why do attempts time out? ")
    assert run.conclusions.groups["confirmed"][0][0] == "Server"
    assert run.claims["claim"].to_list() == list(run.verdict["claims"])
    assert run.failures["count"].to_list() == [27, 3]


def test_a_run_without_a_verdict_of_its_rows_is_analysed_in_memory_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = analysed(tmp_path / "run", counts=counted(599))
    asked: list[tuple[Path, ...]] = []

    def analyse(folders: tuple[Path, ...], **_: object) -> SimpleNamespace:
        asked.append(folders)
        return SimpleNamespace(verdict={"made": "now"}, dataset=SimpleNamespace(readings=()))

    monkeypatch.setattr(run_module, "analyse", analyse)
    monkeypatch.setattr(run_module, "replace", lambda found, **_: found)
    before = sorted(folder.rglob("*"))
    run = analysis.open_run(folder)
    assert run.verdict == run.verdict == {"made": "now"}
    assert asked == [(folder,)]
    assert sorted(folder.rglob("*")) == before


def test_cohorts_are_counted_and_have_an_interval(folder: Path) -> None:
    found = analysis.open_run(folder).timeouts(by="platform")
    assert list(found.columns) == ["platform", "n", "timeouts", "failed", "share", "low", "high"]
    assert found["timeouts"].to_list() == [0, 12]
    assert found["n"].sum() == 600
    assert (found["low"] <= found["share"]).all() and (found["share"] <= found["high"]).all()


def test_the_cohorts_of_the_question_are_the_default(folder: Path) -> None:
    assert list(analysis.open_run(folder).timeouts().columns[:3]) == ["platform", "delay_s", "client"]


def test_an_unknown_column_or_event_names_those_that_there_are(folder: Path) -> None:
    run = analysis.open_run(folder)
    with pytest.raises(analysis.RunError, match=f"by='colour' is not allowed: it is one or more of {COLUMNS[0]}, "):
        run.timeouts(by=["platform", "colour"])
    with pytest.raises(analysis.RunError, match="of='ok' is not allowed: it is one of failed, timeouts"):
        run.timeouts(of="ok")  # type: ignore[arg-type]


def test_a_run_without_rows_says_so(tmp_path: Path) -> None:
    run = analysis.open_run(write_run(tmp_path / "run", attempts(1).iloc[:0], run_json=manifest(attempts(1))))
    with pytest.raises(analysis.RunError, match="has no attempts stored"):
        run.timeouts()


def test_rows_of_a_newer_wsoak_are_refused_in_a_sentence(tmp_path: Path) -> None:
    run = analysis.open_run(write_run(tmp_path / "run", attempts(5), version=99))
    with pytest.raises(analysis.RunError, match="schema_version 99 and this wsoak reads up to"):
        repr(run)


def test_a_run_that_goes_on_is_read_again_each_time(tmp_path: Path) -> None:
    rows = attempts(40)
    folder = write_run(tmp_path / "run", rows, run_json=manifest(rows, ended="running"))
    with written_now(folder):
        run = analysis.open_run(folder)
        assert run.is_live
        assert "40 attempts. It goes on: more rows will come." in repr(run)
        write_run(folder, attempts(50), run_json=manifest(rows, ended="running"))
        assert len(run.attempts) == 50


def test_what_a_notebook_shows_of_a_run_is_text(tmp_path: Path) -> None:
    folder = analysed(tmp_path / "<img src=x onerror=alert(1)>")
    run = analysis.open_run(folder)
    assert "<img" not in run._repr_html_() and "&lt;img" in run._repr_html_()
    assert "<img" not in run.attempts._repr_html_()
