"""Below ASGI: what becomes of an upgrade request, and how its end is noted."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.standin.serving import PATIENCE_S, Standin, raw_upgrade, read_until_end, wait_for

Start = Callable[..., Standin]


def test_an_upgrade_that_breaks_the_protocol_is_rejected(start: Start) -> None:
    server = start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as raw:
        raw.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        assert read_until_end(raw).startswith(b"HTTP/1.1 400")
    assert server.truth_of_one()["ended"] == "rejected"


def test_other_paths_have_no_socket_and_no_truth(start: Start) -> None:
    server = start()
    for path in ("/ws2", "/ws/", "/", "/health", "/nope/deeper?token=x"):
        with pytest.raises(InvalidStatus) as refused:
            server.connect(path=path)
        # 403 would stand for the firewall (contract section 2).
        assert refused.value.response.status_code == 404
    with server.connect(None, path="/ws/test"):
        pass
    with server.session():
        pass
    assert server.truth_of_one()["ordinal"] == 0


@pytest.mark.parametrize("says_goodbye", [True, False])
def test_who_ended_a_session_is_noted(start: Start, says_goodbye: bool) -> None:
    server = start()
    if says_goodbye:
        with server.session() as websocket:
            websocket.close(4001, "bye")
    else:
        with raw_upgrade(server) as raw:
            raw.recv(12)
    truth = server.truth_of_one()
    expected = ("client_close", 4001) if says_goodbye else ("client_gone", None)
    assert (truth["ended"], truth["close_code"]) == expected


def test_the_truth_can_be_joined_by_port_and_connection_id(start: Start) -> None:
    server = start()
    with server.session() as websocket:
        port = websocket.socket.getsockname()[1]
    truth = server.truth_of_one()
    assert truth["client_port"] == port
    assert truth["opened_at"] < truth["welcomed_at"] < truth["closed_at"]
    entering = f"Entering message handling loop for connection: {truth['server_connection_id']} "
    assert any(message.startswith(entering) for message in server.messages())
    assert any(f'127.0.0.1:{port} - "WebSocket /ws" [accepted]' == m for m in server.messages())


def test_the_log_names_the_trace_of_a_request_that_has_one(start: Start) -> None:
    server = start()
    trace = "0af7651916cd43dd8448eb211c80319c"
    with server.session(additional_headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"}):
        pass
    with server.session():
        pass

    def accepted() -> list[dict[str, Any]]:
        return [line for line in server.log() if line["message"].endswith("[accepted]")]

    wait_for(lambda: len(accepted()) == 2, "the log")
    assert [line.get("trace") for line in accepted()] == [f"projects/staging/traces/{trace}", None]


def test_open_connections_are_in_the_truth_when_the_server_ends(start: Start) -> None:
    server = start()
    with server.session():
        server.end()
        (line,) = wait_for(server.truth, "a truth line")
    assert line["ended"] == "shutdown"
