"""Runs are opened by their folders; what is no run says so in one sentence."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import analysis
from analysis.notebook import opening
from analysis.notebook.run import Run

README = opening.ROOT / "README.md"


def test_a_run_is_opened_by_its_folder_as_text_or_path(folder: Path) -> None:
    assert analysis.open_run(str(folder)).folders == analysis.open_run(folder).folders == (folder,)


def test_the_folder_one_is_in_has_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "attempts")
    assert repr(analysis.open_run("..")).startswith(f"{folder.name}: ")
    monkeypatch.chdir(folder)
    assert repr(analysis.open_run(".")).startswith(f"{folder.name}: ")


def test_several_runs_are_taken_together(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / "run.json").write_text((other / "run.json").read_text().replace('"run_id": "run"', '"run_id": "other"'))
    both = analysis.open_run([folder, other])
    assert len(both.attempts) == 2 * len(analysis.open_run(folder).attempts)
    assert both.timeouts([])["timeouts"].to_list() == [24]


def test_all_below_a_folder_are_opened_each_for_itself_and_what_is_no_run_is_left_out(folder: Path) -> None:
    (folder.parent / "together-0123").mkdir(exist_ok=True)
    (folder.parent / "notes.txt").touch()
    assert [run.folders for run in analysis.open_all(folder.parent)] == [(folder,)]


def test_none_named_is_the_one_of_the_environment_else_the_newest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(opening.VARIABLE, str(folder))
    assert analysis.open_run().folders == (folder,)
    monkeypatch.delenv(opening.VARIABLE)
    monkeypatch.setattr(opening, "ROOT", folder.parents[1])
    assert analysis.open_run().folders == (folder,)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nowhere", "nowhere is no folder"),
        (".", "it has neither run.json nor a run's tables in attempts/ nor a spool/"),
        ([], "No run was named"),
    ],
)
def test_what_is_no_run_is_one_sentence(
    given: str | list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(analysis.RunError, match=re.escape(said)) as caught:
        analysis.open_run(given)
    assert "\n" not in str(caught.value)


def test_the_repository_is_no_run_though_it_has_a_folder_of_that_name() -> None:
    with pytest.raises(analysis.RunError, match="is no run folder"):
        analysis.open_run(opening.ROOT)


def test_a_folder_without_runs_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(analysis.RunError, match="holds no run: soak first"):
        analysis.open_all(tmp_path)


def test_the_example_of_the_readme_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(folder.parents[1])
    given: dict[str, object] = {}
    exec(example.replace("reports/<run>", "reports/run"), given)
    assert "12 rows (counted) of 3 columns" in capsys.readouterr().out
    assert isinstance(given["run"], Run)
