"""What can happen to a connection, as scripts of a server, and the one row that each must become.

Every client must write the same (outcome, phase, cause, errno, http_status, close_code, closed_by) for
the same event: `python -m bench.conformance` prints the table, a test asserts it.
"""

from __future__ import annotations

import errno
import json
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson

from attempts.schema import Attempt
from scenarios.clients import Services, run_connection
from scenarios.plan import MEGABYTE, Budgets, ConnectionPlan, Setting, Target, Token
from scenarios.protocols.echo import Echo
from scenarios.protocols.shape import Kind, Message, Opening, Refusal, Request
from tests.scenarios.kit.certificates import tls
from tests.scenarios.kit.scripted_server import PONG, WELCOME, Peer, ScriptedServer, frame

# Short waits: a silent server costs the test no more than this, or twice or four times it on a slow machine.
SHORT = Budgets(connect_s=0.4, exchange_s=0.3, sequence_s=0.6, close_s=0.3, peer_check_s=0.3)
SLOW_MACHINE_S = 6.0
LONG = Budgets(connect_s=20.0, exchange_s=20.0, sequence_s=20.0, close_s=20.0)

DEFLATE_ANSWER = "Sec-WebSocket-Extensions: permessage-deflate"

CHURN: dict[str, Setting] = {"operations": {"ping": 1.0}, "churn_exchanges": 1}


class Row(NamedTuple):
    """What of a row must be the same in every client."""

    kind: str
    outcome: str
    phase: str
    cause: str | None = None
    errno: int | None = None
    http_status: int | None = None
    close_code: int | None = None
    closed_by: str | None = None


class Event(NamedTuple):
    """One event.

    Attributes:
        name: A sentence.
        script: What the server does.
        rows: What the client must write (of these kinds; it may write others).
        budgets: Short where waits run out.
        by_subprotocol: Whether the client comes with a token in its subprotocols.
        token_transport: How it comes with one otherwise; "" = in a header.
        protocol: The target's messages.
        tls: One of `certificates.KINDS`; "" = no TLS.
        most_bytes: The limit of a message.
        compression: Whether permessage-deflate is offered; then clients that have none do not take part.
    """

    name: str
    script: Callable[[Peer], object]
    rows: tuple[Row, ...]
    budgets: Budgets = LONG
    by_subprotocol: bool = False
    token_transport: str = ""
    protocol: str = "staging"
    tls: str = ""
    most_bytes: int = 16 * MEGABYTE
    compression: bool = False


class Rpc(Echo):
    """An echo server whose errors name their request, as JSON-RPC's do."""

    def read(self, payload: bytes | str) -> Message:
        frame = orjson.loads(payload)
        if "error" not in frame:
            return super().read(payload)
        return Message(Kind.ERROR, id=frame["id"], error=Refusal(frame["error"], False, "", is_clients=True))

    def request(self, operation: str, *, number: int, size: int = 0) -> Request:
        return super().request(operation, number=number, size=size)._replace(reply_id=str(number))


class Introduced(Echo):
    """Says in binary who it is as soon as the server has said `open`, is ready at `ok`, and asks in binary."""

    def openings(self, token: Token | None) -> list[Opening]:
        return [Opening(token.value.encode() if token else b"", after="open", acknowledged_by="ok", is_binary=True)]

    def read(self, payload: bytes | str) -> Message:
        return Message(Kind.NOISE, bytes(payload).decode() if isinstance(payload, bytes) else payload)

    def read_binary(self, payload: bytes) -> Message:
        return super().read(payload)

    def request(self, operation: str, *, number: int, size: int = 0) -> Request:
        return super().request(operation, number=number, size=size)._replace(is_binary=True)


# In the order in which a connection reaches them.
_PHASES = ("dns", "tcp", "tls", "upgrade", "welcome", "exchange", "hold", "close")


