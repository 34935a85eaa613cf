"""The process: restarts, stalls, and its end, whatever connections are open."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest
from websockets.exceptions import ConnectionClosed

from tests.standin.serving import (
    PATIENCE_S,
    Standin,
    ask,
    frame,
    until,
    wait_for,
)

Start = Callable[..., Standin]
PING = '{"type":"ping"}'


def can_connect(server: Standin) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize(("drop", "close_code"), [("abort", None), ("1012", 1012)])
def test_a_restart_drops_everybody_refuses_and_comes_back(start: Start, drop: str, close_code: int | None) -> None:
    server = start("--fault", f"restart:from=1,for=1,drop={drop}")
    with server.session() as websocket, pytest.raises(ConnectionClosed) as closed:
        websocket.recv(PATIENCE_S)
    received = closed.value.rcvd
    assert (received.code if received else None) == close_code
    wait_for(lambda: not can_connect(server), "the closed listening socket")
    wait_for(lambda: can_connect(server), "the return")
    with server.session():
        pass
    (window,) = wait_for(lambda: server.truth("window"), "the truth of the restart")
    assert window["fault"] == "restart" and window["closed_at"] - window["opened_at"] >= 800_000
    assert sum("Started server process" in message for message in server.messages()) == 2
    first = wait_for(server.truth, "a truth line")[0]
    assert (first["fault"], first["ended"], first["close_code"]) == ("restart", "restart", close_code)


def test_a_restart_forgets_quotas_and_starts_cold_again(start: Start) -> None:
    server = start(
        "--fault", "restart:from=2,for=0.3", "--fault", "cold_start:for=1,delay=0", "--fault", "quota:limit=1"
    )
    with server.connect() as websocket:
        until(websocket, "ping")
        with pytest.raises(ConnectionClosed):
            websocket.recv(PATIENCE_S)
    wait_for(lambda: can_connect(server), "the return")
    with server.connect() as websocket:
        assert frame(websocket)["data"]["event"] == "degraded_mode"


def test_a_stall_blocks_the_loop_for_everybody(start: Start) -> None:
    server = start("--fault", "server_stall:from=1,for=1,every=0")
    replies: list[float] = []
    with server.session() as websocket:
        while not server.truth("window"):
            assert ask(websocket, PING)["type"] == "pong"
            replies.append(time.time())
    (window,) = server.truth("window")
    begin_s, end_s = window["opened_at"] / 1e6, window["closed_at"] / 1e6
    assert end_s - begin_s >= 0.9
    # A reply that was sent just before may be read just after.
    assert not [at for at in replies if begin_s + 0.1 < at < end_s]
    assert any(at < begin_s for at in replies) and any(at >= end_s for at in replies)


def test_a_stall_blocks_http_too(start: Start) -> None:
    server = start("--fault", "server_stall:from=0.5,for=1,every=0")
    answered: list[tuple[float, float]] = []
    while not server.truth("window"):
        asked_s = time.time()
        assert server.get("/health")[0] == 200
        answered.append((asked_s, time.time()))
    (window,) = server.truth("window")
    begin_s, end_s = window["opened_at"] / 1e6, window["closed_at"] / 1e6
    assert any(asked <= end_s and done >= end_s for asked, done in answered)
    assert not [done for _, done in answered if begin_s + 0.1 < done < end_s]


def has_ipv6_loopback() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6_loopback(), reason="no IPv6 on the loopback interface")
def test_it_listens_on_ipv6(start: Start) -> None:
    server = start("--host", "::1")
    assert server.url == f"ws://[::1]:{server.port}/ws"
    with server.session():
        pass
