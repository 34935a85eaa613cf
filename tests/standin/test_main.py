"""`python -m standin` as its users start it: the ready line, its exit status, and its end whatever is open."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.standin.serving import PATIENCE_S, ROOT, Process, Standin, environment, raw_upgrade, token, wait_for

Start = Callable[..., Process]
PING = '{"type":"ping"}'


def test_a_port_that_is_lost_during_a_restart_ends_it_with_a_sentence() -> None:
    command = [sys.executable, "-m", "standin", "--exit-with-stdin", "--fault", "restart:from=0.2,for=1"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None and process.stderr is not None
        port = int(json.loads(process.stdout.readline())["http_url"].rsplit(":", 1)[1])

        def taken() -> socket.socket | None:
            try:
                return socket.create_server(("127.0.0.1", port))
            except OSError:
                return None

        with wait_for(taken, "the free port"):
            assert process.wait(PATIENCE_S) == 1
        text = process.stderr.read().decode()
    assert text.startswith(f"standin: Port {port} was taken by another process") and text.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_whatever_is_open(start_process: Start, sign: int) -> None:
    server = start_process(
        "--fault", "slow_welcome:delay=600,by=subject,share=0.5,seed=1", "--fault", "stalled_reply:delay=600"
    )
    with server.connect(token(sub="waits")) as waiting, server.connect() as other:
        other.send(PING)
        stream = urllib.request.urlopen(server.http_url + "/api/events/stream", timeout=PATIENCE_S)
        idle = socket.create_connection(("127.0.0.1", server.port))
        with stream, idle:
            server.process.send_signal(sign)
            assert server.process.wait(PATIENCE_S) == 0
        for websocket in (waiting, other):
            with pytest.raises(ConnectionClosed):
                while True:
                    websocket.recv(PATIENCE_S)
    assert {line["ended"] for line in server.truth()} == {"shutdown"}


@pytest.mark.parametrize("fault", ["silent_upgrade", "server_stall:from=0,every=0,for=600"])
def test_it_ends_in_silence_and_in_a_stall(start_process: Start, fault: str) -> None:
    server = start_process("--fault", fault)
    with raw_upgrade(server):
        assert server.stop() == 0


def test_the_ready_line_is_one_line_with_the_address_and_canonical_faults(start_process: Start) -> None:
    server = start_process("--fault", "slow_welcome:delay=3", "--fault", "none", "--instances", "2", "--seed", "9")
    ready = server.ready
    assert set(ready) == {"event", "url", "http_url", "pid", "instances", "faults", "ca_file"}
    assert ready["event"] == "ready" and ready["pid"] == server.process.pid and ready["ca_file"] is None
    assert ready["instances"] == ["instance-0", "instance-1"]
    assert ready["faults"] == ["slow_welcome:seed=9,delay=3", "none"]
    server.stop()
    assert server.process.stdout is not None and server.process.stdout.read() == b""


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "standin", *arguments]
    # Standard input is closed at once, so that nothing that starts by mistake stays.
    return subprocess.run(
        [*command, "--exit-with-stdin"],
        cwd=ROOT,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_an_occupied_port_is_one_sentence_and_status_2(healthy: Standin) -> None:
    result = run("--port", str(healthy.port))
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.startswith(f"standin: Cannot listen on 127.0.0.1 port {healthy.port}: ")
    assert result.stderr.count("\n") == 1 and "--port 0" in result.stderr


def test_check_tells_good_from_bad_without_starting(tmp_path: Path) -> None:
    good = run("--check", "--fault", "slow_welcome:share=0.05,delay=12", "--state-dir", str(tmp_path / "state"))
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
    assert not (tmp_path / "state").exists()
    bad = run("--check", "--fault", "slow_welcome:delay=x")
    assert bad.returncode == 2 and bad.stderr.count("\n") == 1 and bad.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["--public-key-file", str(ROOT / "no-such-key.pem")], {}),
        (["--log", str(ROOT / "LICENSE" / "log")], {}),
        (["--host", "no.such.host.invalid"], {}),
        (["--host", "203.0.113.7"], {}),
        ([], {"STANDIN_JWT_SECRET": "short"}),
    ],
    ids=["key", "log", "name", "address", "secret"],
)
def test_what_cannot_be_is_one_sentence_and_status_2(arguments: list[str], variables: dict[str, str]) -> None:
    result = run(*arguments, **variables)
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.startswith("standin: ") and result.stderr.count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs the device that is always full")
def test_a_truth_that_cannot_be_written_ends_it_loudly() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "standin", "--truth", "/dev/full", "--exit-with-stdin"],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None and process.stderr is not None
        port = int(json.loads(process.stdout.readline())["http_url"].rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            assert b"400" in raw.recv(100)
        assert process.wait(PATIENCE_S) == 1
        assert process.stderr.read() == b"standin: /dev/full cannot be written: No space left on device.\n"


def test_the_list_of_faults_is_printed() -> None:
    result = run("--list-faults")
    assert result.returncode == 0 and "slow_welcome: " in result.stdout
