"""The three lines as the whole pipeline says them of runs that ended in each of ten ways, word for word."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.model import Criteria
from analysis.pipeline import analyse
from analysis.report.summary import screen
from analysis.simulation.simulate import simulate_run
from analysis.verdict.answer import LABELS
from analysis.verdict.service_levels import Levels
from tests.analysis.run_folders import attempts, health, manifest, put, write_run

COMMAND = ["locust", "--headless", "--users", "60", "--run-time", "10m"]
AGAIN = " ".join(COMMAND)
EARLY = "The run ended after 18 s of 600 s: it is less than what was asked for (--accept-early judges it)."
NOTHING = "Not at all: what was recorded decides nothing."
HYPOTHESIS = "The hypothesis (the client's platform under network latency, the server being fine)"


def drawn(world: str, **design: Any) -> Callable[[Path], Path]:
    """A run of a simulated world, as if a soak had recorded it."""

    def make(folder: Path) -> Path:
        simulate_run(world, folder, **design)
        file = folder / "run.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"command": COMMAND}))
        return folder

    return make


def recorded(n: int = 2400, *, timeouts: float = 0.0, **facts: Any) -> Callable[[Path], Path]:
    """A plain run of so many attempts; `facts` stand in its run.json."""

    def make(folder: Path) -> Path:
        rows = attempts(n, timeouts=timeouts)
        return write_run(folder, rows, run_json=manifest(rows, command=COMMAND, **facts), vitals=health())

    return make


def not_found(folder: Path) -> Path:
    """A run whose every connect was answered with 404."""
    rows = attempts(600)
    rows = rows[rows["kind"] == "connect"].reset_index(drop=True)
    rows["seq"] = rows.groupby("worker").cumcount()
    put(rows, slice(None), outcome="failed", phase="upgrade", cause="http_status", http_status=404, detail="Not Found")
    return write_run(folder, rows, run_json=manifest(rows, command=COMMAND), vitals=health())


# Of each: how it is made, and the three lines.
ENDINGS: dict[str, tuple[Callable[[Path], Path], str, str, str]] = {
    "confirmed": (
        drawn("W2", rows=60_000, hosts=4, effect=0.03),
        "The client's platform under network latency. Windows clients with 300 ms added: 3.15 % of connects fail (36 "
        "of 1,144); Linux clients with 300 ms added: 0.00 % (0 of 1,122). Confirmed as well: platform.",
        "Risk difference +2.79 points (95 %: +2.01 to +3.57), against a margin of 0.50 points. Ruled out: latency, "
        f"client loop blocked, server, authentication, format. {HYPOTHESIS} is confirmed.",
        f"Another run that says otherwise: repeat it on other hosts or at another time. {AGAIN}",
    ),
    "clean": (
        recorded(),
        "None does: all 2,400 attempts succeeded.",
        "At most 3 % of attempts fail (95 % limit), under the load of this run.",
        "A failure: while there is none, nothing can be learned of its cause. A longer run may have one. "
        "locust --headless --users 60 --run-time 20m",
    ),
    "void": (
        recorded(timeouts=0.02, problems=["3 rows are missing."]),
        "Nothing may be concluded, for the run is void: 3 rows are missing.",
        NOTHING,
        f"A run with all its rows. {AGAIN}",
    ),
    "empty": (
        recorded(0),
        "Nothing may be concluded, for the run is void: the attempts table has no rows.",
        NOTHING,
        "A run in which sessions start: one user for a minute shows what keeps them from it. "
        "locust --headless --users 1 --run-time 1m",
    ),
    "short": (
        recorded(40),
        "Nothing may be concluded, for the run is void: 40 attempts are too few to tell a success ratio of 0.95: at "
        "least 59 are needed.",
        NOTHING,
        "More attempts, by a longer run. locust --headless --users 60 --run-time 20m",
    ),
    "one host": (
        drawn("one_host", rows=10_000),
        "Not known yet: 59 of 8,908 attempts failed (0.66 %), 59 of them by timeout, and no cause is confirmed.",
        "Nothing is confirmed beyond the margin of 0.50 points. Ruled out: client loop blocked, authentication. "
        f"{HYPOTHESIS} is undecided.",
        "For format: more attempts of every message type, drawn at random on the same sessions. "
        "locust --headless --users 60 --run-time 20m",
    ),
    "all 404": (
        not_found,
        "All 126 connects failed the same way: HTTP 404 Not Found at the upgrade (usually a wrong path, or a proxy "
        "that does not pass the Upgrade headers on).",
        f"Nothing is confirmed beyond the margin of 0.50 points. {HYPOTHESIS} is undecided.",
        "That mended first: while they fail alike, a run says nothing else. A minute shows whether it is. "
        "locust --headless --users 60 --run-time 1m",
    ),
    "early end": (
        recorded(timeouts=0.02, problems=[EARLY]),
        f"Nothing may be concluded, for the run is void: {EARLY}",
        NOTHING,
        f"A run that goes on to its planned end. {AGAIN}",
    ),
    "server fault": (
        drawn("W8", rows=15_000),
        "It comes from the server's side. Instance instance-0 against the others at the same time: +7.79 points (95 % "
        "interval +6.17 to +9.40).",
        "Risk difference +7.79 points (95 %: +6.17 to +9.40), against a margin of 0.50 points. Ruled out: client loop "
        f"blocked, authentication. {HYPOTHESIS} is ruled out (server is confirmed).",
        "The server's log beside this run: which of the lost waits came there, and what became of them. "
        "python -m analysis reports/run --server-log FILE",
    ),
    "network fault": (
        drawn("lossy_line", rows=20_000, minutes=30),
        "What was sent was lost, held up or cut between the two machines. Of the attempts at site-a 2.18 % (193 of "
        "8864; 95 % interval 1.82 to 2.59 %) were lost or held up on the way. Nearly spared: site-b.",
        "Rate 2.18 % (95 %: 1.82 to 2.59), against a margin of 0.50 points. Ruled out: client loop blocked, "
        f"authentication. {HYPOTHESIS} is ruled out (network is confirmed).",
        f"Another run that says otherwise: repeat it on other hosts or at another time. {AGAIN}",
    ),
}
# CI has half a minute for them; the others are run before a release.
IN_CI = ("confirmed", "all 404", "early end", "server fault")


@pytest.mark.parametrize(
    "ending",
    [pytest.param(name, marks=pytest.mark.slow if name in IN_CI else pytest.mark.long) for name in ENDINGS],
)
def test_each_ending_of_a_run_is_told_in_these_words(ending: str, tmp_path: Path) -> None:
    make, *expected = ENDINGS[ending]
    analysis = analyse([make(tmp_path / "run")], settings=Criteria(), levels=Levels())
    shown = screen(analysis.verdict, analysis.slo, Path("report.html")).splitlines()
    assert shown[:3] == [f"{label} {text}" for label, text in zip(LABELS, expected, strict=True)]
