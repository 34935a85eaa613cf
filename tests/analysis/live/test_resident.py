"""The process beside a run, in virtual time; its verdict is the command line's, cell for cell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from analysis import cli
from analysis.live import resident as module
from analysis.live.document import FILE_NAME
from analysis.live.resident import COUNT_EVERY_S, Resident
from analysis.report import html
from tests.analysis.run_folders import START_S, attempts, health, manifest, write_attempts, write_run, written_now

START = datetime.fromtimestamp(START_S, UTC)
PLAN = {"started_at": START.isoformat(), "planned_end_at": (START + timedelta(seconds=90)).isoformat()}

ROWS = attempts(1200, timeouts=0.08)


class Clocks:
    """Time that goes on when it is told to; each look at the CPU's clock costs so much."""

    def __init__(self, cpu_s: float = 0.0) -> None:
        self.at = 0.0
        self.spent_s = 0.0
        self._cpu_s = cpu_s

    def cpu(self) -> float:
        self.spent_s += self._cpu_s
        return self.spent_s

    def beside(self, folder: Path, *arguments: str) -> Resident:
        return Resident(
            arguments=[str(folder), *arguments],
            monotonic=lambda: self.at,
            cpu=self.cpu,
            now=lambda: START + timedelta(seconds=self.at),
        )


def said(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / FILE_NAME).read_bytes())
    return document


def verdict_of(folder: Path) -> dict[str, Any]:
    verdict: dict[str, Any] = json.loads((folder / "verdict.json").read_bytes())
    return verdict


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The looks that were taken, which take nothing and find nothing."""
    taken: list[list[str]] = []

    def look(arguments: list[str]) -> dict[str, Any]:
        taken.append(list(arguments))
        lists: dict[str, Any] = {"leads": [], "not_tested": [], "undecided": []}
        lines = dict.fromkeys(("why", "how_sure", "what_next", "command", "counts"), "so")
        claims = {"latency": {"state": "undecided", "needs": None}}
        return {"claims": claims, "answer": lines | lists, "failures": [{}] if len(taken) == 1 else []}

    monkeypatch.setattr(module, "_verdict", look)
    return taken


def test_a_run_that_begins_is_shown_before_anything_is_stored(tmp_path: Path, looks: list[list[str]]) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"run_id": "r", **PLAN}))
    resident = Clocks().beside(tmp_path)
    resident.begin()
    resident.step()
    document = said(tmp_path)
    assert (document["run_id"], document["state"], document["planned_s"]) == ("r", "starting", 90.0)
    assert (document["answer"], document["claims"], looks) == (None, [], [])


def test_the_counts_beside_an_answer_are_not_older_than_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = attempts(300, timeouts=0.1)
    write_run(tmp_path, rows[:100], run_json=manifest(rows, **PLAN), vitals=health())
    verdict = module._verdict

    def look(arguments: list[str]) -> Mapping[str, Any]:
        write_attempts(tmp_path / "attempts" / "part-00001.parquet", rows[100:200])  # by the store, at that moment
        return verdict(arguments)

    monkeypatch.setattr(module, "_verdict", look)
    resident = Clocks().beside(tmp_path, "--rehearsal")
    resident.step()
    document = said(tmp_path)
    assert document["attempts"]["judged"] == 200
    assert "but 200 are in attempts/" in document["answer"]["why"]


def test_counts_come_with_the_files_and_a_look_only_with_more_rows(tmp_path: Path, looks: list[list[str]]) -> None:
    rows = attempts(300, timeouts=0.1)
    write_run(tmp_path, rows[:100], run_json=manifest(rows, **PLAN), vitals=health())
    clocks = Clocks()
    resident = clocks.beside(tmp_path, "--rehearsal")
    resident.step()
    document = said(tmp_path)
    assert (document["state"], document["attempts"]["judged"], document["answer"]["why"]) == ("running", 100, "so")
    assert document["claims"] == [{"name": "latency", "title": "Latency", "state": "undecided", "needs": ""}]
    assert looks == [[str(tmp_path), "--rehearsal"]]
    clocks.at = 20.0
    resident.step()
    assert len(looks) == 1  # nothing came
    write_attempts(tmp_path / "attempts" / "part-1.parquet", rows[100:])
    clocks.at = 20.0 + COUNT_EVERY_S
    resident.step()
    document = said(tmp_path)
    assert (document["attempts"]["judged"], document["elapsed_s"], len(looks)) == (300, 23.0, 2)
    assert document["answer"] is None  # a look that found no failure says nothing of the failures that are counted
    assert document["answer_as_of"] == (START + timedelta(seconds=23)).isoformat(timespec="milliseconds")[:-6] + "Z"
    assert document["timeouts"] == int((rows["outcome"] == "timeout").sum())


@pytest.mark.parametrize(("at", "took_s"), [(80.0, 0.0), (70.0, 12.0)])
def test_no_look_begins_shortly_before_the_end(
    tmp_path: Path, looks: list[list[str]], at: float, took_s: float
) -> None:
    rows = attempts(200)
    write_run(tmp_path, rows[:100], run_json=manifest(rows, **PLAN))
    clocks = Clocks()
    resident = clocks.beside(tmp_path)
    clocks.at = at
    resident._looking.took_s = took_s
    resident.step()
    assert not looks
    assert said(tmp_path)["attempts"]["judged"] == 100


def test_a_look_that_fails_is_a_sentence_and_the_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> dict[str, Any]:
        raise MemoryError("no\nmore")

    monkeypatch.setattr(module, "_verdict", fail)
    write_run(tmp_path, attempts(100), run_json=manifest(attempts(100), **PLAN))
    Clocks().beside(tmp_path).step()
    document = said(tmp_path)
    assert (document["state"], document["answer"]) == ("running", None)
    assert document["note"].startswith("The last look failed (MemoryError: no")
    assert "\n" not in document["note"]


def test_a_disk_that_refuses_the_document_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("full")

    monkeypatch.setattr("analysis.live.document.write", refuse)
    resident = Clocks().beside(tmp_path)
    resident.begin()
    resident.step()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Any]]:
    """What the command line says of the rows, all in one file: its exit status and the verdict."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    write_run(folder, ROWS, run_json=manifest(ROWS, **PLAN))
    return cli.main([str(folder)]), verdict_of(folder)


