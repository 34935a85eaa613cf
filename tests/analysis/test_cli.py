import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pandas as pd
import pytest

from analysis import cli
from analysis.model import Criteria
from analysis.pipeline import analyse
from analysis.report import html as report
from analysis.server_log.read import open_logs
from analysis.verdict.answer import LABELS
from analysis.verdict.document import SCHEMA_FILE
from analysis.verdict.service_levels import Levels
from tests.analysis.junit_documents import read_junit
from tests.analysis.run_folders import START_S, attempts, health, manifest, write_run
from tests.typed import known

FILES = {"verdict.json", "report.html", "summary.md", "junit.xml"}


def run_folder(path: Path, *, timeouts: float = 0.0, lag_s: float | None = None, run_id: str = "run") -> Path:
    rows = attempts(2000, timeouts=timeouts, run_id=run_id)
    if lag_s is not None:
        rows["loop_lag_s"] = lag_s
    return write_run(path, rows, run_json=manifest(rows), vitals=health())


def verdict_in(folder: Path) -> dict[str, object]:
    return valid(json.loads((folder / "verdict.json").read_text()))


def valid(verdict: dict[str, object]) -> dict[str, object]:
    """The verdict, held against its schema."""
    jsonschema.Draft202012Validator(json.loads(SCHEMA_FILE.read_text())).validate(verdict)
    return verdict