def met(event: Event, client: str, services: Services, written: list[Attempt]) -> list[Row]:
    """The rows of the event's kinds that a client writes; `written` is where `services` records to.

    A short budget is meant for one wait. On a machine so slow that an earlier wait takes all of it, the
    event has not happened yet: it is tried again with twice the time.
    """
    budgets = event.budgets
    while True:
        written.clear()
        secured = tls(event.tls) if event.tls else None
        with ScriptedServer(event.script, tls=secured and secured.context) as server:
            plan = ConnectionPlan(
                user=0,
                connection=0,
                scenario="churn",
                settings=CHURN,
                scheduled_at=services.clock.micros(time.perf_counter()),
                subject="u",
                seed=1,
                client=client,
                budgets=budgets,
                token=Token("a.b.c"),
                token_transport=event.token_transport or ("subprotocol" if event.by_subprotocol else "header"),
            )
            target = Target(
                scheme="wss" if secured else "ws",
                host="127.0.0.1",
                port=server.port,
                protocol=event.protocol,
                ca_file=secured and secured.ca_file,
                max_message_bytes=event.most_bytes,
                compression=event.compression,
            )
            run_connection(plan, target, services)
        if not ran_out_too_early(event, written) or budgets.connect_s > SLOW_MACHINE_S:
            break
        budgets = Budgets(**{name: 2.0 * getattr(budgets, name) for name in Budgets.__struct_fields__})
    kinds = {row.kind for row in event.rows}
    return [Row(*(getattr(a, column) for column in Row._fields)) for a in written if a.kind in kinds]


def ran_out_too_early(event: Event, written: Sequence[Attempt]) -> bool:
    """Whether a budget ran out in a phase before the one in which the event makes one run out."""
    expected = [_PHASES.index(row.phase) for row in event.rows if row.outcome == "timeout"]
    found = [_PHASES.index(attempt.phase) for attempt in written if attempt.outcome == "timeout"]
    return bool(expected and found) and min(found) < min(expected)


def _http(peer: Peer, status: str) -> None:
    peer.read_request()
    peer.send(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())


def _drip_response(peer: Peer) -> None:
    """One byte of the response's head at a time, without an end."""
    peer.read_request()
    for byte in b"HTTP/1.1 101 Switching Protocols\r\nX-Drip: " + b"." * 100:
        peer.send(bytes([byte]))
        time.sleep(0.05)


def _drip_refusal(peer: Peer) -> None:
    """The head of a refusal a byte at a time, then a body that does not end."""
    peer.read_request()
    for byte in b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\n\r\nwait":
        peer.send(bytes([byte]))
    peer.wait_for_end()


def _drip_welcome(peer: Peer) -> None:
    peer.upgrade()
    for byte in frame(0x1, b"x" * 200):
        peer.send(bytes([byte]))
        time.sleep(0.05)


def _slowly_but_surely(peer: Peer) -> None:
    """Everything in pieces of a byte, and in time."""
    peer.read_request()
    for byte in peer.response() + frame(0x1, _json(WELCOME)):
        peer.send(bytes([byte]))
    peer.read_frame()
    for byte in frame(0x1, _json(PONG)):
        peer.send(bytes([byte]))
    _answer_close(peer)


def _all_at_once(peer: Peer) -> None:
    """The welcome in the same segment as the response; fragments with a ping between them."""
    peer.read_request()
    welcome = _json(WELCOME)
    peer.send(
        peer.response()
        + frame(0x1, welcome[:10], fin=False)
        + frame(0x9, b"are you there")
        + frame(0x0, welcome[10:30], fin=False)
        + frame(0x0, welcome[30:])
    )
    assert peer.read_frame() == (0xA, b"are you there")
    peer.read_frame()
    peer.json(PONG)
    _answer_close(peer)


def _answered_by(change: Callable[[bytes], bytes]) -> Callable[[Peer], None]:
    """Everything as it should be, but for the head of the answer to the upgrade."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(change(peer.response()))
        peer.json(WELCOME)
        peer.read_frame()
        peer.json(PONG)
        _answer_close(peer)

    return script


def _with_lines(*lines: bytes) -> Callable[[Peer], None]:
    more = b"".join(line + b"\r\n" for line in lines)
    return _answered_by(lambda head: head.replace(b"Upgrade: websocket\r\n", b"Upgrade: websocket\r\n" + more))


def _interim_byte_by_byte(peer: Peer) -> None:
    """Interim answers in pieces of a byte, the answer behind them."""
    peer.read_request()
    interim = b"HTTP/1.1 100\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
    for byte in interim + peer.response():
        peer.send(bytes([byte]))
    peer.json(WELCOME)
    peer.read_frame()
    peer.json(PONG)
    _answer_close(peer)


def _is_told(code: int) -> Callable[[Peer], None]:
    """The client's close frame says why (RFC 6455, section 7.1.7)."""

    def script(peer: Peer) -> None:
        found = peer.read_until_close()
        assert found == code, f"the close code is {found}"

    return script


