"""Master and workers on several real hosts (network namespaces): every row comes home, or the run says no."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import PATIENCE_S, crashing_protocol, json_of, wait_for
from tests.fleets import fleet

pytestmark = pytest.mark.timeout(300)
LEFT_ALONE = ("--no-analysis",)  # the verdict is not the question where rows and problems are


def test_rows_of_all_hosts_come_home(tmp_path: Path) -> None:
    with fleet(2, tmp_path) as running:
        master = running.soak("15s")  # in a shorter one a trend lacks parts
        output, _ = master.communicate(timeout=PATIENCE_S)
        run = running.run_json()
        assert run["problems"] == [], output
        assert run["accounting"]["balanced"] is True, output
        assert running.rows_stored() == running.rows_written()
        assert len(running.rows_stored()) == 2
        assert all(abs(w["clock_offset_s"]) < 0.5 for w in run["workers"])  # one machine's clock
        assert not list(tmp_path.glob("worker-*/.outbox/*/*/*"))  # nothing left behind
        # Void only for what a machine that is busy with other tests does to a loop.
        generator = json_of(running.folder / "verdict.json")["generator"]
        assert (master.returncode == 3) == (generator["state"] == "impaired"), output


def test_rows_survive_a_cable_that_was_pulled_for_a_while(tmp_path: Path) -> None:
    with fleet(2, tmp_path) as running:
        master = running.soak("20s", *LEFT_ALONE)
        wait_for(lambda: len(running.workers_stored()) == 2, "rows of both workers")
        cut = running.worker_hosts[0]
        cut.plug(connected=False)
        outbox = tmp_path / "worker-0" / ".outbox"
        wait_for(lambda: len(list(outbox.glob("*/*/*.spool"))) >= 1, "segments that cannot be shipped")
        cut.plug(connected=True)
        output, _ = master.communicate(timeout=2 * PATIENCE_S)
        run = running.run_json()
        assert run["accounting"]["balanced"] is True, output
        assert not list(outbox.glob("*/*/*.spool"))


def test_a_worker_that_cannot_take_part_ends_the_run_and_says_why(tmp_path: Path) -> None:
    with fleet(1, tmp_path) as running:
        master = running.soak("5m", *LEFT_ALONE, "--client", "websockets-proactor")
        output, _ = master.communicate(timeout=PATIENCE_S)
        assert master.returncode == 3, output
        assert any("given up: --client websockets-proactor needs Windows" in p for p in running.run_json()["problems"])


def test_a_protocol_class_that_raises_on_a_worker_ends_the_run_and_is_said(tmp_path: Path) -> None:
    protocol = crashing_protocol(tmp_path)
    with fleet(1, tmp_path) as running:
        running.environment |= protocol.environment
        master = running.soak("5m", *LEFT_ALONE, *protocol.options)
        output, _ = master.communicate(timeout=PATIENCE_S)
        assert master.returncode == 3, output
        assert f"A worker has given up: {protocol.sentence}" in running.run_json()["problems"], output


def test_a_worker_that_was_killed_makes_the_run_void_and_its_rows_can_be_brought(tmp_path: Path) -> None:
    with fleet(2, tmp_path) as running:
        master = running.soak("15s", *LEFT_ALONE)
        wait_for(lambda: len(running.workers_stored()) == 2, "rows of both workers")
        # The second process of the pair: `ip netns exec` has become the worker itself.
        running.workers[0].kill()
        output, _ = master.communicate(timeout=2 * PATIENCE_S)
        run = running.run_json()
        assert master.returncode == 3, output
        assert any("was lost" in p for p in run["problems"]), run["problems"]
        assert sum(w["lost"] for w in run["workers"]) == 1
        # A lost worker has told what it runs on before it was lost.
        assert all(w["fingerprint"]["python"] == w["versions"]["python"] for w in run["workers"])
        before = running.rows_stored()
        left = running.flushed_by(0)
        running.collect(0)
        assert running.rows_stored() == before + left
