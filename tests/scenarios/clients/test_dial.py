"""What errors mean, and what the upgrade request says: pure functions."""

from __future__ import annotations

import errno
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.clients import dial
from scenarios.plan import ConnectionPlan, Header, Target, Token
from scenarios.protocols.echo import Echo
from scenarios.protocols.staging import Staging
from scenarios.relay.protocol import RelayError
from scenarios.session.ledger import End


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (errno.ECONNREFUSED, "refused"),
        (errno.ECONNRESET, "reset"),
        (errno.ECONNABORTED, "reset"),
        (errno.EPIPE, "reset"),
        (errno.EHOSTUNREACH, "unreachable"),
        (errno.ENETUNREACH, "unreachable"),
        (errno.ETIMEDOUT, "unreachable"),
        (errno.EMFILE, "local_resource"),
        (errno.EADDRNOTAVAIL, "local_resource"),
        (errno.ENOBUFS, "local_resource"),
        (errno.ENOTCONN, "reset"),
        (errno.EPROTO, "reset"),
        (errno.ENOENT, "harness"),
        (errno.EISDIR, "harness"),
        (errno.EBADF, "harness"),
    ],
)
def test_an_error_number_has_one_cause(code: int, cause: str) -> None:
    end = dial.end_of_os_error(OSError(code, "text"))
    assert (end.cause, end.errno) == (cause, code)


def test_types_come_before_numbers() -> None:
    windows = ConnectionRefusedError(22, "The remote computer refused the network connection")
    assert dial.end_of_os_error(windows)[:2] == ("refused", errno.ECONNREFUSED)
    assert dial.end_of_os_error(ConnectionResetError())[:2] == ("reset", None)


@pytest.mark.parametrize(("winerror", "cause"), [(64, "reset"), (1236, "reset"), (1225, "refused")])
def test_what_a_completion_port_reports_is_still_the_networks(winerror: int, cause: str) -> None:
    error = OSError(errno.EINVAL, "text")
    error.winerror = winerror  # type: ignore[attr-defined]
    assert dial.end_of_os_error(error).cause == cause


def test_an_error_of_this_machine_is_not_the_networks() -> None:
    end = dial.end_of_os_error(FileNotFoundError(errno.ENOENT, "No such file or directory"))
    assert end == End("harness", errno=errno.ENOENT, closed_by="client", detail="No such file or directory")
    assert dial.end_of_os_error(OSError("no number")).detail == "no number"


def test_a_tls_error_has_no_system_error_number() -> None:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    end = dial.end_of_os_error(error)
    assert (end.cause, end.errno) == ("tls", None)


@given(st.integers(0, 200))
def test_every_error_number_has_a_cause_of_the_record(code: int) -> None:
    cause = dial.end_of_os_error(OSError(code, "text")).cause
    assert cause in {"refused", "reset", "unreachable", "local_resource", "harness"}


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "harness"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "harness"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "harness"),
        (EOFError(), "harness"),
        (RelayError("The relay answered 'junk'"), "harness"),
        (OSError(errno.EMFILE, "Too many open files"), "local_resource"),
    ],
)
def test_a_failure_of_the_relay_is_never_the_targets(error: Exception, cause: str) -> None:
    end = dial.end_of_relay_error(error)
    assert end.cause == cause
    assert end.detail


@pytest.mark.parametrize(
    ("answered", "expected", "is_right"),
    [
        ([], None, True),
        (["jwt-auth"], "jwt-auth", True),
        (["JWT-AUTH"], "jwt-auth", False),
        ([], "jwt-auth", False),
        (["jwt-auth"], None, False),
        (["jwt-auth", "jwt-auth"], "jwt-auth", False),
        (["jwt-auth, other"], "jwt-auth", False),
    ],
)
def test_a_subprotocol_is_compared_exactly(answered: list[str], expected: str | None, is_right: bool) -> None:
    end = dial.subprotocol_end(answered, expected)
    assert (end is None) == is_right
    assert end is None or end.cause == "subprotocol"


