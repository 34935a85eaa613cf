"""A fleet inside one command, as a CI job has it: master and workers forked by `--processes`."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from tests.conftest import PATIENCE_S, Soak
from tests.kit.children import free_port


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
@pytest.mark.timeout(300)
def test_rows_of_forked_workers_come_home_and_their_hosts_are_one(start_soak: Callable[..., Soak]) -> None:
    port = str(free_port())
    soak = start_soak(
        *("--headless", "--processes", "2", "--master-bind-port", port, "--master-port", port, "--only-summary"),
        *("--users", "6", "--spawn-rate", "6", "--run-time", "6s"),
    )
    _, output = soak.end(2 * PATIENCE_S)
    run = soak.run_json()
    assert run["problems"] == [], output
    assert run["accounting"]["balanced"] is True, output
    assert len(run["workers"]) == 2
    assert len({worker["host"] for worker in run["workers"]}) == 1
