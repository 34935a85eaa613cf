"""What the servers of other makers do on a socket, seen by a client of yet another maker."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from websocket import (
    ABNF,
    WebSocket,
    WebSocketBadStatusException,
    WebSocketTimeoutException,
    create_connection,
)

from tests.kit import node_packages
from tests.kit.children import NotStarted
from tests.kit.namespaces import line, why_no_line
from tests.kit.servers import MAKERS, served

TEXT = '{"op": "ping"}'


@contextmanager
def session_with(maker: str, mode: str, folder: Path, *options: str) -> Iterator[WebSocket]:
    if reason := MAKERS[maker].why_missing():
        pytest.skip(reason)
    with served(maker, mode, folder, *options) as port, closing(dial(port)) as session:
        yield session


def dial(port: int, **options: Any) -> WebSocket:
    return create_connection(f"ws://127.0.0.1:{port}/ws", timeout=30, http_no_proxy=["*"], **options)


def answer_of(session: WebSocket) -> tuple[int, str | bytes]:
    """The next frame, pongs and pings included."""
    frame: ABNF = session.recv_frame()  # type: ignore[no-untyped-call]
    return frame.opcode, frame.data


@pytest.mark.parametrize("maker", MAKERS)
def test_an_echo_answers_and_writes_down_what_token_it_was_shown(maker: str, tmp_path: Path) -> None:
    if reason := MAKERS[maker].why_missing():
        pytest.skip(reason)
    tokens = tmp_path / "tokens"
    with (
        served(maker, "echo", tmp_path, "--tokens", str(tokens)) as port,
        closing(dial(port, header=["Authorization: Bearer a.b.c"])) as session,
    ):
        session.send(TEXT)
        assert session.recv() == TEXT
        session.ping("x")
        assert answer_of(session) == (ABNF.OPCODE_PONG, b"x")
    assert tokens.read_text(encoding="ascii") == "a.b.c\n"


@pytest.mark.parametrize("mode", ["empty_pongs", "late_empty_pongs"])
def test_a_pong_of_ws_can_be_without_its_payload(mode: str, tmp_path: Path) -> None:
    with session_with("ws", mode, tmp_path) as session:
        session.ping("x")
        assert answer_of(session) == (ABNF.OPCODE_PONG, b"")


@pytest.mark.parametrize("mode", ["no_pongs", "late_no_pongs"])
def test_a_ping_can_be_ignored(mode: str, tmp_path: Path) -> None:
    with session_with("ws", mode, tmp_path) as session:
        session.ping("x")
        session.send(TEXT)
        session.send(TEXT)
        # Frames are taken in their order: a pong would come before an answer to what was sent after the ping.
        assert answer_of(session) == (ABNF.OPCODE_TEXT, TEXT.encode())


@pytest.mark.parametrize("mode", ["late", "late_empty_pongs"])
def test_every_second_reply_is_late(mode: str, tmp_path: Path) -> None:
    with session_with("ws", mode, tmp_path) as session:
        for number in range(2):
            session.send(json.dumps({"id": number}))
        assert session.recv() == '{"id": 1}'
        if mode == "late":
            assert session.recv() == '{"id": 0}'


def test_one_request_in_ten_is_never_answered_and_pings_are(tmp_path: Path) -> None:
    with session_with("ws", "mute", tmp_path) as session:
        for number in range(11):
            session.send(json.dumps({"id": number}))
        session.ping("x")
        answers = [answer_of(session) for _ in range(11)]
    assert answers == [
        *((ABNF.OPCODE_TEXT, b'{"id": %d}' % number) for number in range(11) if number != 9),
        (ABNF.OPCODE_PONG, b"x"),
    ]


def test_a_session_gets_nothing_more_from_its_fiftieth_request_on(tmp_path: Path) -> None:
    with session_with("ws", "dies", tmp_path) as session:
        for number in range(49):
            session.send(json.dumps({"id": number}))
        session.ping("alive")
        session.send(TEXT)
        session.ping("dead")
        session.settimeout(1)
        assert [answer_of(session) for _ in range(50)][-1] == (ABNF.OPCODE_PONG, b"alive")
        with pytest.raises(WebSocketTimeoutException):
            answer_of(session)


@pytest.mark.slow
def test_the_process_is_stopped_for_a_while_and_goes_on(tmp_path: Path) -> None:
    with session_with("ws", "stops", tmp_path) as session:
        session.settimeout(0.5)
        session.send(TEXT)
        assert session.recv() == TEXT
        until = time.monotonic() + 60
        while is_answered(session):
            assert time.monotonic() < until
        session.settimeout(60)
        assert session.recv() == TEXT


def is_answered(session: WebSocket) -> bool:
    """Whether one more request is answered in time."""
    session.send(TEXT)
    try:
        session.recv()
    except WebSocketTimeoutException:
        return False
    return True


def test_a_slow_reply_comes_after_the_kernel_has_acknowledged_the_request(tmp_path: Path) -> None:
    with session_with("ws", "slow", tmp_path) as session:
        began = time.monotonic()
        session.send(TEXT)
        assert session.recv() == TEXT
        assert time.monotonic() - began > 0.04


def test_a_frame_can_be_masked(tmp_path: Path) -> None:
    with session_with("ws", "masked", tmp_path) as session:
        session.send(TEXT)
        assert session.sock is not None
        first = session.sock.recv(2, socket.MSG_WAITALL)
        assert struct.unpack("BB", first) == (0x81, 0x80 | len(TEXT))


def test_uvicorn_says_403_where_the_application_closes_before_it_accepts(tmp_path: Path) -> None:
    with served("uvicorn", "refuse", tmp_path) as port, pytest.raises(WebSocketBadStatusException, match="403"):
        dial(port)


def test_the_keepalive_of_websockets_closes_a_session_whose_pong_does_not_come(tmp_path: Path) -> None:
    with session_with("websockets", "echo", tmp_path) as session:
        assert answer_of(session)[0] == ABNF.OPCODE_PING
        opcode, data = answer_of(session)
        assert isinstance(data, bytes)
        assert (opcode, data[:2]) == (ABNF.OPCODE_CLOSE, struct.pack("!H", 1011))
        assert b"keepalive ping timeout" in data


@pytest.mark.parametrize("maker", ["aiohttp", "websockets", "uvicorn"])
def test_a_server_can_be_on_a_host_of_its_own(maker: str, tmp_path: Path) -> None:
    if reason := why_no_line():
        pytest.skip(reason)
    with line() as way, served(maker, "echo", tmp_path, on=way.server) as port:
        dials = f"import socket; socket.create_connection(({way.server.address!r}, {port}), 30)"
        subprocess.run(way.client.command(sys.executable, "-c", dials), check=True)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


def test_without_node_the_packages_are_not_installed_and_the_program_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tests.kit.programs.SYSTEM", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    node_packages.node_modules.cache_clear()
    assert node_packages.why_missing() == "node is not installed (Debian: apt-get install nodejs)."
    (tmp_path / "node").write_text("#!/bin/sh\n")
    (tmp_path / "node").chmod(0o755)
    assert node_packages.why_missing() == "npm is not installed (Debian: apt-get install npm)."


def test_packages_that_cannot_be_fetched_are_a_reason_and_leave_no_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for program in ("node", "npm"):
        (tmp_path / program).write_text("#!/bin/sh\necho no such registry >&2\nexit 1\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(node_packages, "CACHE", tmp_path / "cache")
    node_packages.node_modules.cache_clear()
    with pytest.raises(NotStarted, match="npm ci failed: no such registry"):
        node_packages.node_modules()
    assert list((tmp_path / "cache").iterdir()) == []
