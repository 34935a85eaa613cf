from __future__ import annotations

import json
from pathlib import Path

import pytest

from scenarios.screens.live_file import FILE_NAME, LiveFile
from scenarios.screens.web_live import Watched, live_page, state_of
from scenarios.screens.web_start import Phase
from tests.scenarios.screens.live_documents import as_json, document

FOLDER = Path("reports/a")


@pytest.mark.parametrize(
    ("phase", "folder", "refused", "levels", "live_state", "state"),
    [
        (Phase.IDLE, None, "", "", "", "none"),
        (Phase.STARTING, None, "", "", "", "starting"),
        (Phase.STARTING, FOLDER, "of the last start", "met", "ended", "starting"),
        (Phase.RUNNING, FOLDER, "", "not analysed", "", "running"),
        (Phase.RUNNING, FOLDER, "", "not analysed", "starting", "starting"),
        (Phase.RUNNING, FOLDER, "another form", "not analysed", "running", "running"),
        (Phase.ENDING, FOLDER, "", "not analysed", "running", "storing"),
        (Phase.ENDING, FOLDER, "", "not analysed", "analysing", "analysing"),
        (Phase.ENDING, FOLDER, "", "met", "ended", "analysing"),
        (Phase.IDLE, FOLDER, "", "met", "ended", "met"),
        (Phase.IDLE, FOLDER, "", "breached", "running", "breached"),  # the live analysis had died
        (Phase.IDLE, FOLDER, "", "void", "void", "void"),
        (Phase.IDLE, FOLDER, "", "not analysed", "void", "unanalysed"),
        (Phase.IDLE, FOLDER, "no such target", "met", "ended", "refused"),
    ],
)
def test_the_state_follows_the_process_then_its_last_start_then_the_verdict(
    phase: Phase, folder: Path | None, refused: str, levels: str, live_state: str, state: str
) -> None:
    assert state_of(Watched(phase, folder, refused, False), levels=levels, live_state=live_state) == state


def run_folder(reports: Path) -> Path:
    folder = reports / "20261130T091225Z-3eae"
    folder.mkdir()
    (folder / "run.json").write_text('{"started_at": "2026-11-30T09:12:25.0Z", "ended": "running", "users": 30}')
    (folder / FILE_NAME).write_bytes(as_json(document()))
    return folder


def page_of(watched: Watched, *, later_s: float = 0.0) -> dict[str, object]:
    written = LiveFile().of(watched.folder)
    at = written.at if written is not None else 0.0
    page: dict[str, object] = json.loads(live_page(watched, written, now=at + later_s))
    return page


def test_the_page_has_the_runs_document_as_it_is_and_its_age(tmp_path: Path) -> None:
    page = page_of(Watched(Phase.RUNNING, run_folder(tmp_path), "", False), later_s=40.0)
    assert page["live"] == json.loads(as_json(document()))
    assert page["age_s"] == 40.0
    run = page["run"]
    assert isinstance(run, dict) and run["users"] == "30" and run["files"] == ["run.json"]


def test_a_run_without_a_live_analysis_has_no_figures_and_says_so(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    (folder / FILE_NAME).unlink()
    page = page_of(Watched(Phase.RUNNING, folder, "", True))
    assert (page["state"], page["is_off"], page["live"], page["age_s"]) == ("running", True, None, None)


@pytest.mark.parametrize(("phase", "refused"), [(Phase.STARTING, ""), (Phase.IDLE, "there is no such target")])
def test_the_last_run_is_not_shown_as_one_that_starts_or_was_refused(
    tmp_path: Path, phase: Phase, refused: str
) -> None:
    page = page_of(Watched(phase, run_folder(tmp_path), refused, False))
    assert (page["run"], page["live"], page["refused"]) == (None, None, refused)
