"""What only a Windows CPython can show: wsoak's own tests on it, and both platforms in one run."""

from __future__ import annotations

import json

import pytest

from scenarios.experiment.arms import MAX_IMBALANCE
from tests.conftest import ROOT
from windows.check import UNIT_TESTS_DEADLINE_S, soak_both_platforms
from windows.evidence import connects_by_cell, imbalance, read_rows
from windows.fleet import FleetRun, run_fleet
from windows.places import Places
from windows.run import start
from windows.unit_tests import run_unit_tests

pytestmark = [
    pytest.mark.windows,
    pytest.mark.slow,
    # The first test of all pays for the build, and the first of the soak's for the soak.
    pytest.mark.timeout(UNIT_TESTS_DEADLINE_S + 300),
]


# What decides without a socket, a clock or a file is the same on any platform; and of what clients do with a target
# that does wrong, the conformance table has a row of each kind. What master and workers tell each other, the mixed
# fleets below do on both platforms. `python -m windows.check` runs these, too.
IN_A_FLEET = (
    "checks",
    "dealt_users",
    "fleet",
    "fleet_wire",
    "locust_messages",
    "master_comes_back",
    "shapes",
    "time_keeper",
)
ELSEWHERE = (
    *(f"tests/scenarios/{room}" for room in ("checks", "experiment", "first_look", "options", "protocols", "screens")),
    "tests/scenarios/session",
    *(f"tests/scenarios/control/test_{name}.py" for name in IN_A_FLEET),
    *(f"tests/scenarios/clients/test_{name}.py" for name in ("faults", "floods", "peer_checks", "silences")),
)


@pytest.fixture(scope="module")
def both(windows_python: Places, tmp_path_factory: pytest.TempPathFactory) -> FleetRun:
    return soak_both_platforms(windows_python, tmp_path_factory.mktemp("reports"))


def test_a_stack_in_the_completion_port_is_what_a_waiting_loop_shows_and_a_blocked_one_does_not(
    windows_python: Places,
) -> None:
    process = start(windows_python, ["docs/waiting_loop.py", "2"])
    output = process.communicate(timeout=UNIT_TESTS_DEADLINE_S)[0].decode()
    waiting, blocked = (line for line in output.splitlines() if line.startswith(("waiting:", "blocked:")))
    assert "windows_events.py, in _poll: " in waiting and "GetQueuedCompletionStatus" in waiting, output
    assert "waiting: 0 events" not in waiting
    assert "blocked: 0 events" in blocked and "waiting_loop.py, in read_to_its_end: time.sleep" in blocked, output


def test_the_unit_tests_of_what_a_worker_runs_pass_on_windows(windows_python: Places) -> None:
    assert all((ROOT / place).exists() for place in ELSEWHERE)
    # websockets' core on gevent is on the loop of websocket-client, and its bytes are those of websockets-asyncio; of
    # asyncio's loops the completion ports are what a worker has on Windows.
    few = ("-k", "not websockets-gevent and not websockets-selector")
    chosen = ("-m", "not slow and not long", *few, *(f"--ignore={place}" for place in ELSEWHERE))
    result = run_unit_tests(windows_python, deadline_s=UNIT_TESTS_DEADLINE_S, chosen=chosen)
    assert not result.failed and result.ended, result.output[-20_000:]
    assert result.passed > 100


def test_the_seed_s_suite_ends_alike_on_both_platforms_hang_included(
    windows_python: Places, tmp_path_factory: pytest.TempPathFactory
) -> None:
    options = ("--scenario=p1=1,p1_naive=1", "--harness-timeout-s=12")
    run = run_fleet(
        windows_python, reports=tmp_path_factory.mktemp("p1"), run_time_s=60, users=4, options=options, run_id="p1"
    )
    rows = read_rows(run.folder, "kind", "platform", "scenario", "operation", "outcome", "cause")
    ended = [row for row in rows if row["kind"] == "check" and row["outcome"] != "aborted"]
    found = {
        platform: {
            (row["scenario"], row["operation"], row["outcome"], row["cause"])
            for row in ended
            if row["platform"] == platform
        }
        for platform in ("Linux", "Windows")
    }
    assert found["Windows"] == found["Linux"]
    assert ("p1_naive", "p1_23", "timeout", "test_mistake") in found["Windows"]
    assert {outcome for scenario, _, outcome, _ in found["Windows"] if scenario == "p1"} == {"ok"}


def test_every_process_of_a_mixed_fleet_ends_by_itself(both: FleetRun) -> None:
    assert not both.unclean_ends()


def test_rows_of_both_platforms_lie_in_one_run_and_none_is_missing(both: FleetRun) -> None:
    workers = json.loads((both.folder / "run.json").read_text())["workers"]
    assert {worker["platform"] for worker in workers} == {"Linux", "Windows"}
    rows = read_rows(both.folder, "worker", "platform")
    for worker in workers:
        stored = sum(row["worker"] == worker["worker"] for row in rows)
        assert stored == worker["rows_written"] > 0
        assert not worker["lost"]


def test_both_platforms_connect_through_every_client_at_every_delay(both: FleetRun) -> None:
    rows = read_rows(both.folder, "kind", "platform", "client", "event_loop", "delay_s", "outcome")
    cells = connects_by_cell(row for row in rows if row["kind"] == "connect")
    ok = {(cell.platform, cell.client, cell.delay_s) for cell, outcomes in cells.items() if outcomes["ok"]}
    clients = ("websocket-client", "websockets-gevent", "websockets-asyncio")
    expected = {(p, c, d) for p in ("Linux", "Windows") for c in clients for d in (0.0, 0.08, 0.16, 0.32)}
    assert ok == expected, {cell: dict(outcomes) for cell, outcomes in cells.items()}


def test_the_asyncio_client_ran_on_the_completion_ports_on_windows_only(both: FleetRun) -> None:
    rows = read_rows(both.folder, "platform", "client", "event_loop")
    loops = {(r["platform"], r["event_loop"]) for r in rows if r["client"] == "websockets-asyncio"}
    assert ("Windows", "asyncio-proactor") in loops
    assert ("Linux", "asyncio-proactor") not in loops


def test_cells_are_balanced_within_what_the_plan_promises(both: FleetRun) -> None:
    rows = read_rows(both.folder, "host", "kind", "client", "delay_s", "mitigation", "retry")
    first_tries = [row for row in rows if row["kind"] == "connect" and row["retry"] == 0]
    assert set(imbalance(first_tries).values()) <= {0, MAX_IMBALANCE}


def test_rows_say_that_this_windows_is_wine(both: FleetRun) -> None:
    rows = read_rows(both.folder, "platform", "platform_detail", "simulated")
    windows = [row for row in rows if row["platform"] == "Windows"]
    assert windows
    assert all("Wine" in row["platform_detail"] and not row["simulated"] for row in windows)