@pytest.mark.slow
@pytest.mark.parametrize(
    ("timeouts", "lag_s", "status", "word"),
    [(0.0, None, 0, "met"), (0.02, None, 1, "breached"), (0.0, 4.0, 3, "void")],
)
def test_exit_status_is_that_of_the_service_levels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], timeouts: float, lag_s: float | None, status: int, word: str
) -> None:
    folder = run_folder(tmp_path / "run", timeouts=timeouts, lag_s=lag_s)
    assert cli.main([str(folder)]) == status
    assert {path.name for path in folder.iterdir()} >= FILES
    assert verdict_in(folder)["slo"]["state"] == word  # type: ignore[index]
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("?")[0] + "?" for line in lines[:3]] == list(LABELS)
    assert len(lines) <= 20  # one screen
    assert lines[-1] == f"Report: {folder / 'report.html'}"
    read_junit((folder / "junit.xml").read_text(encoding="utf-8"))


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m analysis` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "analysis", *arguments],
        cwd=Path(cli.__file__).parents[1],
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.mark.slow
def test_command_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = command(str(run_folder(tmp_path / "run", timeouts=0.02)), "--slo-timeouts", "1000")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Why do attempts time out? ")
    assert "\nService levels met: 2,000 attempts" in done.stdout


@pytest.mark.slow
def test_command_that_is_used_wrongly_in_a_process_of_its_own() -> None:
    done = command("nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nowhere is no folder" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere is no folder"),
        ([], "the following arguments are required"),
        (["RUN", "--margin", "2"], "--margin = 2.0 is not allowed"),
        (["RUN", "--margin", "wide"], "invalid float value: 'wide'"),
        (["RUN", "--engine", "abacus"], "invalid choice: 'abacus'"),
        (["RUN", "--server-log", "nowhere.log"], "--server-log nowhere.log cannot be read"),
        (["RUN", "RUN"], "is named twice"),
        (["RUN", "--out", "RUN/run.json"], "cannot be made"),
    ],
)
def test_wrong_usage_is_one_sentence_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    folder = run_folder(tmp_path / "run")
    assert cli.main([argument.replace("RUN", str(folder)) for argument in arguments]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert len(shown.err.splitlines()) == 1
    assert not (folder / "verdict.json").exists()


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs, and what the analysis of both left beside them."""
    folder = tmp_path_factory.mktemp("reports")
    runs = [run_folder(folder / name, run_id=name) for name in ("a", "b")]
    assert cli.main([str(run) for run in runs]) == 0
    return folder


def test_several_runs_leave_their_own_verdicts_alone(two_runs: Path) -> None:
    assert not (two_runs / "a" / "verdict.json").exists()
    together = [path for path in two_runs.iterdir() if path.name.startswith("together-")]
    assert len(together) == 1
    assert verdict_in(together[0])["runs"] == ["a", "b"]


@pytest.mark.slow
def test_the_results_of_several_runs_go_where_they_are_told_to(two_runs: Path, tmp_path: Path) -> None:
    assert cli.main([str(two_runs / "b"), str(two_runs / "a"), "--out", str(tmp_path / "out")]) == 0
    assert verdict_in(tmp_path / "out")["attempts"] == 4000


@pytest.mark.slow
def test_what_reports_holds_besides_runs_is_left_out_of_several(
    two_runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(two_runs, tmp_path, dirs_exist_ok=True)
    (tmp_path / "README.md").write_text("# Runs")
    everything = sorted(tmp_path.iterdir())
    assert len(everything) == 4
    status = cli.main([str(path) for path in everything])
    assert status != 2
    assert "README.md is no run: left out." in capsys.readouterr().err
    assert cli.main([str(tmp_path / "README.md")]) == 2


@pytest.mark.slow
def test_server_log_is_read_into_the_report(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    log = tmp_path / "server.log"
    at = pd.Timestamp(START_S, unit="s", tz="UTC").isoformat()
    message = "WebSocket connection fully established for user user-001 in staging using FACTORY_PATTERN"
    log.write_text(json.dumps({"message": message, "timestamp": at}) + "\n")
    rotated = shutil.copy(log, tmp_path / "server.log.1")
    assert cli.main([str(folder), "--server-log", str(log), str(rotated), str(log)]) == 0
    assert "2 lines were read" in (folder / "report.html").read_text()
    assert verdict_in(folder)["server_log"]["lines"] == 2  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--server-log", "nowhere.log"], "--server-log nowhere.log cannot be read (No such file or directory): name"),
        (["--server-log", "."], "--server-log . is a folder: name the log files in it."),
        (["--server-log-format", "nginx"], "--server-log-format nginx is of no log: name the files with"),
        (
            ["--server-log", "LOG", "--server-log-format", "x"],
            "The log format 'x' is not known: use",
        ),
    ],
)
def test_a_log_that_cannot_be_used_is_wrong_usage_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    log = tmp_path / "server.log"
    log.write_text("")
    assert cli.main([str(tmp_path), *(str(log) if word == "LOG" else word for word in arguments)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(said) and error.count("\n") == 1


@pytest.mark.slow
def test_crash_of_the_analysis_is_void_and_loud_and_costs_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise RuntimeError("a figure fell over")

    monkeypatch.setattr(report, "report_html", broken)
    folder = run_folder(tmp_path / "run")
    assert cli.main([str(folder)]) == 3
    assert "nothing may be concluded" in capsys.readouterr().err
    assert verdict_in(folder)["slo"]["state"] == "met"  # type: ignore[index]


@pytest.mark.slow
def test_a_verdict_that_cannot_be_written_is_void_and_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_folder(tmp_path / "run")
    (folder / "summary.md").mkdir()
    assert cli.main([str(folder)]) == 3
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "summary.md cannot be written (Is a directory): name another folder" in said[0]


def test_ctrl_c_during_an_analysis_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("analysis.simulation.simulate.simulate_run", interrupted)
    assert cli.main(["simulate", "--out", str(tmp_path / "run")]) == 3
    assert capsys.readouterr().err.startswith("Interrupted")


def test_a_simulated_run_where_none_can_be_made_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        assert cli.main(["simulate", "--rows", "1000", "--out", str(out)]) == 2
        assert "name a folder that can" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", [("--seed", "-1"), ("--host-sd", "nan"), ("--minute-sd", "-1"), ("--site-sd", "1e9")]
)
def test_simulation_that_cannot_be_drawn_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, str]
) -> None:
    folder = tmp_path / "run"
    assert cli.main(["simulate", "--world", "W2", "--rows", "1000", *option, "--out", str(folder)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not folder.exists()


def test_fault_of_a_subcommand_does_not_pass_for_a_breach(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.simulation.simulate.simulate_run", lambda *_, **__: 1 / 0)
    assert cli.main(["simulate", "--out", str(tmp_path / "run")]) == 3
    assert "ZeroDivisionError" in capsys.readouterr().err


@pytest.fixture
def simulated(tmp_path: Path) -> Path:
    """A run folder that the simulator made."""
    folder = tmp_path / "sim"
    assert cli.main(["simulate", "--world", "W1", "--rows", "2000", "--seed", "3", "--out", str(folder)]) == 0
    return folder


def test_simulated_run_can_be_made_and_analysed(simulated: Path) -> None:
    found = analyse([simulated], settings=Criteria(), levels=Levels())
    assert found.slo.state in ("met", "breached")
    assert valid(dict(found.verdict))["attempts"]


def test_how_much_of_a_long_log_was_read_is_said_every_few_seconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "server.log"
    log.write_text("x" * 2_000_000)
    assert cli._progress(open_logs([log])) is None
    monkeypatch.setattr(cli, "LONG_BYTES", 1_000_000)
    monkeypatch.setattr(cli, "PROGRESS_S", 0.0)
    advance = known(cli._progress(open_logs([log])))
    advance(1_000_000)
    advance(1_000_000)
    assert capsys.readouterr().err.splitlines() == [
        "Server log: 1 MB read; it has 2, and is read twice at most.",
        "Server log: 2 MB read; it has 2, and is read twice at most.",
    ]


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_fault_of_the_analysis() -> None:
    words = [sys.executable, "-m", "analysis", "simulate", "--list"]
    root = Path(cli.__file__).parents[1]
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb") as nobody:
        done = subprocess.run(words, cwd=root, stdout=nobody, stderr=subprocess.PIPE, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (3, "")
