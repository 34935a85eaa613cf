"""What the answer to the upgrade says: one set of rules for every client."""

from __future__ import annotations

import pytest

from scenarios.clients.answer import accept_of, end_of_answer, plain_head, subprotocol_end
from scenarios.clients.dial import UpgradeRequest
from scenarios.http_head import header_values
from scenarios.protocols.echo import Echo
from scenarios.session.ledger import End

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
PLAIN = UpgradeRequest("/", (), (), None)
WITH_DEFLATE = PLAIN._replace(extensions=("permessage-deflate",))
RIGHT = (
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    f"Sec-WebSocket-Accept: {accept_of(KEY)}",
)


def judged(*lines: str, request: UpgradeRequest = PLAIN) -> End | None:
    return end_of_answer("\r\n".join(lines).encode("latin-1"), request, Echo(), key=KEY)


def test_the_accept_of_a_key_is_the_one_of_the_standards_example() -> None:
    assert accept_of(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, section 1.3


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
    end = subprotocol_end(answered, expected)
    assert (end is None) == is_right
    assert end is None or end.cause == "subprotocol"


@pytest.mark.parametrize(
    ("head", "cause", "status"),
    [
        ("HTTP/1.1 503 Service Unavailable", "http_status", 503),
        ("HTTP/1.1 200", "http_status", 200),
        ("SSH-2.0-OpenSSH", "malformed", None),
        ("HTTP/1.1 abc", "malformed", None),
        ("", "malformed", None),
    ],
)
def test_a_response_that_is_not_101_says_why(head: str, cause: str, status: int | None) -> None:
    end = judged(head)
    assert end is not None and (end.cause, end.http_status) == (cause, status)


@pytest.mark.parametrize(
    ("lines", "cause", "detail"),
    [
        (("HTTP/1.1 403 Forbidden", "WWW-Authenticate: Bearer"), "auth_rejected", "Forbidden"),
        (("HTTP/1.1 403 Forbidden", "Server: x"), "http_status", "Forbidden"),
        (("HTTP/1.1 302 Found", "LOCATION:  /login?a=b"), "http_status", "Found; Location: /login"),
    ],
)
def test_a_refusal_is_judged_by_its_headers(lines: tuple[str, ...], cause: str, detail: str) -> None:
    end = judged(*lines)
    assert end is not None and (end.cause, end.detail) == (cause, detail)


@pytest.mark.parametrize(
    "lines",
    [
        RIGHT,
        (*RIGHT, "Connection: keep-alive"),
        (*RIGHT, "X-Served-By: B\u00fcro-Nord"),
        (*RIGHT, "X-Long: a", "\t b"),
        (*RIGHT, "Transfer-Encoding: chunked"),
        ("HTTP/1.1 101", *RIGHT[1:]),
        ("HTTP/1.1 101 ", *RIGHT[1:]),
        (RIGHT[0], "UPGRADE: WebSocket", "connection: keep-alive, UPGRADE", RIGHT[3].replace("Sec", "sEC")),
        (RIGHT[0], "Upgrade: websocket", "Connection: keep-alive,", " Upgrade", RIGHT[3]),
    ],
)
def test_an_upgrade_in_whatever_words_is_one_and_every_library_gets_it_in_plain_ones(lines: tuple[str, ...]) -> None:
    assert judged(*lines) is None
    plain = plain_head("\r\n".join(lines).encode("latin-1"))
    assert plain.decode("ascii").split("\r\n") == [*RIGHT, "", ""]


def test_lines_may_end_without_a_carriage_return() -> None:
    assert end_of_answer("\n".join(RIGHT).encode(), PLAIN, Echo(), key=KEY) is None


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        (("HTTP/1.0 101 Switching Protocols", *RIGHT[1:]), "not in HTTP/1.1"),
        ((*RIGHT, "no colon"), "no header"),
        ((*RIGHT, "X Y: 1"), "no header"),
        ((*RIGHT, "X: a\x00b"), "no header"),
        ((RIGHT[0], *RIGHT[2:]), "no 'Upgrade: websocket'"),
        ((*RIGHT, "Upgrade: h2c"), "no 'Upgrade: websocket'"),
        ((*RIGHT[:2], RIGHT[3]), "no 'Connection: Upgrade'"),
        (RIGHT[:3], "no Sec-WebSocket-Accept"),
        ((*RIGHT[:3], RIGHT[3].lower()), "not the one of this request"),
        ((*RIGHT, RIGHT[3]), "not the one of this request"),
        ((*RIGHT, "Sec-WebSocket-Extensions: permessage-deflate"), "nobody asked for: permessage-deflate"),
    ],
)
def test_a_101_that_breaks_a_rule_is_malformed_and_says_which(lines: tuple[str, ...], what: str) -> None:
    end = judged(*lines)
    assert end is not None and (end.cause, end.closed_by) == ("malformed", "client")
    assert what in end.detail


def test_an_extension_that_was_asked_for_is_the_librarys_to_judge() -> None:
    lines = (*RIGHT, "sec-websocket-extensions: permessage-deflate;", "  server_max_window_bits=10")
    assert judged(*lines, request=WITH_DEFLATE) is None
    plain = plain_head("\r\n".join(lines).encode()).removesuffix(b"\r\n\r\n")
    assert header_values(plain, "Sec-WebSocket-Extensions") == ["permessage-deflate; server_max_window_bits=10"]
    end = judged(*RIGHT, "Sec-WebSocket-Extensions: permessage-deflate, x-webkit", request=WITH_DEFLATE)
    assert end is not None and "nobody asked for: x-webkit" in end.detail
