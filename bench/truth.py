"""Does the verdict name what was planted? `python -m bench.truth [FAULT ...]` soaks the stand-in with each fault.

Each fault gets a dose that matters, a short soak over real sockets, and the analysis that any run gets. A row
of the table says what was planted, which claims should be confirmed by it, and which were. Exit status 1 if
a right claim is missing or a wrong one is confirmed. A run on a machine too busy to judge is made again, three
times at most.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
# Two dozen users are a hundredth of what a core can do: on a busy machine, too, their own loop is seldom late.
LOAD = ("--users", "24", "--spawn-rate", "24", "--run-time", "30s", "--stop-timeout", "10")
BUDGETS = ("--connect-budget-s", "3", "--exchange-budget-s", "2", "--close-budget-s", "1", "--peer-check-s", "1")
SHORT_SESSIONS = ("--scenario", "churn=2,steady=1", "--pace-s", "0.2", "--churn-exchanges", "4")
# Long enough for both budgets, and for whatever else may be late.
LATE = "delay=8"
TRIES = 4
# At a time: a soak waits nine tenths of its half minute, but its start and its analysis fill a core.
JOBS = 3


class PlantedFault(NamedTuple):
    """What is planted, and what a verdict must make of it.

    Attributes:
        fault: As on the stand-in's command line.
        right: The claims that it must confirm.
        also: Claims that are true of it, too, and may be confirmed.
        options: Of the soak.
        why: What a short soak from one host cannot tell of it.
    """

    fault: str
    right: frozenset[str]
    also: frozenset[str] = frozenset({"intermittent"})
    options: tuple[str, ...] = SHORT_SESSIONS
    why: str = ""


def _of(*claims: str) -> frozenset[str]:
    return frozenset(claims)


IDLE = ("--scenario", "idle", "--heartbeat-s", "60")
TRUTHS: tuple[PlantedFault, ...] = (
    PlantedFault("none", _of(), also=_of()),
    PlantedFault("preface:extra=2,delay=0.1", _of(), also=_of()),
    PlantedFault(f"slow_welcome:share=0.3,{LATE}", _of("server")),
    PlantedFault("silent_upgrade:share=0.3", _of("intermittent"), why="nobody can be pinged before the upgrade"),
    PlantedFault(f"stalled_reply:share=0.5,{LATE}", _of("server")),
    PlantedFault("zombie:share=0.5,after=2", _of("server")),
    PlantedFault(
        "mute",
        _of("server"),
        also=_of("intermittent", "format"),  # the requests that do it are never answered
        options=("--scenario", "mute=1,steady=2", "--pace-s", "0.2"),
    ),
    PlantedFault(
        "server_stall:from=8,every=8,for=3",
        _of(),
        also=_of("intermittent", "server"),
        why="surely told only by several hosts that fail together, in ten minutes and more",
    ),
    PlantedFault(f"cold_start:for=20,{LATE}", _of("server")),
    PlantedFault(
        "quota:limit=5", _of("server"), options=(*SHORT_SESSIONS, "--subjects", "4", "--connections-per-subject", "20")
    ),
    PlantedFault("restart:from=10,for=4", _of("server")),
    PlantedFault(f"bad_instance:instance=1,phase=welcome,effect=slow,share=0.6,{LATE}", _of("server")),
    PlantedFault("auth_gate:share=0.5", _of("auth", "server")),
    PlantedFault("refuse_503:share=0.3", _of("server")),
    PlantedFault("reset:share=0.3,phase=welcome", _of("intermittent"), why="a reset may be the network's"),
    PlantedFault("drop_type:types=chat", _of("format")),
    PlantedFault("idle_cut:idle=2", _of("server"), options=IDLE),
    PlantedFault("lifetime_cut:age=2", _of("server")),
    PlantedFault("subprotocol_echo:variant=wrong", _of("format")),
)


class Judged(NamedTuple):
    """What the verdict said.

    Attributes:
        confirmed: The claims that it confirmed.
        impaired: Why the load generator was not fit to measure; empty: it was. Such a run can tell nothing.
        void: Why nothing could be concluded though the generator was fit; empty: something could.
    """

    confirmed: frozenset[str]
    impaired: str = ""
    void: str = ""

    def misses(self, truth: PlantedFault) -> list[str]:
        """What is wrong with it, in words; empty: nothing."""
        if self.impaired or self.void:
            return [f"void: {self.impaired or self.void}"]
        missing = sorted(truth.right - self.confirmed)
        wrong = sorted(self.confirmed - truth.right - truth.also)
        return [f"{claim} is missing" for claim in missing] + [f"{claim} is not so" for claim in wrong]


def judged(truth: PlantedFault, reports: Path) -> Judged:
    """Soak with the fault, and read the verdict; again where the machine was too busy to tell."""
    for number in range(TRIES):
        found = _read(_soak(truth, reports / str(number)))
        if not found.impaired:
            break
    return found


def all_judged(truths: Sequence[PlantedFault], reports: Path, pool: ThreadPoolExecutor) -> list[Future[Judged]]:
    """For each truth what its verdict said, as soon as the pool has got to it."""
    return [pool.submit(judged, truth, reports / str(number)) for number, truth in enumerate(truths)]


def _soak(truth: PlantedFault, reports: Path) -> Path:
    command = [sys.executable, "-m", "locust", "--headless", "--only-summary", "--reports-dir", str(reports)]
    command += [*LOAD, *BUDGETS, *truth.options, "--fault", truth.fault]
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    found = list(reports.glob("*/verdict.json"))
    if not found:
        raise SystemExit(f"the soak with {truth.fault} left no verdict (exit status {done.returncode}): {done.stdout}")
    return found[0]


def _read(path: Path) -> Judged:
    verdict: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    confirmed = frozenset(name for name, claim in verdict["claims"].items() if claim["state"] == "confirmed")
    generator = verdict["generator"]
    if generator["state"] == "impaired":
        return Judged(confirmed, impaired=generator["why"])
    return Judged(confirmed, void=" ".join(verdict["data_quality"]) if verdict["slo"]["state"] == "void" else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faults", nargs="*", help="names of faults; all of them if none is given")
    parser.add_argument("--jobs", type=int, default=JOBS, help="soaks at a time")
    options = parser.parse_args()
    truths = [t for t in TRUTHS if not options.faults or t.fault.partition(":")[0] in options.faults]
    print("| planted | should be confirmed | was confirmed | |\n|---|---|---|---|", flush=True)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="wsoak-truth-") as reports, ThreadPoolExecutor(options.jobs) as pool:
        for truth, coming in zip(truths, all_judged(truths, Path(reports), pool), strict=True):
            found = coming.result()
            wrong = found.misses(truth)
            failed += bool(wrong)
            right, confirmed = (", ".join(sorted(names)) or "nothing" for names in (truth.right, found.confirmed))
            print(f"| `{truth.fault}` | {right} | {confirmed} | {'; '.join(wrong) or truth.why} |", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
