"""What a task hears of the relay, whatever the relay does; in a process of its own, since this one is gevent's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scenarios.relay.question import answer
from tests.scenarios.clients.on_gevent.test_ask_relay import SAMPLE, in_pieces, nothing, reset, without_end
from tests.scenarios.kit.scripted_server import Peer, ScriptedServer
from tests.scenarios.kit.sockets import full_backlog

ROOT = Path(__file__).parents[4]
PROGRAM = """
import asyncio, sys, time
from scenarios.clients.on_asyncio.ask_relay import way_of
from scenarios.relay.question import ANSWER_LIMIT_S, answer

async def ask(port):
    began = time.perf_counter()
    found = await way_of(("127.0.0.1", port), 4711)
    assert time.perf_counter() - began < ANSWER_LIMIT_S + 5.0
    print(answer(found))

for port in sys.argv[1:]:
    asyncio.run(ask(int(port)))
"""


def told(*ports: int) -> list[str]:
    """What is heard on these ports, as the relay would have said it."""
    command = [sys.executable, "-W", "error", "-c", PROGRAM, *map(str, ports)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_the_answer_is_read_to_its_end() -> None:
    with ScriptedServer(in_pieces) as server:
        assert told(server.port) == [str(answer(SAMPLE))]


def test_without_a_whole_answer_in_time_nothing_is_known() -> None:
    with (
        ScriptedServer(nothing) as empty,
        ScriptedServer(without_end) as endless,
        ScriptedServer(reset) as broken,
        ScriptedServer(Peer.wait_for_end) as silent,
        full_backlog() as (_, full),
    ):
        with ScriptedServer(nothing) as server:
            gone = server.port
        ports = (empty.port, endless.port, broken.port, silent.port, full, gone)
        assert told(*ports) == [str(answer(None))] * len(ports)
