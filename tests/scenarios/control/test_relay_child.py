"""The relay's part of the options, and what its end means for the run."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import msgspec
import pytest

from scenarios.control.relay_child import relay_arguments, relay_end, start_relay, stop_relay
from scenarios.options import Settings, settings_from
from scenarios.plan import Target
from scenarios.relay.__main__ import parse
from scenarios.relay.protocol import connect_request, read_reply
from scenarios.relay.report import Report

# Less than the clocks' and epoll's steps: a stall may not come out shorter than this.
STEP_S = 0.002
REPORT = Report(
    connections=7,
    open=0,
    failed=1,
    chunks=900,
    error_p50_s=0.000_4,
    error_p99_s=0.002,
    error_max_s=0.003,
    read_p99_s=0.001,
    promise_s=0.005,
    is_kept=True,
)


def output(report: Report) -> str:
    return f"an unrelated line\n{msgspec.json.encode(report).decode()}\n"


def target(host: str = "127.0.0.1", port: int = 8000) -> Target:
    return Target(scheme="ws", host=host, port=port, path="/ws", protocol="staging")


def delayed(**values: object) -> Settings:
    return settings_from({"delay_ms": "0,80", **values})


def test_the_options_reach_the_relay_in_the_relays_own_words() -> None:
    line = {"relay_jitter_ms": 12.5, "relay_stall_ratio": 0.02, "relay_stall_ms": 300, "relay_bandwidth_kbit": 512}
    told = parse(relay_arguments(delayed(seed=7, **line), target("::1", 443)))
    assert (told.jitter_ms, told.stall_ratio, told.stall_ms, told.bandwidth_kbit) == (12.5, 0.02, 300.0, 512.0)
    assert (told.seed, told.target, told.exit_with_stdin) == (7, ["[::1]:443"], True)


def test_without_them_the_line_is_perfect_but_for_its_delay() -> None:
    told, plain = parse(relay_arguments(delayed(), target())), parse([])
    for name in ("jitter_ms", "stall_ratio", "stall_ms", "bandwidth_kbit"):
        assert getattr(told, name) == getattr(plain, name)


def test_a_relay_that_kept_its_promise_is_reported_too() -> None:
    entry, problems = relay_end(0, output(REPORT))
    assert problems == []
    assert entry is not None
    assert (entry.connections, entry.failed, entry.chunks, entry.is_kept) == (7, 1, 900, True)
    assert (entry.error_p50_ms, entry.error_p99_ms, entry.error_max_ms) == (0.4, 2.0, 3.0)
    assert (entry.read_p99_ms, entry.promise_ms) == (1.0, 5.0)


def test_a_broken_promise_is_reported_and_makes_the_run_void() -> None:
    entry, problems = relay_end(3, output(msgspec.structs.replace(REPORT, error_p99_s=0.02, is_kept=False)))
    assert entry is not None and entry.error_p99_ms == 20.0 and entry.is_kept is False
    assert len(problems) == 1
    assert problems[0].startswith("The relay delayed by 0.0200 s more than asked")


def test_a_relay_that_carried_nothing_has_no_error_to_tell() -> None:
    nothing = msgspec.structs.replace(
        REPORT, chunks=0, error_p50_s=None, error_p99_s=None, error_max_s=None, is_kept=None
    )
    entry, problems = relay_end(0, output(nothing))
    assert problems == []
    assert entry is not None and entry.error_p99_ms is None and entry.is_kept is None


@pytest.mark.parametrize("said", ["", "Killed", '{"event": "report"}'])
def test_a_relay_without_a_report_makes_the_run_void(said: str) -> None:
    assert relay_end(0, said).entry is None
    assert relay_end(0, said).problems[0].startswith("The relay ended without its report")


def test_a_relay_that_crashed_makes_the_run_void() -> None:
    assert relay_end(-9, "").problems == ["The relay was killed by SIGKILL."]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_relay_that_was_asked_for_a_stalling_line_stalls_and_says_at_its_end_how_it_did(
    listener: socket.socket,
) -> None:
    host, port = listener.getsockname()
    relay = start_relay(delayed(relay_stall_ratio=1.0, relay_stall_ms=400), target(host, port))
    try:
        with socket.create_connection(("127.0.0.1", relay.ready["port"]), timeout=30.0) as client:
            client.sendall(connect_request(host, port, delay_s=0.002, seed=1))
            received = b""
            while (reply := read_reply(received)) is None:
                received += client.recv(4096)
            assert reply.errno is None
            accepted, _ = listener.accept()
            with accepted:
                accepted.settimeout(30.0)
                sent_at = time.perf_counter()
                client.sendall(b"late")
                assert accepted.recv(4) == b"late"
                assert time.perf_counter() - sent_at >= 0.400 - STEP_S
    finally:
        entry, _ = stop_relay(relay)
    assert entry is not None and entry.connections == 1 and entry.chunks >= 2
