"""`python -m windows.check`: does wsoak work on Windows? Its unit tests there, and a soak with both platforms.

Exit status 0 all of it holds, 1 something does not, 2 there is no Windows CPython to ask.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from windows.build import is_built
from windows.evidence import connects_by_cell, read_rows
from windows.fleet import FleetRun, run_fleet
from windows.places import Places
from windows.unit_tests import UnitTests, run_unit_tests

# 8 minutes on a two-core machine on which eight other processes wanted to run.
UNIT_TESTS_DEADLINE_S = 900.0
# Three clients on four delays: 12 cells, each dealt several times within the one block of 60 s.
ARMS = ("--client=websocket-client,websockets-gevent,websockets-asyncio", "--delay-ms=0,80,160,320")
SHORT_SESSIONS = ("--scenario=churn", "--churn-exchanges=3", "--pace-s=0.2")
RUN_TIME_S = 40
USERS = 16


def soak_both_platforms(places: Places, reports: Path) -> FleetRun:
    """The soak that the check and the tests look at: every client and delay, on Windows and on Linux at once."""
    return run_fleet(places, reports=reports, run_time_s=RUN_TIME_S, users=USERS, options=[*ARMS, *SHORT_SESSIONS])


def say_unit_tests(result: UnitTests) -> bool:
    """Print the outcome; whether it is good."""
    for reason, count in sorted(result.skipped.items()):
        print(f"  skipped {count}: {reason}")
    for name in result.failed:
        print(f"  failed: {name}")
    if not result.ended:
        print(f"  pytest crashed, or did not end and was killed: ...{result.output.strip()[-800:]}")
    if not result.passed:
        print(f"  no test passed: ...{result.output.strip()[-800:]}")
    print(f"  {result.passed} passed, {len(result.failed)} failed, {result.skipped.total()} skipped")
    return bool(result.passed) and not result.failed and result.ended


def say_soak(run: FleetRun) -> bool:
    """Print the cells and how the processes ended; whether it is good."""
    problems = run.unclean_ends()
    for problem in problems:
        print(f"  {problem}")
    if not (run.folder / "attempts").is_dir():
        print(f"  no rows came home: ...{run.master.output.strip()[-800:]}")
        return False
    rows = read_rows(run.folder, "kind", "platform", "client", "event_loop", "delay_s", "outcome")
    cells = connects_by_cell(row for row in rows if row["kind"] == "connect")
    for cell, outcomes in cells.items():
        shown = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
        print(f"  {cell.platform:8} {cell.client:20} {cell.event_loop:17} {cell.delay_s * 1000:4.0f} ms  {shown}")
    return not problems and {cell.platform for cell in cells} >= {"Linux", "Windows"}


def main() -> int:
    """Run both and say how it went."""
    places = Places()
    if not is_built(places):
        print("windows.check: there is no Windows CPython (or an old one); `python -m windows.build` builds it.")
        return 2
    started = time.perf_counter()
    print("windows.check: the unit tests of attempts/ and scenarios/ on the Windows CPython", flush=True)
    tests_hold = say_unit_tests(run_unit_tests(places, deadline_s=UNIT_TESTS_DEADLINE_S))
    print(f"windows.check: a soak of {RUN_TIME_S} s, one worker on Windows, one on Linux", flush=True)
    with tempfile.TemporaryDirectory() as reports:
        soak_holds = say_soak(soak_both_platforms(places, Path(reports)))
    verdict = "holds" if tests_hold and soak_holds else "does not hold"
    print(f"windows.check: {verdict} ({time.perf_counter() - started:.0f} s)")
    return 0 if tests_hold and soak_holds else 1


if __name__ == "__main__":
    sys.exit(main())
