"""The client for scale: the sans-I/O core of websockets (`ClientProtocol`), on gevent."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import lru_cache
from typing import Final

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from scenarios.clients import Services
from scenarios.clients.dial import UpgradeRequest
from scenarios.clients.on_gevent.driver import GeventConnection
from scenarios.clients.websockets_deflate import extensions_for
from scenarios.clients.websockets_masks import share_masking_keys
from scenarios.clients.wire import BROKEN, TOO_BIG, Fragments
from scenarios.plan import ConnectionPlan, ConnectionResult, Target
from scenarios.rfc6455 import BINARY, PING, TEXT
from scenarios.session.ledger import End

share_masking_keys()
# The library's own; given, it is not looked up again for every connection.
_LOGGER: Final = logging.getLogger("websockets.client")
_uri: Final = lru_cache(maxsize=8)(parse_uri)


class WebsocketsWire:
    """The `Wire` of websockets."""

    def __init__(self, target: Target, request: UpgradeRequest) -> None:
        uri = _uri(target.url)
        if request.path != target.path:  # a token in the query
            uri = replace(uri, query=request.path.partition("?")[2])
        offered = [Subprotocol(name) for name in request.subprotocols]
        self._protocol = ClientProtocol(
            uri,
            extensions=extensions_for(request),
            subprotocols=offered or None,
            max_size=target.max_message_bytes,
            logger=_LOGGER,
        )
        self.key = self._protocol.key
        upgrade = self._protocol.connect()
        for name, value in request.headers:
            upgrade.headers[name] = value
        self._protocol.send_request(upgrade)
        self._fragments = Fragments()

    def request(self) -> bytes:
        """See `Wire.request`."""
        return b"".join(self._protocol.data_to_send())

    def response(self, head: bytes) -> End | None:
        """See `Wire.response`."""
        self._protocol.receive_data(head)
        for event in self._protocol.events_received():
            if isinstance(event, Response) and self._protocol.state is OPEN:
                return None
        error = self._protocol.handshake_exc
        what = type(error).__name__ if isinstance(error, InvalidHandshake) else "no response"
        return End("malformed", closed_by="client", detail=f"the upgrade's response: {what}")

    def receive(self, data: bytes) -> list[tuple[int, bytes]]:
        """See `Wire.receive`."""
        protocol = self._protocol
        protocol.receive_data(data)
        messages: list[tuple[int, bytes]] = []
        for event in protocol.events_received():
            assert isinstance(event, Frame)
            opcode = event.opcode
            if event.fin and opcode is not Opcode.CONT and opcode is not Opcode.PING:
                messages.append((opcode, bytes(event.data)))
            elif opcode is not Opcode.PING:  # in order, as the core has checked
                whole = self._fragments.add(opcode, event.data, fin=event.fin)
                if whole is not None:
                    messages.append(whole)
        error = protocol.parser_exc
        if error is not None:
            messages.append((TOO_BIG, b"") if isinstance(error, PayloadTooBig) else (BROKEN, str(error).encode()))
        return messages

    def is_mid_message(self) -> bool:
        """See `Wire.is_mid_message`."""
        return bool(self._protocol.reader.buffer or self._fragments.opcode is not None)

    def send(self, opcode: int, payload: bytes) -> None:
        """See `Wire.send`; nothing is sent behind a close."""
        protocol = self._protocol
        if protocol.state is not OPEN:
            return
        if opcode == TEXT:
            protocol.send_text(payload)
        elif opcode == BINARY:
            protocol.send_binary(payload)
        elif opcode == PING:
            protocol.send_ping(payload)
        else:
            protocol.send_close(int.from_bytes(payload, "big"))

    def data_to_send(self) -> bytes:
        """See `Wire.data_to_send`."""
        return b"".join(self._protocol.data_to_send())


def run(plan: ConnectionPlan, target: Target, services: Services) -> ConnectionResult:
    """Run one connection; see `scenarios.clients`."""
    return GeventConnection(plan, target, services, WebsocketsWire).run()
