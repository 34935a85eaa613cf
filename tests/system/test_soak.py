"""The main job as its users start it: a real `locust`, the real stand-in, real files."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pyarrow.dataset as ds
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.analysis.junit_documents import read_junit
from tests.conftest import PATIENCE_S, ROOT, Soak, crashing_protocol, wait_for

HEADLESS = ("--headless", "--users", "12", "--spawn-rate", "12", "--pace-s", "0.2")
# Where no verdict is asked for: the analysis takes three quarters of the processor time of so short a soak.
UNJUDGED = (*HEADLESS, "--no-analysis")


def attempts_of(folder: Path) -> ds.Dataset:
    return ds.dataset(sorted((folder / "attempts").glob("*.parquet")))


def rows_stored(folder: Path) -> int:
    return int(attempts_of(folder).count_rows())


def assert_balanced(soak: Soak) -> None:
    accounting = soak.run_json()["accounting"]
    assert accounting["balanced"] is True, accounting
    assert rows_stored(soak.folder) == accounting["rows_written"] > 0
    assert list((soak.folder / "spool").glob("*.spool")) == []


def test_a_healthy_soak_ends_with_every_row_a_verdict_and_its_exit_status(start_soak: Callable[..., Soak]) -> None:
    soak = start_soak(*HEADLESS, "--run-time", "6s", "--slo-success-ratio", "0.5")
    status, output = soak.end()
    assert_balanced(soak)
    run = soak.run_json()
    assert (run["ended"], run["problems"]) == ("run_time", []), output
    verdict = soak.verdict()
    assert status == {"met": 0, "breached": 1, "void": 3}[verdict["slo"]["state"]], output
    assert (soak.folder / "report.html").stat().st_size > 100_000
    assert (soak.folder / "summary.md").is_file()
    read_junit((soak.folder / "junit.xml").read_text(encoding="utf-8"))


def test_a_soak_serves_to_prometheus_what_it_has_stored(start_soak: Callable[..., Soak]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    soak = start_soak(*HEADLESS, "--no-analysis", "--run-time", "10m", "--prometheus-port", str(port))
    counted = 0.0

    def some_are_counted() -> bool:
        nonlocal counted
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                page = answer.read().decode()
        except urllib.error.URLError:  # not there yet
            return False
        samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
        assert not [sample for sample in samples if "staging-user" in str(sample.labels)]
        counted = sum(sample.value for sample in samples if sample.name == "wsoak_attempts_total")
        return counted > 0

    wait_for(some_are_counted, "attempts on the page")
    soak.process.send_signal(signal.SIGINT)
    _, output = soak.end()
    assert f"metrics of the run are at http://127.0.0.1:{port}/metrics" in output
    assert counted <= rows_stored(soak.folder)
    assert_balanced(soak)


def test_each_process_is_named_with_its_platform_its_libraries_and_its_relays_report(
    start_soak: Callable[..., Soak],
) -> None:
    soak = start_soak(
        *("--headless", "--only-summary", "--no-analysis", "--users", "6", "--spawn-rate", "6", "--run-time", "6s"),
        *("--client", "websocket-client,websockets-asyncio", "--delay-ms", "0,80", "--relay-jitter-ms", "20"),
        *("--relay-stall-ratio", "0.05", "--relay-stall-ms", "100", "--relay-bandwidth-kbit", "1000"),
    )
    _, output = soak.end()
    run = soak.run_json()
    assert run["settings"]["relay"]["jitter_ms"] == 20.0, output
    main, *children = run["workers"]
    assert children
    for worker in run["workers"]:
        assert worker["fingerprint"]["host"] == worker["host"]
        assert worker["fingerprint"]["tls"] == ssl.OPENSSL_VERSION
        assert worker["versions"]["websocket-client"] == run["versions"]["websocket-client"]
    relay = main["relay"]
    assert relay["connections"] > 0 and relay["chunks"] > 0
    assert 0.0 <= relay["error_p50_ms"] <= relay["error_p99_ms"] <= relay["error_max_ms"]
    assert (relay["is_kept"] is False) == any(p.startswith("The relay delayed") for p in run["problems"])
    assert all(child["relay"] is None for child in children)  # theirs is the main process's


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_soak_with_every_row_stored_and_analysed(
    start_soak: Callable[..., Soak], number: signal.Signals
) -> None:
    soak = start_soak(*HEADLESS, "--run-time", "10m", "--accept-early")
    wait_for(lambda: list((soak.folder / "attempts").glob("*.parquet")), "stored rows")
    soak.process.send_signal(number)
    status, output = soak.end()
    assert_balanced(soak)
    assert soak.run_json()["ended"] == "signal", output
    assert "s of 600 s, which --accept-early allows." in output
    assert status == {"met": 0, "breached": 1, "void": 3}[soak.verdict()["slo"]["state"]]


def test_kill_9_leaves_everything_up_to_the_last_flush(start_soak: Callable[..., Soak]) -> None:
    soak = start_soak(*UNJUDGED, "--run-time", "10m")
    wait_for(lambda: list((soak.folder / "spool").glob("*.open")), "a segment")
    wait_for(lambda: list((soak.folder / "attempts").glob("*.parquet")), "stored rows")
    soak.process.kill()
    soak.process.wait()
    # Its store may still be at work: it ends by itself when it hears no more.
    wait_for(lambda: run_module("attempts.store", soak.folder) == 3, "the end of its own store, and one of ours")
    stored = attempts_of(soak.folder).to_table(["worker", "seq"]).to_pydict()
    assert sorted(stored["seq"]) == list(range(len(stored["seq"])))
    assert len(stored["seq"]) > 0


def test_a_run_is_looked_at_while_it_goes_on_and_is_void_once_it_was_killed(start_soak: Callable[..., Soak]) -> None:
    soak = start_soak(*UNJUDGED, "--run-time", "10m")
    wait_for(lambda: list((soak.folder / "attempts").glob("*.parquet")), "stored rows")
    run_module("analysis", soak.folder)
    assert any("the run has not ended" in sentence for sentence in soak.verdict()["data_quality"])
    children = psutil.Process(soak.process.pid).children(recursive=True)
    store = next(child for child in children if "attempts.store" in child.cmdline())
    soak.process.kill()
    soak.process.wait()
    # Its store ends by itself when it hears no more; until then the run may still be called live.
    store.wait(PATIENCE_S)
    assert run_module("analysis", soak.folder) == 3
    assert any("it was killed" in sentence for sentence in soak.verdict()["data_quality"])


def run_module(module: str, *arguments: object) -> int:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--exchange-budget-s", "-1"), "a number above 0. Help: python -m scenarios.options exchange-budget-s\n"),
        (("--fault", "slow_welcom:share=0.1"), "slow_welcome"),
        (("--jwt-key-file", "/nowhere/key", "--host", "ws://127.0.0.1:9/ws"), "/nowhere/key"),
        (("--host", "wss://staging.example.com"), "SOAK_ALLOWED_HOSTS"),
        (("--scenario", "stedy"), "did you mean 'steady'"),
        (("--client", "curl"), "--client"),
        (("--protocol", "no.such:Thing"), "no.such"),
        (("--protocol", ":Thing"), ":Thing"),
        (("--users", "-1"), "--users is -1"),
        (("--subjects", "1", "--connections-per-subject", "2"), "--subjects"),
    ],
)
def test_what_cannot_run_is_refused_before_the_first_connection(
    start_soak: Callable[..., Soak], arguments: tuple[str, ...], says: str
) -> None:
    soak = start_soak(*HEADLESS, "--run-time", "5s", *arguments, environment={"SOAK_ALLOWED_HOSTS": "127.0.0.1"})
    status, output = soak.end()
    assert status == 2, output
    assert says in output
    assert "Traceback" not in output
    assert not soak.reports.exists()


def test_a_user_that_crashes_makes_the_run_void(start_soak: Callable[..., Soak], tmp_path: Path) -> None:
    crashing = tmp_path / "locustfile.py"
    crashing.write_text(
        "from locust import events\n"
        "from scenarios.control.hooks import install\n"
        "from scenarios.load.users import SoakUser\n"
        "install()\n"
        "def crash(user):\n"
        "    raise RuntimeError('a bug of ours')\n"
        "SoakUser.on_start = crash\n"
    )
    soak = start_soak("-f", str(crashing), *UNJUDGED, "--run-time", "5s", "--scenario", "steady")
    status, output = soak.end()
    assert status == 3, output
    assert any("a bug of ours" in p for p in soak.run_json()["problems"])


def test_a_protocol_class_that_raises_in_the_middle_of_a_session_ends_the_run_and_is_said(
    start_soak: Callable[..., Soak], tmp_path: Path
) -> None:
    protocol = crashing_protocol(tmp_path)
    soak = start_soak(*UNJUDGED, "--run-time", "5m", *protocol.options, environment=protocol.environment)
    status, output = soak.end()
    assert status == 3, output
    assert protocol.sentence in soak.run_json()["problems"]


def test_a_listener_that_crashes_makes_the_run_void(start_soak: Callable[..., Soak], tmp_path: Path) -> None:
    crashing = tmp_path / "locustfile.py"
    crashing.write_text(
        "from locust import events\n"
        "from scenarios.control.hooks import install\n"
        "from scenarios.load.users import SoakUser\n"
        "install()\n"
        "@events.spawning_complete.add_listener\n"
        "def listener(**_):\n"
        "    raise RuntimeError('a bug in a listener')\n"
    )
    soak = start_soak("-f", str(crashing), *UNJUDGED, "--run-time", "5s")
    status, output = soak.end()
    assert status == 3, output
    assert any("raised inside Locust" in p for p in soak.run_json()["problems"])


def test_the_shape_ramps_storms_and_ends(start_soak: Callable[..., Soak]) -> None:
    soak = start_soak(*UNJUDGED, "--run-time", "10s", "--shape", "ramp-soak-storm", "--scenario", "storm")
    soak.end()
    assert_balanced(soak)
    table = attempts_of(soak.folder).to_table(["kind", "user"]).to_pandas()
    assert (table[table["kind"] == "connect"].groupby("user").size() >= 2).all()  # everybody reconnected


def test_no_secret_or_token_is_in_anything_that_a_run_leaves(start_soak: Callable[..., Soak]) -> None:
    secret = "a-secret-that-nobody-may-see-anywhere-0123456789"
    soak = start_soak(*HEADLESS, "--run-time", "4s", environment={"SOAK_JWT_SECRET": secret})
    _, output = soak.end()
    written = [output.encode()] + [f.read_bytes() for f in soak.folder.rglob("*") if f.is_file()]
    for text in written:
        assert secret.encode() not in text
        assert b"eyJhbGciOi" not in text  # how every JWT begins
    assert json.loads((soak.folder / "run.json").read_text())["accounting"]["ok"] > 0
