"""Masking keys: unforeseeable, each used once, and those of the libraries' frames."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.clients import masks
from scenarios.clients.dial import UpgradeRequest
from scenarios.clients.masks import masking_key
from scenarios.clients.on_gevent.websocket_client import WebSocketClientWire
from scenarios.clients.on_gevent.websockets import WebsocketsWire
from scenarios.clients.wire import Wire
from scenarios.plan import Target
from scenarios.rfc6455 import TEXT
from tests.scenarios.kit.scripted_server import Peer, frame

ROOT = Path(__file__).parents[3]
TARGET = Target(scheme="ws", host="127.0.0.1", port=1)


def test_no_key_is_given_twice() -> None:
    keys = [masking_key() for _ in range(5000)]
    assert all(len(key) == 4 for key in keys)
    # Of 5,000 random 32-bit numbers three pairs are alike in less than one of a million draws.
    assert len(set(keys)) > 4997


def test_a_thousand_keys_are_one_system_call(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(size: int) -> bytes:
        asked.append(size)
        return bytes(size)

    masks._keys.clear()
    monkeypatch.setattr(os, "urandom", counted)
    for _ in range(1024):
        masking_key()
    assert asked == [4096]
    masks._keys.clear()  # zeros are no secret


@pytest.mark.parametrize("make", [WebSocketClientWire, WebsocketsWire])
def test_every_frame_of_a_library_is_masked_with_the_next_key(
    make: type[Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = make(TARGET, UpgradeRequest("/ws", (), (), None))
    _open(wire)
    keys = [b"abcd", b"wxyz"]
    monkeypatch.setattr(masks, "_keys", keys[::-1])
    for key in keys:
        wire.send(TEXT, b"hello")
        sent = wire.data_to_send()
        unmasked = bytes(byte ^ key[n % 4] for n, byte in enumerate(sent[6:]))
        assert (sent[:2], sent[2:6], unmasked) == (b"\x81\x85", key, b"hello")


def test_the_asyncio_client_takes_the_same_keys() -> None:
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "import scenarios.clients.on_asyncio.child, websockets.frames as f;print(f.secrets.token_bytes.__module__)",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "scenarios.clients.masks"


def _open(wire: Wire) -> None:
    """Let the wire's handshake succeed."""
    peer = Peer.__new__(Peer)  # of a server: only its answer is wanted, no socket
    peer.head = wire.request().removesuffix(b"\r\n\r\n")
    assert wire.response(peer.response()) is None
    assert wire.receive(frame(TEXT, b"{}")) == [(TEXT, b"{}")]