@pytest.mark.slow
@pytest.mark.parametrize(("order", "is_looked_at"), [((2, 0, 1), True), ((1, 2, 0), False)])
def test_the_verdict_is_the_command_lines_cell_for_cell_whatever_came_first_and_was_looked_at(
    tmp_path: Path,
    order: tuple[int, ...],
    is_looked_at: bool,
    alone: tuple[int, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = [ROWS[:200], ROWS[200:700], ROWS[700:]]
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(manifest(ROWS, **PLAN, ended="running")))
    clocks = Clocks()
    resident = clocks.beside(folder)
    with written_now(folder):
        for number, at in enumerate(order):
            write_attempts(folder / "attempts" / f"part-{number}.parquet", parts[at])
            clocks.at += 20.0
            if not is_looked_at or number:
                monkeypatch.setattr(resident, "_look", lambda: None)
            resident.step()
    document = said(folder)
    assert (document["note"], document["is_final"]) == ("", False)
    # Nothing is ruled out before the end: a run may still turn.
    assert "ruled_out" not in {one["state"] for one in document["claims"]}
    assert bool(document["claims"]) == is_looked_at
    (folder / "run.json").write_text(json.dumps(manifest(ROWS, **PLAN)))
    resident.storing()
    assert said(folder)["state"] == "storing"
    drawn = html.report_html
    before_the_report: list[dict[str, Any]] = []

    def draw(*given: Any, **named: Any) -> str:
        before_the_report.append(said(folder))
        return drawn(*given, **named)

    monkeypatch.setattr(html, "report_html", draw)
    status = resident.finish()
    verdict, document = verdict_of(folder), said(folder)
    (early,) = before_the_report
    assert (early["state"], early["is_final"], early["answer"]) == ("analysing", True, verdict["answer"])
    assert (status, verdict) == alone
    assert (document["is_final"], document["state"], document["answer"]) == (True, "ended", verdict["answer"])
    assert (document["attempts"], document["timeouts"]) == (verdict["counts"], verdict["timeouts"])
    states = {name: claim["state"] for name, claim in verdict["claims"].items()}
    assert {one["name"]: one["state"] for one in document["claims"]} == states


def test_a_run_without_a_verdict_is_void_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "main", lambda _, told: 3)
    assert Clocks().beside(tmp_path).finish() == 3
    document = said(tmp_path)
    assert (document["state"], document["is_final"], document["note"]) == (
        "void",
        False,
        "The analysis wrote no verdict.",
    )
