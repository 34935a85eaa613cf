"""Each way in which the kit's server misbehaves, seen by a client of yet another maker."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import jwt
import pytest
from websocket import create_connection
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.kit.certificates import Authority
from tests.kit.children import NotStarted, echo_server

SECRET = "the-tests-sign-with-this-and-nobody-else-does"
VARIABLES = {"SOAK_JWT_SECRET": SECRET}
SOON = ("--event-at-s", "0.5")


def dial(port: int, *, headers: dict[str, str] | None = None, offered: Iterable[str] = ()) -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{port}/ws",
        proxy=None,
        compression=None,
        additional_headers=headers,
        subprotocols=[Subprotocol(name) for name in offered] or None,
    )


def bearer(secret: str = SECRET, **claims: object) -> dict[str, str]:
    token = jwt.encode({"sub": "anna", "exp": time.time() + 60, **claims}, secret, algorithm="HS256")
    return {"Authorization": f"Bearer {token}"}


def exchange(session: ClientConnection, text: str = '{"op": "ping"}') -> None:
    session.send(text)
    assert session.recv(timeout=30) == text


def greeted(port: int, context: ssl.SSLContext) -> None:
    """One exchange over TLS, by a client of one thread: two of them on one TLS connection get into each other's way."""
    url = f"wss://127.0.0.1:{port}/ws"
    with closing(create_connection(url, timeout=30, sslopt={"context": context}, http_no_proxy=["*"])) as session:
        session.send('{"op": "ping"}')
        assert session.recv() == '{"op": "ping"}'


def status_of(port: int, *, headers: dict[str, str] | None = None) -> int:
    try:
        with dial(port, headers=headers) as session:
            exchange(session)
    except InvalidStatus as refused:
        return refused.response.status_code
    return 101


def test_an_echo_writes_down_what_credentials_it_was_shown(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    with echo_server("echo", tmp_path, "--tokens", str(tokens)) as port:
        with dial(port, headers={"Authorization": "Bearer a.b.c"}) as session:
            exchange(session)
        with dial(port, offered=["jwt-auth", "jwt.YS5iLmM"]) as session:
            assert session.subprotocol == "jwt-auth"
    assert tokens.read_text(encoding="ascii").split() == ["a.b.c", "jwt.YS5iLmM"]


def test_verify_takes_a_good_token_and_refuses_forged_expired_missing_and_strange_ones(tmp_path: Path) -> None:
    with echo_server("verify", tmp_path, environment=VARIABLES) as port:
        assert status_of(port, headers=bearer()) == 101
        for headers in (bearer("x" * 40), bearer(exp=1), {}, bearer(aud="somebody-else")):
            assert status_of(port, headers=headers) == 401


def test_every_fifth_is_refused(tmp_path: Path) -> None:
    with echo_server("refuse_fifth", tmp_path) as port:
        assert [status_of(port) for _ in range(10)] == [101, 101, 101, 101, 401] * 2


def test_nothing_is_found(tmp_path: Path) -> None:
    with echo_server("not_found", tmp_path) as port:
        assert status_of(port) == 404


@pytest.mark.parametrize(
    ("mode", "headers", "code", "reason"),
    [
        ("close_4401", {}, 4401, "Unauthorized"),
        ("reason_token", {"Authorization": "Bearer a.b.c"}, 1008, "bad token a.b.c"),
        ("expire", {}, 4403, "Forbidden: token expired"),
        ("keepalive", {}, 1011, "keepalive ping timeout"),
    ],
)
def test_a_session_is_closed_with_a_code(
    tmp_path: Path, mode: str, headers: dict[str, str], code: int, reason: str
) -> None:
    headers = headers or bearer(exp=time.time() + 2.0)
    with (
        echo_server(mode, tmp_path, environment=VARIABLES) as port,
        dial(port, headers=headers) as session,
        pytest.raises(ConnectionClosed) as closed,
    ):
        session.recv(timeout=60)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)


def test_the_subprotocol_with_the_token_is_chosen(tmp_path: Path) -> None:
    offered = ["jwt-auth", "jwt.YS5iLmM"]
    with echo_server("echo_subprotocol", tmp_path) as port, dial(port, offered=offered) as session:
        assert session.subprotocol == "jwt.YS5iLmM"


def test_all_sessions_are_reset_at_once_and_new_ones_are_well(tmp_path: Path) -> None:
    with echo_server("reset_all", tmp_path, *SOON) as port:
        with dial(port) as one, dial(port) as other:
            for session in (one, other):
                with pytest.raises(ConnectionClosedError) as closed:
                    session.recv(timeout=60)
                assert isinstance(closed.value.__cause__, ConnectionResetError)
        assert status_of(port) == 101


def test_a_port_is_closed_for_a_while_and_its_sessions_stay(tmp_path: Path) -> None:
    with echo_server("closed_port", tmp_path, *SOON) as port, dial(port) as session:
        until = time.monotonic() + 60
        with pytest.raises(ConnectionRefusedError):
            while time.monotonic() < until:
                exchange(session)
                assert status_of(port) == 101
        exchange(session)


def test_one_operation_is_never_answered(tmp_path: Path) -> None:
    with echo_server("silent_operation", tmp_path) as port, dial(port) as session:
        session.send('{"op": "chat"}')
        exchange(session)


def test_a_server_with_tls_shows_its_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    options = ("--certificate", str(authority.issue("127.0.0.1")))
    context = ssl.create_default_context(cafile=str(authority.ca_file))
    with echo_server("echo", tmp_path, *options) as port:
        greeted(port, context)


@pytest.mark.parametrize(
    ("name", "expired", "why"),
    [("elsewhere.test", False, "not valid for '127.0.0.1'"), ("127.0.0.1", True, "has expired")],
)
def test_a_certificate_that_does_not_hold_is_refused(tmp_path: Path, name: str, expired: bool, why: str) -> None:
    authority = Authority(tmp_path)
    context = ssl.create_default_context(cafile=str(authority.ca_file))
    options = ("--certificate", str(authority.issue(name, expired=expired)))
    with echo_server("echo", tmp_path, *options) as port, pytest.raises(ssl.SSLCertVerificationError, match=why):
        greeted(port, context)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    options = ("--certificate", str(tmp_path / "nowhere.pem"))
    with pytest.raises(NotStarted, match="No such file"), echo_server("echo", tmp_path, *options):
        pass
