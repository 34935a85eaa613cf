"""Ends that are none: whoever stops a run before its time, and whatever becomes of its terminal."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pyarrow.dataset as ds
import pytest

from tests.conftest import PATIENCE_S, ROOT, Soak, locust_command, wait_for
from tests.kit.children import free_port
from tests.kit.small_disks import fill, small_file_system

USERS = ("--headless", "--users", "6", "--spawn-rate", "6", "--pace-s", "0.2")
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither SIGHUP nor pseudo-terminals")


def stored(folder: Path) -> list[Path]:
    return list((folder / "attempts").glob("*.parquet"))


def assert_no_traceback(output: str) -> None:
    assert "Traceback" not in output and "Exception ignored" not in output, output


# What the other two signals do to a run, its rows and its verdict is asserted by test_soak, with --accept-early.
@posix
@pytest.mark.parametrize(
    "number",
    [*(pytest.param(one, marks=pytest.mark.long) for one in (signal.SIGTERM, signal.SIGINT)), signal.SIGHUP],
)
def test_a_run_that_was_ended_early_is_void_and_says_how_much_of_it_there_was(
    start_soak: Callable[..., Soak], number: signal.Signals
) -> None:
    soak = start_soak(*USERS, "--run-time", "10m", "--only-summary")
    wait_for(lambda: stored(soak.folder), "stored rows")
    soak.process.send_signal(number)
    status, output = soak.end()
    assert status == 3, output
    assert soak.run_json()["ended"] == "signal"
    assert soak.run_json()["accounting"]["balanced"] is True
    assert "s of 600 s" in soak.run_json()["problems"][0]
    first = next(line for line in output.splitlines() if line.startswith("Void, nothing may be concluded"))
    assert "the run ended after" in first.partition("(")[0]
    assert_no_traceback(output)


@pytest.mark.long
@posix
def test_a_shape_that_makes_the_load_is_ended_in_order_too(start_soak: Callable[..., Soak]) -> None:
    soak = start_soak(*USERS, "--run-time", "10m", "--shape", "ramp-soak-storm", "--no-analysis", "--only-summary")
    wait_for(lambda: stored(soak.folder), "stored rows")
    soak.process.send_signal(signal.SIGTERM)
    status, output = soak.end()
    assert status == 3, output
    assert soak.run_json()["accounting"]["balanced"] is True
    assert_no_traceback(output)


@pytest.mark.long
def test_a_run_without_a_planned_end_cannot_end_early(start_soak: Callable[..., Soak]) -> None:
    soak = start_soak(*USERS, "--no-analysis", "--only-summary")
    wait_for(lambda: stored(soak.folder), "stored rows")
    soak.process.send_signal(signal.SIGINT)
    status, output = soak.end()
    assert (status, soak.run_json()["problems"]) == (0, []), output


@posix
def test_a_second_ctrl_c_leaves_at_once_and_every_flushed_row_can_still_be_stored(
    start_soak: Callable[..., Soak],
) -> None:
    soak = start_soak(*USERS, "--run-time", "10m", "--only-summary")
    wait_for(lambda: stored(soak.folder), "stored rows")
    soak.process.send_signal(signal.SIGINT)
    said = wait_for_line(soak, "Ctrl-C once more leaves it as it is")
    left_at = time.monotonic()
    soak.process.send_signal(signal.SIGINT)
    status, rest = soak.end()
    assert time.monotonic() - left_at < PATIENCE_S / 6
    assert status == 3
    assert "No row is lost" in rest
    assert_no_traceback(said + rest)
    # Its own store may still be at work (2); that the worker never said how many rows there are is told by 3.
    command = [sys.executable, "-m", "attempts.store", str(soak.folder)]
    wait_for(lambda: subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 3, "the rows stored")
    rows = ds.dataset(stored(soak.folder)).to_table(["seq"])["seq"].to_pylist()
    assert sorted(rows) == list(range(len(rows)))


@posix
@pytest.mark.parametrize("option", ["--allow-less-load", "--no-live-analysis"])
def test_a_second_ctrl_c_while_analysing_leaves_a_run_of_which_nobody_makes_a_verdict_later(
    start_soak: Callable[..., Soak], option: str
) -> None:
    soak = start_soak(*USERS, "--run-time", "2s", "--only-summary", option)
    wait_for_line(soak, "wsoak: analysing")
    children = psutil.Process(soak.process.pid).children(recursive=True)
    assert any("analysis" in word for child in children for word in child.cmdline())
    soak.process.send_signal(signal.SIGINT)
    wait_for_line(soak, "Ctrl-C once more leaves it as it is")
    soak.process.send_signal(signal.SIGINT)
    status, said = soak.end()
    assert status == 3
    assert f"python -m analysis {soak.folder} looks at it" in said
    # What had gone on would have a verdict by its end.
    assert not psutil.wait_procs(children, timeout=PATIENCE_S)[1]
    assert not (soak.folder / "verdict.json").exists()


def wait_for_line(soak: Soak, words: str) -> str:
    assert soak.process.stdout is not None
    lines = []
    for line in soak.process.stdout:
        lines.append(line)
        if words in line:
            return "".join(lines)
    raise AssertionError("".join(lines))


@pytest.fixture
def terminal() -> Iterator[Callable[..., tuple[subprocess.Popen[str], int]]]:
    """Start `locust` as the foreground of a terminal of its own; gives the process and the other end."""
    started = []

    def start(*arguments: str) -> tuple[subprocess.Popen[str], int]:
        mine, its = os.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", FOREGROUND, *locust_command(*arguments)],
            cwd=ROOT,
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
            text=True,
        )
        os.close(its)
        started.append(process)
        return process, mine

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


# A session's leader takes the terminal that it is given as its own, as a login does; then it is the command itself.
FOREGROUND = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@posix
def test_a_terminal_that_is_closed_ends_the_run_with_a_verdict(
    terminal: Callable[..., tuple[subprocess.Popen[str], int]], tmp_path: Path
) -> None:
    process, mine = terminal("--reports-dir", str(tmp_path), *USERS, "--run-time", "10m", "--accept-early")
    reading = threading.Event()

    def read() -> None:
        while not reading.is_set():
            os.read(mine, 65_536)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    folder = wait_for(lambda: next((f.parent for f in tmp_path.glob("*/run.json")), None), "a run folder")
    wait_for(lambda: stored(folder), "stored rows")
    reading.set()
    reader.join(PATIENCE_S)
    os.close(mine)
    status = process.wait(PATIENCE_S)
    run = Soak(process, tmp_path)
    assert run.run_json()["problems"] == []
    assert run.run_json()["ended"] == "signal"
    assert status == {"met": 0, "breached": 1, "void": 3}[run.verdict()["slo"]["state"]]


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_master_that_still_waits_for_its_workers_is_ended_with_a_sentence(
    start_soak: Callable[..., Soak], number: signal.Signals
) -> None:
    port = free_port()
    soak = start_soak("--master", "--master-bind-port", str(port), *USERS, "--run-time", "10m", "--expect-workers", "1")
    said = wait_for_line(soak, "Waiting for workers to be ready")
    deadline = time.monotonic() + PATIENCE_S
    while soak.process.poll() is None and time.monotonic() < deadline:
        soak.process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            soak.process.wait(PATIENCE_S / 9)
    status, rest = soak.end()
    assert status == 3, rest
    assert "interrupted before a run began" in rest
    assert not soak.reports.exists()
    assert_no_traceback(said + rest)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a small file system can be made by root only")
def test_a_full_disk_ends_a_run_without_a_traceback(start_soak: Callable[..., Soak], tmp_path: Path) -> None:
    with small_file_system(tmp_path / "reports"):
        soak = start_soak(*USERS, "--run-time", "10m", "--only-summary")
        wait_for(lambda: stored(soak.folder), "stored rows")
        fill(soak.folder / "ballast")
        status, output = soak.end()
    assert status == 3, output
    assert "No space left on device" in output
    assert_no_traceback(output)
