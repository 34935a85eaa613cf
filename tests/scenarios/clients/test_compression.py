"""permessage-deflate with a real server (websockets' own), in every client that has it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from scenarios.clients import CLIENTS, run_connection, why_unavailable
from scenarios.clients.on_asyncio.parent import close_children
from tests.scenarios.clients.rows import Rows, plan_of, target_of

SERVER = """
from websockets.sync.server import serve
def echo(session):
    print([extension.name for extension in session.protocol.extensions], flush=True)
    for message in session:
        session.send(message)
with serve(echo, "127.0.0.1", 0) as server:
    print(server.socket.getsockname()[1], flush=True)
    server.serve_forever()
"""
# A child process of its own takes a second: `make test-all` has those.
CASES = [
    pytest.param(name, marks=[] if arm.event_loop is None else [pytest.mark.slow])
    for name, arm in CLIENTS.items()
    if why_unavailable(name) is None and name != "websockets-selector"
]


@pytest.fixture(scope="module")
def server() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.terminate()


@pytest.fixture(scope="module")
def port(server: subprocess.Popen[str]) -> int:
    assert server.stdout is not None
    return int(server.stdout.readline())


@pytest.mark.parametrize("client", CASES)
def test_it_is_agreed_where_it_is_asked_for_and_the_library_has_it(
    client: str, server: subprocess.Popen[str], port: int
) -> None:
    assert server.stdout is not None
    rows, agreed = Rows(), []
    try:
        for is_asked in (True, False):
            settings = {"operations": {"echo": 1.0}, "churn_exchanges": 3}
            target = target_of(port, protocol="echo", compression=is_asked)
            run_connection(plan_of(rows, client, settings=settings), target, rows.services)
            agreed.append(server.stdout.readline().strip())
    finally:
        close_children(rows.services)
    assert [row.outcome for row in rows.written] == ["ok"] * len(rows.written)
    assert len(rows.of("exchange")) == 6
    assert agreed == ["['permessage-deflate']" if CLIENTS[client].compresses else "[]", "[]"]
