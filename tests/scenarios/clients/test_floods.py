"""A peer that sends without end takes neither the memory nor the loop of a worker, in any client (scripted servers)."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scenarios.clients import CLIENTS, why_unavailable
from tests.scenarios.kit.scripted_server import PONG, Peer, ScriptedServer, frame

ROOT = Path(__file__).parents[3]
MIB = 1_048_576
# What a client that reads on without a limit would have to keep: it fails the test before it eats the machine.
MOST_SENT = 96 * MIB
CONNECTIONS = 4
# Without turns a client is at work for half a second on what it reads at once; the rest is a busy machine's.
MOST_LAG_S = 0.3
# Rungs of the ladder that accuse this client (docs/evidence.md).
OUR_OWN = {"generator", "unread", "partial"}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the memory")

DISTINCT = [name for name in CLIENTS if why_unavailable(name) is None and name != "websockets-selector"]


def endless(start: bytes, chunk: bytes) -> Callable[[Peer], None]:
    """A good welcome, and then this for ever."""

    def script(peer: Peer) -> None:
        peer.welcome()
        peer.send(start)
        for _ in range(MOST_SENT // len(chunk)):
            peer.send(chunk)
        peer.wait_for_end()

    return script


ENDLESS_FRAME = endless(b"\x81\x7f" + (1 << 50).to_bytes(8, "big"), b"x" * 65_536)
ENDLESS_FRAGMENTS = endless(frame(0x1, b"x", fin=False), frame(0x0, b"x" * 1_000, fin=False) * 64)
EMPTY_FRAGMENTS = endless(frame(0x1, b"x", fin=False), frame(0x0, b"", fin=False) * 32_768)
SMALL_MESSAGES = endless(b"", frame(0x1, b'{"type":"tick"}') * 4_000)
EMPTY_MESSAGES = endless(b"", frame(0x1, b"") * 32_768)
PINGS = endless(b"", frame(0x9, b"") * 32_768)


def good(peer: Peer) -> None:
    peer.welcome()
    while True:
        opcode, payload = peer.read_frame()
        peer.frame(0x8, payload) if opcode == 0x8 else peer.json(PONG)


@contextlib.contextmanager
def served(*scripts: Callable[[Peer], None]) -> Iterator[list[int]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(ScriptedServer(script)).port for script in scripts]


def met(client: str, *scripts: Callable[[Peer], None], exchange_s: float) -> dict[str, Any]:
    """What a process of its own meets that makes one connection to each script's server."""
    with served(*scripts) as ports:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.scenarios.clients.flooded",
                client,
                str(MIB),
                str(exchange_s),
                *map(str, ports),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def assert_bounded(found: dict[str, Any]) -> None:
    """A few times the limit for each connection, and next to nothing beside it."""
    assert found["grown_mib"] < CONNECTIONS * 4 + 8


def cases(**scripts: Callable[[Peer], None]) -> list[Any]:
    """Each script in each client; all but the first of them belong to `make test-all`."""
    pairs = [(client, name) for name in scripts for client in DISTINCT]
    return [
        pytest.param(client, scripts[name], id=f"{client}-{name}", marks=[pytest.mark.slow] if number else [])
        for number, (client, name) in enumerate(pairs)
    ]


@pytest.mark.parametrize(("client", "script"), cases(fragments=ENDLESS_FRAGMENTS, frame=ENDLESS_FRAME))
def test_a_message_without_end_is_malformed_and_takes_no_memory(client: str, script: Callable[[Peer], None]) -> None:
    found = met(client, *[script] * CONNECTIONS, exchange_s=20.0)
    ends = {(row["outcome"], row["cause"], row["close_code"], row["detail"]) for row in found["rows"][1:]}
    assert ("failed", "malformed", 1009, "a message of more than 1 MiB (--max-message-mb)") in ends
    assert len([row for row in found["rows"] if row["kind"] == "hold" and row["outcome"] == "failed"]) == CONNECTIONS
    assert_bounded(found)


def _lost_at_flooded(found: dict[str, Any]) -> set[str | None]:
    return {row["lost_at"] for row in found["rows"] if row["connection"] < CONNECTIONS}


@pytest.mark.parametrize(
    ("client", "script"),
    cases(messages=SMALL_MESSAGES, fragments=EMPTY_FRAGMENTS, empty_messages=EMPTY_MESSAGES, pings=PINGS),
)
def test_a_flood_takes_neither_memory_nor_the_loop(client: str, script: Callable[[Peer], None]) -> None:
    for _ in range(3):
        found = met(client, *[script] * CONNECTIONS, good, exchange_s=0.3)
        # A machine that is busy with other work for a moment leaves bytes unread, and the row truly says so.
        if not _lost_at_flooded(found) & OUR_OWN:
            break
    assert_bounded(found)
    outcomes = {
        (row["kind"], row["outcome"], row["cause"]) for row in found["rows"] if row["connection"] == CONNECTIONS
    }
    assert outcomes == {(kind, "ok", None) for kind in ("connect", "exchange", "hold", "close")}, "a good server beside"
    flooded = [row for row in found["rows"] if row["connection"] < CONNECTIONS]
    assert {row["cause"] for row in flooded if row["outcome"] == "timeout"} == {"silent_peer"}
    assert not _lost_at_flooded(found) & OUR_OWN
    assert max(row["loop_lag_s"] for row in found["rows"]) < MOST_LAG_S
