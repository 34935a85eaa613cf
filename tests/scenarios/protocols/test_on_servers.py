"""The shipped protocols on the servers that they are for, through every client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from attempts.schema import Attempt
from scenarios.clients import run_connection
from scenarios.clients.on_asyncio.parent import close_children
from scenarios.plan import USUAL_FIELDS, Budgets, MessageFields, Token
from tests.kit.servers import MAKERS, SPEAKERS, served
from tests.scenarios.clients.rows import Rows, plan_of, target_of

CLIENTS = ("websocket-client", "websockets-gevent", "websockets-selector")
BUDGETS = Budgets(connect_s=20.0, exchange_s=20.0, close_s=20.0)
SHORT = Budgets(connect_s=20.0, exchange_s=0.5, close_s=20.0, peer_check_s=5.0)
TOKEN = Token("eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl")
KIND_AND_REF = MessageFields(type_field="kind", id_field="ref", welcome_type="hello")
FIRST_MESSAGE = MessageFields(
    type_field="kind", id_field="ref", welcome_type="hello", opening='{"kind":"auth","token":"{token}"}'
)


class Server(NamedTuple):
    """A server, how it is spoken to, and what a plain operation of it is."""

    maker: str
    protocol: str
    path: str = "/ws"
    operation: str = "hello"
    fields: MessageFields = USUAL_FIELDS
    mode: str = "healthy"


SERVERS = (
    Server("graphql-ws", "graphql-transport-ws"),
    Server("socket.io", "socketio", "/socket.io/"),
    Server("rpc-websockets", "jsonrpc"),
    Server("ws in binary", "echo", mode="binary"),
    Server("ws", "echo", mode="echo"),
    Server("aiohttp", "echo", mode="echo"),
)
SCRIPTED = (
    Server("json on ws", "json", fields=KIND_AND_REF),
    Server("json on ws", "json", fields=FIRST_MESSAGE, mode="first_message"),
)
EVERY = [*SERVERS, *(pytest.param(one, marks=pytest.mark.scripted) for one in SCRIPTED)]


@pytest.fixture(scope="module")
def kept() -> Iterator[Rows]:
    """One set of services: an asyncio child serves all tests."""
    mine = Rows()
    yield mine
    close_children(mine.services)


@pytest.fixture
def rows(kept: Rows) -> Rows:
    kept.written.clear()
    return kept


@contextmanager
def running(server: Server, folder: Path, *, mode: str = "") -> Iterator[int]:
    maker = {**MAKERS, **SPEAKERS}[server.maker]
    if reason := maker.why_missing():
        pytest.skip(reason)
    with served(server.maker, mode or server.mode, folder, "--tokens", str(folder / "tokens")) as port:
        yield port


def soaked(rows: Rows, server: Server, port: int, client: str, **plan: Any) -> list[Attempt]:
    """The rows of one connection."""
    settings = {"churn_exchanges": 2, "operations": {server.operation: 1.0}, **plan.pop("settings", {})}
    given = {"budgets": BUDGETS, "token": TOKEN, **plan, "settings": settings}
    target = target_of(port, path=server.path, protocol=server.protocol, messages=server.fields)
    # The token travels as the protocol has it: in a header, or in the first message.
    planned = msgspec.structs.replace(plan_of(rows, client, **given), token_transport="protocol")
    run_connection(planned, target, rows.services)
    return rows.written


def name_of(server: Server) -> str:
    return f"{server.maker}, {server.mode}"


@pytest.mark.parametrize("server", EVERY, ids=lambda one: name_of(one))
def test_all_is_well_in_every_client_and_the_server_was_shown_the_token(
    server: Server, rows: Rows, tmp_path: Path
) -> None:
    with running(server, tmp_path) as port:
        for client in CLIENTS:
            rows.written.clear()
            written = soaked(rows, server, port, client)
            assert [(row.kind, row.outcome, row.cause) for row in written] == [
                ("connect", "ok", None),
                ("exchange", "ok", None),
                ("exchange", "ok", None),
                ("hold", "ok", None),
                ("close", "ok", None),
            ]
            assert TOKEN.value not in repr(written)
    assert set((tmp_path / "tokens").read_text().split()) == {TOKEN.value}


@pytest.mark.parametrize(
    "server",
    [
        SERVERS[1],
        pytest.param(SERVERS[0], marks=pytest.mark.slow),
        pytest.param(SERVERS[2], marks=pytest.mark.slow),
        pytest.param(SCRIPTED[0], marks=[pytest.mark.slow, pytest.mark.scripted]),
    ],
    ids=lambda one: name_of(one),
)
def test_a_silent_operation_is_a_timeout_and_the_server_answers_pings(
    server: Server, rows: Rows, tmp_path: Path
) -> None:
    with running(server, tmp_path, mode="silent") as port:
        mute = server._replace(operation="news")
        written = soaked(rows, mute, port, CLIENTS[0], budgets=SHORT, settings={"churn_exchanges": 1})
    (exchange,) = (row for row in written if row.kind == "exchange")
    assert (exchange.outcome, exchange.cause) == ("timeout", "silent_peer")
    assert exchange.pong_s is not None
    assert exchange.lost_at in ("silent_application", "unknown")


@pytest.mark.parametrize("server", [SERVERS[0], pytest.param(SERVERS[1], marks=pytest.mark.slow)], ids=name_of)
def test_who_is_refused_in_the_protocols_own_way_is_a_refused_connect(
    server: Server, rows: Rows, tmp_path: Path
) -> None:
    with running(server, tmp_path, mode="refuse") as port:
        written = [list(soaked(rows, server, port, client)) for client in CLIENTS][-1]
    connects = [(row.outcome, row.phase, row.cause) for row in written if row.kind == "connect"]
    assert connects == [("failed", "welcome", "auth_rejected")] * len(CLIENTS)


@pytest.mark.parametrize(
    ("server", "operation", "cause"),
    [
        (SERVERS[0], "nonesuch", "client_error"),
        (SERVERS[2], "nonesuch", "client_error"),
        (SERVERS[2], "refused", "auth_rejected"),
        pytest.param(SCRIPTED[0], "unknown", "server_error", marks=pytest.mark.scripted),
    ],
    ids=lambda value: name_of(value) if isinstance(value, Server) else value,
)
def test_an_error_ends_its_own_request_and_says_whose_fault_it_is(
    server: Server, operation: str, cause: str, rows: Rows, tmp_path: Path
) -> None:
    with running(server, tmp_path) as port:
        written = soaked(rows, server._replace(operation=operation), port, CLIENTS[0])
    exchanges = [(row.outcome, row.cause) for row in written if row.kind == "exchange"]
    assert exchanges == [("failed", cause)] * 2
    assert next(row for row in written if row.kind == "hold").outcome == "ok"


@pytest.mark.slow
@pytest.mark.parametrize("server", [SERVERS[1], EVERY[6]], ids=lambda one: name_of(one))
def test_what_the_server_tells_by_itself_is_counted_and_its_pings_are_answered(
    server: Server, rows: Rows, tmp_path: Path
) -> None:
    # Longer than the server's patience with a ping that is not answered.
    settings = {"hold_s": 2.5, "pace_s": 1.0}
    with running(server, tmp_path) as port:
        written = soaked(rows, server, port, CLIENTS[0], scenario="steady", settings=settings)
    (hold,) = (row for row in written if row.kind == "hold")
    assert (hold.outcome, hold.malformed_frames) == ("ok", 0)
    assert hold.pushes is not None and hold.pushes >= 3
    assert hold.longest_push_gap_s is not None and 0 < hold.longest_push_gap_s <= hold.duration_s
    assert all(row.outcome == "ok" for row in written)


def test_a_server_of_queries_whose_client_says_nothing_first_says_so(rows: Rows, tmp_path: Path) -> None:
    """Without the subprotocol, npm's graphql-ws closes with 4406; a plain echo class makes that of it which is true."""
    server = SERVERS[0]._replace(protocol="echo")
    with running(server, tmp_path) as port:
        written = soaked(rows, server, port, CLIENTS[0])
    assert next(row for row in written if row.kind == "hold").close_code == 4406
