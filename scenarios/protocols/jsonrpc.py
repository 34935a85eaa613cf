"""JSON-RPC 2.0 over a WebSocket (https://www.jsonrpc.org/specification): an operation is a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from scenarios.protocols.basics import Basics
from scenarios.protocols.refusing import refusal_of
from scenarios.protocols.shape import MALFORMED, NOISE, Kind, Message, Request, content_of

# Parse error, invalid request, method not found, invalid params (section 5.1): the request is to blame.
_CLIENTS_CODES: Final = frozenset({-32700, -32600, -32601, -32602})
_METHOD_NOT_FOUND: Final = {"code": -32601, "message": "Method not found"}


class JsonRpc(Basics):
    """Requests with ids and their results; notifications are pushes; a server's own requests are declined."""

    round_trips: frozenset[str] = frozenset({"ping", "protocol_ping"})
    # Which methods there are only the server's maker knows.

    def read(self, payload: bytes | str) -> Message:
        """Classify one object; of a batch the first (`read_all` reads them all)."""
        return self.read_all(payload)[0]

    def read_all(self, payload: bytes | str) -> Sequence[Message]:
        """The objects of a batch (section 6), or the one that came alone."""
        try:
            frame = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return (MALFORMED,)
        if type(frame) is list and frame:
            return [self._message(part) for part in frame]
        return (self._message(frame),)

    def read_binary(self, payload: bytes) -> Message:
        """Some servers send JSON in binary frames."""
        return self.read(payload)

    def request(self, operation: str, *, number: int, size: int = 0) -> Request:
        """Call a method; without parameters unless a size is asked for."""
        frame: dict[str, Any] = {"jsonrpc": "2.0", "id": number, "method": operation}
        if size:
            frame["params"] = [content_of(size)]
        return Request(orjson.dumps(frame), "result", str(number))

    @staticmethod
    def _message(frame: Any) -> Message:
        if type(frame) is not dict:
            return NOISE
        name = frame.get("id")
        if isinstance(frame.get("method"), str):
            if name is None:
                return Message(Kind.PUSH, frame["method"])
            declined = {"jsonrpc": "2.0", "id": name, "error": _METHOD_NOT_FOUND}
            return Message(Kind.PING, answer=orjson.dumps(declined))
        identity = None if name is None else str(name)
        error = frame.get("error")
        if error is not None:
            code = error.get("code") if isinstance(error, dict) else None
            return Message(Kind.ERROR, id=identity, error=refusal_of(error, is_clients=code in _CLIENTS_CODES))
        return Message(Kind.REPLY, "result", identity) if "result" in frame else NOISE