@pytest.mark.parametrize(
    ("head", "cause", "status"),
    [
        (b"HTTP/1.1 503 Service Unavailable", "http_status", 503),
        (b"HTTP/1.1 200", "http_status", 200),
        (b"SSH-2.0-OpenSSH", "malformed", None),
        (b"HTTP/1.1 abc", "malformed", None),
        (b"", "malformed", None),
    ],
)
def test_a_response_that_is_not_101_says_why(head: bytes, cause: str, status: int | None) -> None:
    end = dial.response_end(head, None, Echo())
    assert end is not None and (end.cause, end.http_status) == (cause, status)


def test_a_101_without_a_subprotocol_goes_to_the_library() -> None:
    assert dial.response_end(b"HTTP/1.1 101 Switching Protocols", None, Echo()) is None


@pytest.mark.parametrize(
    ("head", "cause", "detail"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nWWW-Authenticate: Bearer", "auth_rejected", "Forbidden"),
        (b"HTTP/1.1 403 Forbidden\r\nServer: x", "http_status", "Forbidden"),
        (b"HTTP/1.1 302 Found\r\nLOCATION:  /login?a=b", "http_status", "Found; Location: /login"),
    ],
)
def test_a_refusal_is_judged_by_its_headers(head: bytes, cause: str, detail: str) -> None:
    end = dial.response_end(head, None, Echo())
    assert end is not None and (end.cause, end.detail) == (cause, detail)


@pytest.mark.parametrize(
    ("host", "literal"), [("127.0.0.1", True), ("::1", True), ("fe80::1%eth0", True), ("a.b", False)]
)
def test_literal_addresses_are_known(host: str, literal: bool) -> None:
    assert dial.is_literal(host) is literal


def plan(transport: str) -> ConnectionPlan:
    return ConnectionPlan(
        user=0,
        connection=0,
        scenario="steady",
        scheduled_at=0,
        subject="u",
        seed=1,
        token=Token("very.secret.token"),
        token_transport=transport,
        headers=(Header("X-A", "b"),),
        subprotocols=("chat.v2",),
    )


def test_the_request_adds_the_plans_headers_and_subprotocols_behind_the_tokens() -> None:
    request = dial.upgrade_request(plan("subprotocol"), Target(scheme="ws", host="h", port=1), Staging())
    assert request.subprotocols[0] == "jwt-auth" and request.subprotocols[-1] == "chat.v2"
    assert request.expected_subprotocol == "jwt-auth"
    assert request.headers == (("X-A", "b"),)


@pytest.mark.parametrize(
    ("path", "sent"), [("/ws", "/ws?token=very.secret.token"), ("/ws?a=1", "/ws?a=1&token=very.secret.token")]
)
def test_a_token_in_the_query_is_appended(path: str, sent: str) -> None:
    target = Target(scheme="ws", host="h", port=1, path=path)
    assert dial.upgrade_request(plan("query"), target, Staging()).path == sent


def test_the_request_never_shows_itself() -> None:
    for transport in ("header", "query", "subprotocol"):
        for protocol in (Staging(), Echo()):
            request = dial.upgrade_request(plan(transport), Target(scheme="ws", host="h", port=1), protocol)
            assert "secret" not in repr(request)


@pytest.mark.parametrize(
    ("received", "status"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 200),
        (b"HTTP/1.1 407 No\r\nA: b\r\n\r\n", 407),
        (b"HTTP/1.1 20", None),
        (b"junk\r\n\r\n", 0),
        (b"x" * 70_000, 0),
    ],
)
def test_a_proxys_answer_is_its_status(received: bytes, status: int | None) -> None:
    assert dial.proxy_status(received) == status


def test_a_proxy_that_speaks_no_http_has_no_status() -> None:
    assert dial.refused_by_proxy(0, must_refuse=False).http_status is None
    assert dial.refused_by_proxy(407, must_refuse=False).cause == "auth_rejected"


def test_an_ipv6_target_is_asked_for_in_brackets() -> None:
    assert dial.proxy_request("::1", 443).startswith(b"CONNECT [::1]:443 HTTP/1.1\r\n")
