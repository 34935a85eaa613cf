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

from websocket import ABNF, WebSocketException, WebSocketProtocolException, frame_buffer
from websocket._handshake import _get_handshake_headers, _validate
from websocket._http import read_headers

from scenarios.clients import Services
from scenarios.clients.dial import UpgradeRequest
from scenarios.clients.masks import masking_key
from scenarios.clients.on_gevent.driver import GeventConnection
from scenarios.clients.wire import BROKEN, TOO_BIG, Fragments
from scenarios.plan import ConnectionPlan, ConnectionResult, Target
from scenarios.rfc6455 import MESSAGE_TOO_BIG, PROTOCOL_ERROR
from scenarios.session.ledger import End

_BAD_HANDSHAKE: Final = End("malformed", closed_by="client", detail="the upgrade's response breaks RFC 6455")
# RFC 6455, section 5.5; the library asks it of a close only.
_MOST_CONTROL_BYTES: Final = 125
# Of `frame_buffer.header`, which names the place of the mask and of the length, and not this one.
_OPCODE_INDEX: Final = 4


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

    __slots__ = ("_data", "_position")

    def __init__(self) -> None:
        self._data: bytes | bytearray = b""
        self._position = 0

    def __len__(self) -> int:
        return len(self._data) - self._position

    def add(self, data: bytes) -> None:
        """More has come; what is left of a long frame is not copied for each part of it."""
        if not len(self):
            self._data = data
        else:
            rest = bytearray(self._data) if isinstance(self._data, bytes) else self._data
            del rest[: self._position]
            rest += data
            self._data = rest
        self._position = 0

    def take(self, size: int) -> bytes:
        """So many bytes, all of them, or none."""
        end = self._position + size
        if end > len(self._data):
            raise _NeedMore
        part = self._data[self._position : end]
        self._position = end
        if end == len(self._data):
            self._data, self._position = b"", 0
        return bytes(part)


class _TooBig(WebSocketProtocolException):
    """The message that has begun is longer than the limit."""


class _Frames(frame_buffer):
    """The library's parser, which also refuses by a frame's head what it would else wait for the end of.

    Attributes:
        room: How many bytes the message that is coming may still have.
    """

    def __init__(self, feed: _Feed, room: int) -> None:
        # orjson refuses what is not UTF-8; the library's own check is pure Python.
        super().__init__(feed.take, skip_utf8_validation=True)
        self.room = room

    def recv_header(self) -> None:
        super().recv_header()
        assert self.header is not None
        if self.header[self._HEADER_MASK_INDEX]:  # RFC 6455, section 5.1; the library takes it off without a word
            raise WebSocketProtocolException("A masked frame: a server must not mask.")
        if self.header[_OPCODE_INDEX] not in ABNF.OPCODES:
            raise WebSocketProtocolException("A frame with an opcode that is none.")

    def recv_length(self) -> None:
        super().recv_length()
        assert self.length is not None
        if self.length > self.room:
            raise _TooBig("More than the limit.")

    def recv_strict(self, bufsize: int) -> bytes:
        return self.recv(bufsize)  # the feed gives all or nothing


class WebSocketClientWire:
    """The `Wire` of websocket-client."""

    def __init__(self, target: Target, request: UpgradeRequest) -> None:
        options: dict[str, Any] = {
            "header": [f"{name}: {value}" for name, value in request.headers],
            "subprotocols": list(request.subprotocols),
            "suppress_origin": True,
        }
        headers, self.key = _get_handshake_headers(request.path, target.url, target.host, target.port, options)
        self._request = "\r\n".join(headers).encode("latin-1")
        self._most_bytes = target.max_message_bytes
        self._feed = _Feed()
        self._frames = _Frames(self._feed, self._most_bytes)
        vars(self._frames)["lock"] = nullcontext()  # one greenlet reads, and never waits in there
        self._fragments = Fragments()
        self._unsent: list[bytes] = []
        self._has_closed = False
        self._is_broken = False

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
        is_valid, _ = _validate(headers, self.key, None)
        return None if is_valid else _BAD_HANDSHAKE

    def receive(self, data: bytes) -> list[tuple[int, bytes]]:
        """See `Wire.receive`."""
        messages: list[tuple[int, bytes]] = []
        if self._is_broken:
            return messages
        feed, fragments = self._feed, self._fragments
        feed.add(data)
        try:
            while len(feed):
                frame = self._frames.recv_frame()
                if frame.opcode == ABNF.OPCODE_TEXT and frame.fin and fragments.opcode is None:
                    messages.append((ABNF.OPCODE_TEXT, cast(bytes, frame.data)))
                else:
                    self._sort(frame, messages)
        except _NeedMore:
            pass
        except WebSocketException as error:
            is_too_big = isinstance(error, _TooBig)
            messages.append((TOO_BIG, b"") if is_too_big else (BROKEN, str(error).encode()))
            self._break_off(MESSAGE_TOO_BIG if is_too_big else PROTOCOL_ERROR)
        return messages

    def _sort(self, frame: ABNF, messages: list[tuple[int, bytes]]) -> None:
        opcode, payload, fragments = frame.opcode, cast(bytes, frame.data), self._fragments
        if opcode <= ABNF.OPCODE_BINARY:
            if (opcode == ABNF.OPCODE_CONT) != (fragments.opcode is not None):
                raise WebSocketProtocolException("A message within another one, or the end of none.")
            whole = fragments.add(opcode, payload, fin=bool(frame.fin))
            self._frames.room = self._most_bytes - fragments.size
            if whole is not None:
                messages.append(whole)
        elif len(payload) > _MOST_CONTROL_BYTES or not frame.fin:
            raise WebSocketProtocolException("Invalid control frame.")
        elif opcode == ABNF.OPCODE_PING:
            self.send(ABNF.OPCODE_PONG, payload)
        else:
            if opcode == ABNF.OPCODE_CLOSE and not self._has_closed:
                self.send(opcode, payload[:2])
            messages.append((opcode, payload))

    def _break_off(self, code: int) -> None:
        """Nothing can be read any more, and the peer is told why."""
        self._is_broken = True
        self._feed = _Feed()
        self._fragments = Fragments()
        if not self._has_closed:
            self.send(ABNF.OPCODE_CLOSE, code.to_bytes(2, "big"))

    def is_mid_message(self) -> bool:
        """See `Wire.is_mid_message`."""
        return bool(self._frames.header or len(self._feed) or self._fragments.opcode is not None)

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
