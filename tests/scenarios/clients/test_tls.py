"""What a failed TLS handshake says: the same words in every client, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scenarios.clients import CLIENTS, run_connection, why_unavailable
from scenarios.clients.on_asyncio.parent import close_children
from scenarios.clients.tls import Tls, tls_context
from tests.scenarios.clients.rows import Rows, plan_of, target_of
from tests.scenarios.kit.certificates import tls
from tests.scenarios.kit.scripted_server import Peer, ScriptedServer

HERE = [name for name in CLIENTS if why_unavailable(name) is None]


@pytest.fixture(scope="module")
def kept() -> Iterator[dict[str, Rows]]:
    rows = {name: Rows() for name in HERE}
    yield rows
    for one in rows.values():
        close_children(one.services)


@pytest.mark.parametrize(
    ("kind", "host", "words"),
    [
        (
            "expired",
            "127.0.0.1",
            ("certificate has expired", "valid 2", "for soak.test, 127.0.0.1", "asked for 127.0.0.1"),
        ),
        ("wrong name", "127.0.0.1", ("certificate is not valid for '127.0.0.1'", "for other.test")),
        ("wrong name", "localhost", ("certificate is not valid for 'localhost'", "for other.test")),
        ("unknown authority", "127.0.0.1", ("self-signed certificate", "for soak.test, 127.0.0.1")),
        (
            "client certificate",
            "127.0.0.1",
            ("TLSV13_ALERT_CERTIFICATE_REQUIRED: the server wants a client certificate",),
        ),
        ("client certificate, no alert", "127.0.0.1", ("the server asked for a client certificate, got none",)),
    ],
)
def test_the_reason_names_the_check_the_name_and_the_dates_in_every_client(
    kept: dict[str, Rows], kind: str, host: str, words: tuple[str, ...]
) -> None:
    secured = tls(kind)
    said = set()
    for client, rows in kept.items():
        rows.written.clear()
        with ScriptedServer(Peer.read_request, tls=secured.context) as server:
            target = target_of(server.port, scheme="wss", host=host, ca_file=secured.ca_file)
            run_connection(plan_of(rows, client), target, rows.services)
        (row,) = rows.of("connect")
        assert (row.outcome, row.cause) == ("failed", "tls")
        said.add(row.detail)
    (detail,) = said
    assert detail is not None and all(word in detail for word in words), detail


def test_a_certificate_that_is_not_asked_for_is_not_missed() -> None:
    client = Tls(tls("good").ca_file, "127.0.0.1")
    assert not client.is_asked_for_certificate
    assert tls_context(None) is tls_context(None)
