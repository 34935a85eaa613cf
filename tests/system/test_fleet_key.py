"""Who takes part in a fleet with SOAK_FLEET_KEY, and what the processes of a run know of secrets. Real processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import PATIENCE_S, ROOT, Soak, locust_command, wait_for
from tests.kit.children import free_port
from tests.kit.small_disks import fill, small_file_system

KEY = "the-key-of-this-fleet-and-of-no-other"
SECRETS = {
    "SOAK_FLEET_KEY": KEY,
    "SOAK_JWT_SECRET": "a-secret-of-this-test-that-is-long-enough-for-hs256",
    "VISITOR": "a-value-that-an-option-names",
    "CI_TOKEN": "a-token-of-a-ci-job",
}


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Callable[[int, dict[str, str]], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(port: int, variables: dict[str, str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            locust_command("--worker", "--master-port", str(port), "--reports-dir", str(tmp_path / "worker")),
            cwd=ROOT,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def master(start_soak: Callable[..., Soak], port: int, variables: dict[str, str], *options: str) -> Soak:
    return start_soak(
        *("--master", "--master-bind-port", str(port), "--headless", "--expect-workers", "1", "--users", "4"),
        *("--spawn-rate", "4", "--only-summary", "--no-analysis", "--run-time", "5s", *options),
        environment=variables,
    )


@pytest.mark.parametrize(
    ("masters", "workers", "says"),
    [
        (KEY, "", "asks for SOAK_FLEET_KEY, and this worker has none"),
        (KEY, "another-key-than-the-master's", "asks for SOAK_FLEET_KEY, and its key is another"),
        ("", KEY, "This worker has SOAK_FLEET_KEY, and the master at 127.0.0.1"),
        (KEY, "short", "SOAK_FLEET_KEY is shorter than 16 bytes"),
    ],
)
def test_a_worker_with_another_key_leaves_with_one_sentence(
    start_soak: Callable[..., Soak],
    worker: Callable[[int, dict[str, str]], subprocess.Popen[str]],
    masters: str,
    workers: str,
    says: str,
) -> None:
    port = free_port()
    master(start_soak, port, {"SOAK_FLEET_KEY": masters})
    process = worker(port, {"SOAK_FLEET_KEY": workers})
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2, output
    assert says in output
    assert "Traceback" not in output
    assert not any(key and key in output for key in (masters, workers) if key != "short")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="only Linux shows the environment of a process")
def test_a_fleet_with_a_key_brings_its_rows_home_and_no_child_has_a_secret_that_it_does_not_need(
    start_soak: Callable[..., Soak], worker: Callable[[int, dict[str, str]], subprocess.Popen[str]]
) -> None:
    port = free_port()
    options = (
        "--client",
        "websocket-client,websockets-asyncio",
        "--delay-ms",
        "0,40",
        "--header",
        "X-Visitor: env:VISITOR",
    )
    soak = master(start_soak, port, SECRETS, *options, "--run-time", "20s")
    process = worker(port, SECRETS)
    wait_for(lambda: list((soak.folder / "attempts").glob("*.parquet")), "stored rows")
    needed = {"standin": {"STANDIN_JWT_SECRET"}, "child": {"CI_TOKEN"}}
    seen = set()
    for parent in (soak.process.pid, process.pid):
        for pid in children_of(parent):
            name, variables = module_of(pid), environment_of(pid)
            seen.add(name)
            secret = {v for v in variables if v in SECRETS or v == "STANDIN_JWT_SECRET"}
            assert secret == needed.get(name, set()), name
            assert KEY not in Path(f"/proc/{pid}/cmdline").read_text()
    assert {"standin", "store", "relay", "child"} <= seen
    status, output = soak.end()
    process.communicate(timeout=PATIENCE_S)
    run = soak.run_json()
    assert (status, run["problems"], run["notes"]) == (0, [], []), output
    assert run["accounting"]["balanced"] is True
    assert KEY.encode() not in b"".join(f.read_bytes() for f in soak.folder.rglob("*") if f.is_file())


def children_of(parent: int) -> list[int]:
    found = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(pid) for file in found for pid in file.read_text().split()]


def module_of(pid: int) -> str:
    """The last part of the module that a process of ours runs; "" = it runs none."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return words[words.index("-m") + 1].rpartition(".")[2] if "-m" in words else ""


def environment_of(pid: int) -> set[str]:
    return set(re.findall(r"(?:^|\0)([^=\0]+)=", Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")))


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a small file system can be made by root only")
def test_a_full_disk_of_the_master_ends_the_run_once_and_aloud(
    start_soak: Callable[..., Soak],
    worker: Callable[[int, dict[str, str]], subprocess.Popen[str]],
    tmp_path: Path,
) -> None:
    with small_file_system(tmp_path / "reports"):
        port = free_port()
        soak = master(start_soak, port, {"SOAK_FLEET_SCALE": "0.2"}, "--run-time", "10m")
        process = worker(port, {"SOAK_FLEET_SCALE": "0.2"})
        wait_for(lambda: list((soak.folder / "attempts").glob("*.parquet")), "stored rows")
        fill(soak.folder / "ballast")
        status, output = soak.end()
        process.communicate(timeout=PATIENCE_S)
    assert status == 3, output
    assert "No space left on device" in output
    assert "Traceback" not in output, output
    assert output.count("cannot be kept in") <= 1
    assert list((tmp_path / "worker").rglob("*.spool")), "the rows are on the worker's disk"