def _deflated(payload: bytes, *, opcode: int = 0x1) -> bytes:
    """A whole message by RFC 7692, section 7.2.1, without context of an earlier one."""
    deflate = zlib.compressobj(wbits=-15)
    data = (deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")
    whole = frame(opcode, data)
    return bytes([whole[0] | 0x40]) + whole[1:]


def _compressed(peer: Peer) -> None:
    """The welcome and the reply are compressed, the requests are, too."""
    peer.upgrade(f"{DEFLATE_ANSWER}; server_no_context_takeover; client_no_context_takeover")
    peer.send(_deflated(_json(WELCOME)))
    _, request = peer.read_frame()
    inflated = zlib.decompressobj(wbits=-15).decompress(request + b"\0\0\xff\xff")
    assert json.loads(inflated)["type"] == "ping"
    peer.send(_deflated(_json(PONG)))
    _answer_close(peer)


def _json(message: Any) -> bytes:
    return json.dumps(message).encode()


def _answer_close(peer: Peer) -> None:
    code = peer.read_until_close()
    peer.close_frame(code)


def _refuse_token(peer: Peer) -> None:
    peer.upgrade()
    peer.json({"type": "error_message", "error_code": "VALIDATION_FAILED", "error_message": "no", "details": {}})
    time.sleep(0.1)
    peer.close_frame(1008, "SSOT Auth failed")
    peer.wait_for_end()


def _upgrade_deflated(peer: Peer) -> None:
    peer.upgrade(f"{DEFLATE_ANSWER}; server_no_context_takeover")
    peer.json(WELCOME)


def _in_fragments(payload: bytes, *, size: int) -> bytes:
    parts = [payload[start : start + size] for start in range(0, len(payload), size)]
    return b"".join(
        frame(0x0 if number else 0x1, part, fin=number == len(parts) - 1) for number, part in enumerate(parts)
    )


def _as_long_as_can_be(peer: Peer) -> None:
    """A welcome in one frame and a reply in fragments, each of 1,000 bytes, with a ping within."""
    peer.upgrade()
    peer.frame(0x1, _json(WELCOME).ljust(1_000))
    peer.read_frame()
    fragments = _in_fragments(_json(PONG).ljust(1_000), size=300)
    peer.send(fragments[:304] + frame(0x9, b"") + fragments[304:])
    assert peer.read_frame() == (0xA, b"")
    _answer_close(peer)


def _many_fragments(peer: Peer) -> None:
    """A reply in ten thousand fragments, most of them empty."""
    peer.welcome()
    peer.read_frame()
    reply = _json(PONG)
    peer.send(frame(0x1, reply, fin=False) + frame(0x0, b"", fin=False) * 9_998 + frame(0x0, b""))
    _answer_close(peer)


def _then(*steps: Callable[[Peer], Any]) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        for step in steps:
            step(peer)

    return script


def _welcome(peer: Peer) -> None:
    peer.welcome()


def _request(peer: Peer) -> None:
    peer.read_frame()


def _end(peer: Peer) -> None:
    peer.wait_for_end()


def _close(code: int | None, reason: str = "") -> Callable[[Peer], None]:
    return lambda peer: peer.close_frame(code, reason)


def _send(message: Any) -> Callable[[Peer], None]:
    return lambda peer: peer.json(message)


def _text(payload: bytes) -> Callable[[Peer], None]:
    return lambda peer: peer.frame(0x1, payload)


def _be_introduced(peer: Peer) -> None:
    """The opening comes as a binary message with the token."""
    assert peer.read_frame() == (0x2, b"a.b.c")


def _echo_binary(peer: Peer) -> None:
    opcode, payload = peer.read_frame()
    assert opcode == 0x2
    peer.frame(opcode, payload)


def _refusal(name: str, status: int, answer: bytes) -> Event:
    """A response that is not 101 and after which the server keeps the connection: its head says all."""
    return Event(
        name,
        _then(Peer.read_request, _raw(answer), _end),
        (Row("connect", "failed", "upgrade", "http_status", http_status=status, closed_by="server"),),
    )


def _raw(data: bytes) -> Callable[[Peer], None]:
    return lambda peer: peer.send(data)


OK_ROWS = (
    Row("connect", "ok", "welcome"),
    Row("exchange", "ok", "exchange"),
    Row("hold", "ok", "hold", closed_by="client"),
    Row("close", "ok", "close", close_code=1000, closed_by="client"),
)


def _both(outcome: str, cause: str, **columns: Any) -> tuple[Row, ...]:
    """The same end for the exchange in flight and for the hold."""
    return (
        Row("connect", "ok", "welcome"),
        Row("exchange", outcome, "exchange", cause, **columns),
        Row("hold", outcome, "hold", cause, **columns),
    )


MALFORMED_UPGRADE = (Row("connect", "failed", "upgrade", "malformed", closed_by="client"),)
TOO_LONG = _both("failed", "malformed", close_code=1009, closed_by="client")


EVENTS: tuple[Event, ...] = (
    Event("all is well, byte by byte", _slowly_but_surely, OK_ROWS),
    Event("all is well, all at once, in fragments", _all_at_once, OK_ROWS),
    Event("two Connection lines", _with_lines(b"Connection: keep-alive"), OK_ROWS),
    Event("two instances are named", _with_lines(b"X-Server-Instance: a", b"X-Server-Instance: b"), OK_ROWS),
    Event("Latin-1 in a header", _with_lines("X-Served-By: B\u00fcro-Nord".encode("latin-1")), OK_ROWS),
    Event("UTF-8 in a header", _with_lines("X-Served-By: \u4e1c\u4eac".encode()), OK_ROWS),
    Event("a folded header", _with_lines(b"X-Long: a", b"\t b"), OK_ROWS),
    Event("Connection on folded lines", _with_lines(b"Connection: keep-alive,", b" Upgrade"), OK_ROWS),
    Event("a 101 that says it is chunked", _with_lines(b"Transfer-Encoding: chunked"), OK_ROWS),
    Event("a 101 without a reason", _answered_by(lambda head: head.replace(b" Switching Protocols", b"")), OK_ROWS),
    Event("a 101 with an empty reason", _answered_by(lambda head: head.replace(b"Switching Protocols", b"")), OK_ROWS),
    Event(
        "names of headers in odd letters",
        _answered_by(lambda head: head.replace(b"Sec-WebSocket-Accept", b"sEC-wEBSOCKET-aCCEPT")),
        OK_ROWS,
    ),
    Event("lines without carriage returns", _answered_by(lambda head: head.replace(b"\r\n", b"\n")), OK_ROWS),
    Event("103 before the 101", _answered_by(lambda head: b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" + head), OK_ROWS),
    Event("100 and 103 before the 101, byte by byte", _interim_byte_by_byte, OK_ROWS),
    Event(
        "interim answers without end",
        _then(Peer.read_request, _raw(b"HTTP/1.1 102 Processing\r\nA: b\r\n\r\n" * 3_000), _end),
        MALFORMED_UPGRADE,
    ),
    Event("a 101 in HTTP/1.0", _answered_by(lambda head: head.replace(b"HTTP/1.1", b"HTTP/1.0")), MALFORMED_UPGRADE),
    Event("a 101 without Upgrade", _answered_by(lambda head: head.replace(b"Upgrade: w", b"X: w")), MALFORMED_UPGRADE),
    Event("a 101 without Connection", _answered_by(lambda head: head.replace(b"Conn", b"X")), MALFORMED_UPGRADE),
    Event("a 101 with a header that is none", _with_lines(b"X Y: 1"), MALFORMED_UPGRADE),
    Event("an extension that nobody asked for", _with_lines(DEFLATE_ANSWER.encode()), MALFORMED_UPGRADE),
    Event(
        "an accept key in small letters",
        _then(Peer.read_request, lambda peer: peer.send(peer.response().lower()), _end),
        MALFORMED_UPGRADE,
    ),
    Event("compressed messages", _compressed, OK_ROWS, compression=True),
    Event("compression is offered and not taken", _with_lines(), OK_ROWS, compression=True),
    Event(
        "compression in a way that was not offered",
        _with_lines(f"{DEFLATE_ANSWER}; server_max_window_bits=99".encode()),
        MALFORMED_UPGRADE,
        compression=True,
    ),
    Event(
        "a compressed message, and nothing was agreed",
        _then(_welcome, _request, _raw(_deflated(_json(PONG))), _is_told(1002)),
        _both("failed", "malformed", closed_by="client"),
    ),
    Event(
        "a compressed message that is none",
        _then(_upgrade_deflated, _request, _raw(b"\xc1\x04\xff\xff\xff\xff"), _is_told(1002)),
        _both("failed", "malformed", closed_by="client"),
        compression=True,
    ),
    Event(
        "a compressed message that is too long when inflated",
        _then(_upgrade_deflated, _request, _raw(_deflated(b" " * 20_000)), _is_told(1009)),
        TOO_LONG,
        compression=True,
        most_bytes=1_000,
    ),
    Event("messages of the longest length", _as_long_as_can_be, OK_ROWS, most_bytes=1_000),
    Event(
        "a message that is too long by a byte",
        _then(_welcome, _request, _raw(frame(0x1, b"x" * 1_001)), _is_told(1009)),
        TOO_LONG,
        most_bytes=1_000,
    ),
    Event(
        "the head of a message of an exabyte",
        _then(_welcome, _request, _raw(b"\x81\x7f" + (1 << 60).to_bytes(8, "big")), _is_told(1009)),
        TOO_LONG,
    ),
    Event(
        "fragments that are too long together",
        _then(_welcome, _request, _raw(_in_fragments(b"x" * 1_001, size=100)), _is_told(1009)),
        TOO_LONG,
        most_bytes=1_000,
    ),
    Event(
        "a welcome that is too long",
        _then(Peer.upgrade, _raw(frame(0x2, b"x" * 1_001)), _is_told(1009)),
        (Row("connect", "failed", "welcome", "malformed", close_code=1009, closed_by="client"),),
        most_bytes=1_000,
    ),
    Event("a reply in ten thousand fragments", _many_fragments, OK_ROWS),
    Event(
        "the upgrade is never answered",
        _then(Peer.read_request, _end),
        (Row("connect", "timeout", "upgrade", "silent_peer"),),
        SHORT,
    ),
    Event(
        "the response drips without end",
        _drip_response,
        (Row("connect", "timeout", "upgrade", "silent_peer"),),
        SHORT,
    ),
    Event(
        "no welcome comes",
        _then(Peer.upgrade, _end),
        (Row("connect", "timeout", "welcome", "silent_peer"),),
        SHORT,
    ),
    Event(
        "the welcome drips",
        _drip_welcome,
        (Row("connect", "timeout", "welcome", "silent_peer"),),
        SHORT,
    ),
    Event(
        "503",
        lambda peer: _http(peer, "503 Service Unavailable"),
        (Row("connect", "failed", "upgrade", "http_status", http_status=503, closed_by="server"),),
    ),
    Event(
        "403",
        lambda peer: _http(peer, "403 Forbidden"),
        (Row("connect", "failed", "upgrade", "http_status", http_status=403, closed_by="server"),),
    ),
    Event(
        "401",
        lambda peer: _http(peer, "401 Unauthorized"),
        (Row("connect", "failed", "upgrade", "auth_rejected", http_status=401, closed_by="server"),),
    ),
    Event(
        "403 with a challenge",
        lambda peer: _http(peer, "403 Forbidden\r\nwww-authenticate: Bearer"),
        (Row("connect", "failed", "upgrade", "auth_rejected", http_status=403, closed_by="server"),),
    ),
    Event(
        "404",
        lambda peer: _http(peer, "404 Not Found"),
        (Row("connect", "failed", "upgrade", "http_status", http_status=404, closed_by="server"),),
    ),
    Event(
        "407",
        lambda peer: _http(peer, "407 Proxy Authentication Required"),
        (Row("connect", "failed", "upgrade", "auth_rejected", http_status=407, closed_by="server"),),
    ),
    Event(
        "a redirect is not followed",
        lambda peer: _http(peer, "302 Found\r\nLocation: ws://127.0.0.1:1/"),
        (Row("connect", "failed", "upgrade", "http_status", http_status=302, closed_by="server"),),
    ),
    Event(
        "200 instead of 101",
        lambda peer: _http(peer, "200 OK"),
        (Row("connect", "failed", "upgrade", "http_status", http_status=200, closed_by="server"),),
    ),
    _refusal("a body without a length", 503, b"HTTP/1.1 503 Service Unavailable\r\n\r\nbusy"),
    _refusal("a body that stops half-way", 403, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nhalf"),
    _refusal(
        "a body of two megabytes",
        503,
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000,
    ),
    _refusal(
        "a body in a coding that no client knows",
        503,
        b"HTTP/1.1 503 Service Unavailable\r\nTransfer-Encoding: gzip\r\n\r\n\x1f\x8b",
    ),
    _refusal("502 of HTTP/1.0", 502, b"HTTP/1.0 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
    _refusal("404 without a reason phrase", 404, b"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n"),
    _refusal("403 with a bad header", 403, b"HTTP/1.1 403 Forbidden\r\nX Y: 1\r\nContent-Length: 0\r\n\r\n"),
    Event(
        "429 byte by byte",
        _drip_refusal,
        (Row("connect", "failed", "upgrade", "http_status", http_status=429, closed_by="server"),),
    ),
    Event(
        "the response's head has no end",
        _then(Peer.read_request, _raw(b"HTTP/1.1 101 Switching Protocols\r\nX-Long: " + b"x" * 70_000), _end),
        (Row("connect", "failed", "upgrade", "malformed", closed_by="client"),),
    ),
    Event(
        "closed within the response's head",
        _then(Peer.read_request, _raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgr")),
        (Row("connect", "failed", "upgrade", "server_closed", closed_by="network"),),
    ),
    Event(
        "closed after a banner that is no HTTP",
        _then(Peer.read_request, _raw(b"SSH-2.0-OpenSSH_9.9\r\n")),
        (Row("connect", "failed", "upgrade", "server_closed", closed_by="network"),),
    ),
    Event(
        "the answer is no HTTP",
        _then(Peer.read_request, _raw(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"), _end),
        (Row("connect", "failed", "upgrade", "malformed", closed_by="client"),),
    ),
    Event(
        "the accept key is wrong",
        lambda peer: peer.upgrade(accept=b"d3Jvbmc="),
        (Row("connect", "failed", "upgrade", "malformed", closed_by="client"),),
    ),
    Event(
        "a subprotocol that nobody offered",
        lambda peer: peer.upgrade("Sec-WebSocket-Protocol: jwt-auth"),
        (Row("connect", "failed", "upgrade", "subprotocol", closed_by="client"),),
    ),
    Event(
        "the subprotocol that was offered is not answered",
        lambda peer: peer.upgrade(),
        (Row("connect", "failed", "upgrade", "subprotocol", closed_by="client"),),
        by_subprotocol=True,
    ),
    Event(
        "the subprotocol in other letters",
        lambda peer: peer.upgrade("Sec-WebSocket-Protocol: JWT-Auth"),
        (Row("connect", "failed", "upgrade", "subprotocol", closed_by="client"),),
        by_subprotocol=True,
    ),
    Event(
        "closed before the response",
        Peer.read_request,
        (Row("connect", "failed", "upgrade", "server_closed", closed_by="network"),),
    ),
    Event(
        "reset before the response",
        _then(Peer.read_request, Peer.reset),
        (Row("connect", "failed", "upgrade", "reset", errno=errno.ECONNRESET, closed_by="network"),),
    ),
    Event(
        "closed before the welcome",
        Peer.upgrade,
        (Row("connect", "failed", "welcome", "server_closed", close_code=1006, closed_by="network"),),
    ),
    Event(
        "reset before the welcome",
        _then(Peer.upgrade, lambda _: time.sleep(0.1), Peer.reset),
        (Row("connect", "failed", "welcome", "reset", errno=errno.ECONNRESET, closed_by="network"),),
    ),
    Event(
        "close 1011 instead of a welcome",
        _then(Peer.upgrade, _close(1011), _end),
        (Row("connect", "failed", "welcome", "server_error", close_code=1011, closed_by="server"),),
    ),
    Event(
        "close 1000 instead of a welcome",
        _then(Peer.upgrade, _close(1000), _end),
        (Row("connect", "failed", "welcome", "server_closed", close_code=1000, closed_by="server"),),
    ),
    Event(
        "a close without a code",
        _then(Peer.upgrade, _close(None), _end),
        (Row("connect", "failed", "welcome", "server_closed", closed_by="server"),),
    ),
    Event(
        "close 4401 instead of a welcome",
        _then(Peer.upgrade, _close(4401, "Unauthorized"), _end),
        (Row("connect", "failed", "welcome", "auth_rejected", close_code=4401, closed_by="server"),),
    ),
    Event(
        "close 4401 right after an upgrade that is the welcome",
        _then(Peer.upgrade, _close(4401, "Unauthorized"), _end),
        _both("failed", "auth_rejected", close_code=4401, closed_by="server"),
        protocol="echo",
    ),
    Event(
        "a close whose reason is not UTF-8",
        _then(Peer.upgrade, _raw(frame(0x8, b"\x03\xe8\xff\xfe")), _end),
        (Row("connect", "failed", "welcome", "malformed", closed_by="client"),),
    ),
    Event(
        "a ping of 126 bytes",
        _then(Peer.upgrade, _raw(frame(0x9, b"x" * 126)), _end),
        (Row("connect", "failed", "welcome", "malformed", closed_by="client"),),
    ),
    Event(
        "the token is refused",
        _refuse_token,
        (Row("connect", "failed", "welcome", "auth_rejected", close_code=1008, closed_by="server"),),
    ),
    Event(
        "a first frame that is no JSON",
        _then(Peer.upgrade, lambda peer: peer.frame(0x1, b"hello"), _end),
        (Row("connect", "failed", "welcome", "malformed", closed_by="client"),),
    ),
    Event(
        "a first frame that is binary",
        _then(Peer.upgrade, lambda peer: peer.frame(0x2, b"\x00"), _end),
        (Row("connect", "failed", "welcome", "malformed", closed_by="client"),),
    ),
    Event(
        "a frame that breaks the protocol",
        _then(_welcome, _request, _raw(b"\xf1\x01x"), _end),
        _both("failed", "malformed", closed_by="client"),
    ),
    Event(
        "a masked frame",
        _then(_welcome, _request, _raw(b"\x81\x82\0\0\0\0{}"), _is_told(1002)),
        _both("failed", "malformed", closed_by="client"),
    ),
    Event(
        "the head of a masked frame",
        _then(_welcome, _request, _raw(b"\x81\xff"), _is_told(1002)),
        _both("failed", "malformed", closed_by="client"),
    ),
    Event(
        "the head of a frame with an opcode that is none",
        _then(_welcome, _request, _raw(b"\x83\x7e"), _is_told(1002)),
        _both("failed", "malformed", closed_by="client"),
    ),
    Event(
        "a fragment of no message",
        _then(_welcome, _request, _raw(frame(0x0, b"x")), _is_told(1002)),
        _both("failed", "malformed", closed_by="client"),
    ),
    Event(
        "a message within another one",
        _then(_welcome, _request, _raw(frame(0x1, b"x", fin=False) + frame(0x1, b"y")), _is_told(1002)),
        _both("failed", "malformed", closed_by="client"),
    ),
    Event(
        "a request is never answered",
        _then(_welcome, _request, _answer_close),
        (
            Row("exchange", "timeout", "exchange", "silent_peer"),
            Row("hold", "ok", "hold", closed_by="client"),
            Row("close", "ok", "close", close_code=1000, closed_by="client"),
        ),
        SHORT,
    ),
    Event(
        "a close is never answered",
        _then(_welcome, _request, lambda peer: peer.json(PONG), _request, _end),
        (
            Row("exchange", "ok", "exchange"),
            Row("hold", "ok", "hold", closed_by="client"),
            Row("close", "timeout", "close", "silent_peer"),
        ),
        SHORT,
    ),
    Event(
        "cut while closing",
        _then(_welcome, _request, lambda peer: peer.json(PONG), _request),
        (Row("close", "failed", "close", "server_closed", close_code=1006, closed_by="network"),),
    ),
    Event(
        "close 1011 during an exchange",
        _then(_welcome, _request, _close(1011), _end),
        _both("failed", "server_error", close_code=1011, closed_by="server"),
    ),
    Event(
        "close 1011 for a keepalive during an exchange",
        _then(_welcome, _request, _close(1011, "keepalive ping timeout"), _end),
        _both("failed", "keepalive", close_code=1011, closed_by="server"),
    ),
    Event(
        "close 1008 before any answer",
        _then(_welcome, _request, _close(1008, "invalid token"), _end),
        _both("failed", "auth_rejected", close_code=1008, closed_by="server"),
    ),
    Event(
        "close 1008 for a limit",
        _then(_welcome, _request, _close(1008, "too many messages"), _end),
        _both("failed", "server_closed", close_code=1008, closed_by="server"),
    ),
    Event(
        "an error that names the request",
        _then(
            *(Peer.upgrade, _request, _send({"id": "9", "error": "not yours"}), _send({"id": "1", "error": "wrong"})),
            _answer_close,
        ),
        (
            Row("exchange", "failed", "exchange", "client_error"),
            Row("hold", "ok", "hold", closed_by="client"),
            Row("close", "ok", "close", close_code=1000, closed_by="client"),
        ),
        protocol="tests.scenarios.kit.events:Rpc",
    ),
    Event(
        "an opening is acknowledged, and the rest is binary",
        _then(Peer.upgrade, _text(b"open"), _be_introduced, _text(b"ok"), _echo_binary, _answer_close),
        OK_ROWS,
        token_transport="message",
        protocol="tests.scenarios.kit.events:Introduced",
    ),
    Event(
        "an opening is refused by a close",
        _then(Peer.upgrade, _text(b"open"), _be_introduced, _close(4403, "Forbidden"), _end),
        (Row("connect", "failed", "welcome", "auth_rejected", close_code=4403, closed_by="server"),),
        token_transport="message",
        protocol="tests.scenarios.kit.events:Introduced",
    ),
    Event(
        "an opening is never acknowledged",
        _then(Peer.upgrade, _text(b"open"), _be_introduced, _end),
        (Row("connect", "timeout", "welcome", "silent_peer"),),
        SHORT,
        token_transport="message",
        protocol="tests.scenarios.kit.events:Introduced",
    ),
    Event("all is well in TLS", _slowly_but_surely, OK_ROWS, tls="good"),
    *(
        Event(f"TLS: {kind}", _end, (Row("connect", "failed", "tls", "tls"),), tls=kind)
        for kind in ("expired", "wrong name", "unknown authority", "client certificate, TLS 1.2")
    ),
    # The alert comes after the client's side of the handshake (RFC 8446, section 4.4.2.4).
    Event("TLS: client certificate", _end, (Row("connect", "failed", "upgrade", "tls"),), tls="client certificate"),
    # Some servers just leave then.
    Event(
        "TLS: client certificate, without a word",
        Peer.read_request,
        (Row("connect", "failed", "upgrade", "tls"),),
        tls="client certificate, no alert",
    ),
    Event(
        "close 1012 during an exchange",
        _then(_welcome, _request, _close(1012), _end),
        _both("failed", "server_closed", close_code=1012, closed_by="server"),
    ),
    Event(
        "cut during an exchange",
        _then(_welcome, _request),
        _both("failed", "server_closed", close_code=1006, closed_by="network"),
    ),
    Event(
        "cut in the middle of a frame",
        _then(_welcome, _request, _raw(frame(0x1, _json(PONG))[:7])),
        _both("failed", "server_closed", close_code=1006, closed_by="network"),
    ),
    Event(
        "reset during an exchange",
        _then(_welcome, _request, lambda _: time.sleep(0.1), Peer.reset),
        _both("failed", "reset", errno=errno.ECONNRESET, closed_by="network"),
    ),
)
