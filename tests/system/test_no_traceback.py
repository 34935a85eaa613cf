"""Nothing that a target or a user does ends in a traceback: hostile servers, the docs' examples, Ctrl-C."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, Soak, wait_for
from tests.scenarios.clients.test_floods import EMPTY_FRAGMENTS, PINGS, SMALL_MESSAGES
from tests.scenarios.kit.events import EVENTS
from tests.scenarios.kit.hostile_server import HostileServer
from tests.test_docs import PAGES, commands

SCRIPTS = [event.script for event in EVENTS if not event.tls]
# What Python, asyncio and gevent say of an error that nobody has handled.
UNHANDLED = ("Traceback", "Exception in", "exception was never retrieved", "failed with", "unraisable")

SHORT_BUDGETS = (
    *("--connect-budget-s", "2", "--exchange-budget-s", "1", "--close-budget-s", "0.5", "--peer-check-s", "0.5"),
    *("--probe-every-s", "0.5"),
)


def assert_quiet(output: str) -> None:
    found = [sign for sign in UNHANDLED if sign in output]
    assert not found, f"{found}\n{output}"


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--client", "websocket-client,websockets-gevent,websockets-asyncio"), marks=pytest.mark.long),
        ("--client", "websocket-client,websockets-asyncio", "--delay-ms", "0,40", "--relay-bandwidth-kbit", "2000"),
        ("--client", "websockets-gevent,websockets-asyncio", "--compression"),
    ],
    ids=["direct", "behind the relay", "compressed"],
)
def test_whatever_a_server_does_a_soak_ends_with_its_rows_and_without_a_traceback(
    start_soak: Callable[..., Soak], options: tuple[str, ...]
) -> None:
    with HostileServer([*SCRIPTS, PINGS, SMALL_MESSAGES, EMPTY_FRAGMENTS]) as server:
        soak = start_soak(
            *("--headless", "--users", "40", "--spawn-rate", "40", "--run-time", "20s", "--scenario", "churn=3,idle"),
            *("--host", f"ws://127.0.0.1:{server.port}/ws", *SHORT_BUDGETS, *options),
            environment={
                "SOAK_ALLOWED_HOSTS": "127.0.0.1",
                "SOAK_JWT_SECRET": "longer than thirty-two bytes, and no secret",
            },
        )
        status, output = soak.end()
    assert_quiet(output)
    assert status in (1, 3), output
    run = soak.run_json()
    assert run["accounting"]["balanced"] is True, run["accounting"]
    assert not [problem for problem in run["problems"] if not problem.startswith("The relay delayed")], output
    assert all(server.played), "every script was met"
    assert soak.verdict()["claims"]["client_loop"]["state"] != "confirmed", "floods are the server's doing"


# What a machine that is not the reader's refuses, in one sentence: nobody has allowed the host, the docs' own class or
# log is not there.
REFUSED = {
    "--host": "SOAK_ALLOWED_HOSTS",
    "sockjs_soak:SockJS": "--protocol 'sockjs_soak:SockJS' cannot",
    "--server-log": "No such file or directory",
}


def _example(command: str, reports: Path) -> list[str] | None:
    """The command with a short soak of few users in place of a long one; None = it is no soak of one machine."""
    words = shlex.split(command, comments=True)
    if words[:2] != ["locust", "--headless"]:
        return None
    for option, value in (("--users", "6"), ("--run-time", "4s"), ("--spawn-rate", "6")):
        if option in words:
            words[words.index(option) + 1] = value
    return [sys.executable, "-m", *words, "--reports-dir", str(reports)]


EXAMPLES = sorted({c for page in PAGES for c in commands(page) if _example(c, Path()) is not None})


def test_there_are_examples_of_soaks_in_the_docs() -> None:
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_docs_ends_without_a_traceback(example: str, tmp_path: Path) -> None:
    command = _example(example, tmp_path / "reports")
    assert command is not None
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SOAK_")}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )
    assert_quiet(done.stdout + done.stderr)
    refusals = [refusal for option, refusal in REFUSED.items() if option in command]
    if refusals:
        assert done.returncode == 2
        assert any(refusal in done.stderr for refusal in refusals), done.stderr
    else:
        assert done.returncode in (0, 1, 3)


def run_module(module: str, *arguments: object) -> int:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode


def test_a_second_ctrl_c_leaves_a_run_and_what_it_says_to_type_judges_it(start_soak: Callable[..., Soak]) -> None:
    soak = start_soak("--headless", "--users", "6", "--spawn-rate", "6", "--run-time", "10m")
    wait_for(lambda: list((soak.folder / "attempts").glob("*.parquet")), "stored rows")
    soak.process.send_signal(signal.SIGINT)
    # Its users have stopped: run.json says how it ended before the rows are analysed.
    wait_for(lambda: soak.run_json()["ended"] != "running", "the end of the run")
    soak.process.send_signal(signal.SIGINT)
    status, said = soak.end()
    assert_quiet(said)
    assert "Ctrl-C once more" in said
    assert status == 3 and f"python -m analysis {soak.folder}" in said
    assert not (soak.folder / "verdict.json").exists()
    wait_for(lambda: run_module("attempts.store", soak.folder) != 2, "the end of the store that was left")
    run_module("analysis", soak.folder)
    assert soak.verdict()["attempts"] > 0
