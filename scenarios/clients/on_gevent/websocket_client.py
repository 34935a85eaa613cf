"""The default client: websocket-client's handshake and frames, on gevent.

The library's own blocking reads are left out: it reads a response byte by byte (54 % of a handshake's
time) and arms a timer for each of two reads a frame. Here whole reads are handed to its parsers, which
it keeps between calls. Its underscored handshake functions are used, since `WebSocket.connect` cannot be
told to stop waiting; the version is pinned, and a test against a real server notices a change.
"""

from __future__ import annotations

from contextlib import nullcontext
from socket import socket
from typing import Any, Final, cast

from websocket import ABNF, WebSocketException, WebSocketProtocolException, continuous_frame, frame_buffer
from websocket._handshake import _get_handshake_headers, _validate
from websocket._http import read_headers

from scenarios.clients import Services
from scenarios.clients.dial import UpgradeRequest
from scenarios.clients.masks import masking_key
from scenarios.clients.on_gevent.driver import GeventConnection
from scenarios.clients.wire import BROKEN
from scenarios.plan import ConnectionPlan, ConnectionResult, Target
from scenarios.session.ledger import End

_BAD_HANDSHAKE: Final = End("malformed", closed_by="client", detail="the upgrade's response breaks RFC 6455")
# RFC 6455, section 5.5; the library asks it of a close only.
_MOST_CONTROL_BYTES: Final = 125


class _NeedMore(Exception):
    """The parser wants bytes that have not come; it goes on where it was when they have."""


class _Lines:
    """A response's head as the socket that `read_headers` expects: it asks for single bytes until a line
    ends, so a whole line and then its newline is what it needs, at a fiftieth of the calls.
    """

    def __init__(self, head: bytes) -> None:
        self._parts = iter([part for line in head.split(b"\n")[:-1] for part in (line or b" ", b"\n")])

    def recv(self, _: int) -> bytes:
        return next(self._parts)

    def gettimeout(self) -> int:
        return 0


class _Feed:
    """What came and is not parsed yet; the library's parser calls `take` instead of a socket's `recv`.

    An object of its own: were it the wire, wire and parser would hold each other, and every connection
    would leave a cycle for the collector.
    """

    __slots__ = ("data", "position")

    def __init__(self) -> None:
        self.data = b""
        self.position = 0

    def take(self, size: int) -> bytes:
        start = self.position
        if start == len(self.data):
            raise _NeedMore
        self.position = start + size
        part = self.data[start : self.position]
        self.position = start + len(part)
        return part


class WebSocketClientWire:
    """The `Wire` of websocket-client."""

    def __init__(self, target: Target, request: UpgradeRequest) -> None:
        options: dict[str, Any] = {
            "header": [f"{name}: {value}" for name, value in request.headers],
            "subprotocols": list(request.subprotocols),
            "suppress_origin": True,
        }
        headers, self._key = _get_handshake_headers(request.path, target.url, target.host, target.port, options)
        self._request = "\r\n".join(headers).encode("latin-1")
        self._feed = _Feed()
        # orjson refuses what is not UTF-8; the library's own check is pure Python.
        self._frames = frame_buffer(self._feed.take, skip_utf8_validation=True)
        vars(self._frames)["lock"] = nullcontext()  # one greenlet reads, and never waits in there
        self._message = continuous_frame(fire_cont_frame=False, skip_utf8_validation=True)
        self._unsent: list[bytes] = []
        self._has_closed = False

    def request(self) -> bytes:
        """See `Wire.request`."""
        request, self._request = self._request, b""
        return request

    def response(self, head: bytes) -> End | None:
        """See `Wire.response`."""
        try:
            _, headers, _ = read_headers(cast(socket, _Lines(head)))
        except WebSocketException:
            return _BAD_HANDSHAKE
        is_valid, _ = _validate(headers, self._key, None)
        return None if is_valid else _BAD_HANDSHAKE

    def receive(self, data: bytes) -> list[tuple[int, bytes]]:
        """See `Wire.receive`."""
        feed = self._feed
        feed.data = feed.data[feed.position :] + data
        feed.position = 0
        size = len(feed.data)
        messages: list[tuple[int, bytes]] = []
        try:
            while feed.position < size:
                frame = self._frames.recv_frame()
                if frame.mask_value:  # RFC 6455, section 5.1; the library takes it off without a word
                    raise WebSocketProtocolException("A masked frame: a server must not mask.")
                if frame.opcode == ABNF.OPCODE_TEXT and frame.fin and not self._message.recving_frames:
                    messages.append((ABNF.OPCODE_TEXT, cast(bytes, frame.data)))
                else:
                    self._sort(frame, messages)
        except _NeedMore:
            pass
        except WebSocketException as error:
            messages.append((BROKEN, str(error).encode()))
        return messages

    def _sort(self, frame: ABNF, messages: list[tuple[int, bytes]]) -> None:
        opcode, payload = frame.opcode, cast(bytes, frame.data)
        if opcode <= ABNF.OPCODE_BINARY:
            if not frame.fin or opcode == ABNF.OPCODE_CONT or self._message.recving_frames:
                self._message.validate(frame)
                self._message.add(frame)
                if not frame.fin:
                    return
                opcode, whole = self._message.extract(frame)
                payload = whole.data
            messages.append((opcode, payload))
        elif len(payload) > _MOST_CONTROL_BYTES or not frame.fin:
            raise WebSocketProtocolException("Invalid control frame.")
        elif opcode == ABNF.OPCODE_PING:
            self.send(ABNF.OPCODE_PONG, payload)
        else:
            if opcode == ABNF.OPCODE_CLOSE and not self._has_closed:
                self.send(opcode, payload[:2])
            messages.append((opcode, payload))

    def is_mid_message(self) -> bool:
        """See `Wire.is_mid_message`."""
        frames = self._frames
        return bool(frames.header or frames.recv_buffer or self._message.recving_frames)

    def send(self, opcode: int, payload: bytes) -> None:
        """See `Wire.send`."""
        self._has_closed |= opcode == ABNF.OPCODE_CLOSE
        frame = ABNF.create_frame(payload, opcode)
        frame.get_mask_key = masking_key
        self._unsent.append(frame.format())

    def data_to_send(self) -> bytes:
        """See `Wire.data_to_send`."""
        frames = b"".join(self._unsent)
        self._unsent.clear()
        return frames


def run(plan: ConnectionPlan, target: Target, services: Services) -> ConnectionResult:
    """Run one connection; see `scenarios.clients`."""
    return GeventConnection(plan, target, services, WebSocketClientWire).run()
