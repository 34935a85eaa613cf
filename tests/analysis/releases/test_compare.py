"""The command that compares two run folders: its exit statuses, its files and its refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis import cli
from analysis.releases.__main__ import main as can_be_baseline
from tests.analysis.run_folders import attempts, write_run

VERDICT = '{"runs": ["run"], "slo": {"state": "met"}, "claims": {}, "margin": 0.005}'


def analysed(folder: Path, *, timeouts: float, seed: int) -> Path:
    run = write_run(folder, attempts(6000, timeouts=timeouts, run_id=folder.name, seed=seed))
    cli.main([str(run)])
    return run


@pytest.mark.slow
def test_a_worse_run_ends_with_status_1_and_a_run_against_its_twin_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = analysed(tmp_path / "base", timeouts=0.0, seed=1)
    new = analysed(tmp_path / "new", timeouts=0.1, seed=2)
    capsys.readouterr()
    assert cli.main(["compare", str(base), str(new), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["state"], found["levels"][0]["name"]) == ("worse", "timeouts")
    assert cli.main(["compare", str(new), str(base)]) == 0
    assert "Against the base: not worse" in capsys.readouterr().out
    assert cli.main([str(new), "--baseline", str(base)]) == 1
    assert json.loads((new / "comparison.json").read_text(encoding="utf-8"))["state"] == "worse"
    for name in ("summary.md", "report.html"):
        written = (new / name).read_text(encoding="utf-8")
        assert "Worse than the last release, beyond the margin of 0.50 points: timeouts by " in written
        assert "may not be concluded" in written
    assert "latency " in capsys.readouterr().out  # a log has the whole table
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("CI", raising=False)
    assert cli.main([str(new), "--baseline", str(base)]) == 1
    ending = capsys.readouterr().out.splitlines()
    assert [at for at, line in enumerate(ending) if line.startswith("Against the base: worse")] == [len(ending) - 4]
    (base / "verdict.json").write_text("{}", encoding="utf-8")
    assert cli._against(base, new, {}) is None
    assert "Not compared: --baseline: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["compare", "{run}", "{run}"], "are the same run: name two."),
        (["compare", "{run}", "{none}"], "is no folder"),
        (["compare", "{run}"], "python -m analysis compare --help"),
        (["compare", "{run}", "{run}", "--margin", "2"], "--margin = 2.0 is not allowed"),
        (["{run}", "--baseline", "{none}"], "is no folder"),
        (["{run}", "--baseline", "{run}"], "is the run itself: name an earlier one"),
        (["{run}", "{run}", "--baseline", "{run}"], "is held against one run"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(
    names: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", attempts(60))
    (run / "verdict.json").write_text(VERDICT, encoding="utf-8")
    assert cli.main([name.format(run=run, none=tmp_path / "none") for name in names]) == 2
    assert said in capsys.readouterr().err


def test_a_soak_learns_before_it_starts_whether_its_baseline_can_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", attempts(60))
    assert can_be_baseline([str(run)]) == 2
    assert "verdict.json cannot be read: analyse the run first" in capsys.readouterr().err
    (run / "verdict.json").write_text(VERDICT, encoding="utf-8")
    assert can_be_baseline([str(run)]) == 0
    assert can_be_baseline([str(run), str(run)]) == 2
