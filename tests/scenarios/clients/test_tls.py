"""What a failed TLS handshake says: the same words in every client, over real sockets."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from scenarios.clients import CLIENTS, run_connection, why_unavailable
from scenarios.clients.on_asyncio.parent import close_children
from scenarios.clients.tls import Tls, tls_context
from scenarios.plan import TlsFiles
from tests.kit.certificates import Authority
from tests.kit.children import echo_server
from tests.kit.proxies import Haproxy, proxy_before, why_missing
from tests.scenarios.clients.rows import Rows, plan_of, target_of
from tests.scenarios.kit.certificates import make_certificate, tls
from tests.scenarios.kit.scripted_server import Peer, ScriptedServer


class Gate(NamedTuple):
    """Where a client needs a certificate, and certificates: a good one, an expired one, and of an unknown authority."""

    port: int
    ca_file: str
    good: str
    old: str
    unknown: str


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
            ("TLSV13_ALERT_CERTIFICATE_REQUIRED: the server wants a client certificate (--client-cert)",),
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


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Haproxy before an echo server: it lets in who shows a certificate of its authority."""
    reason = why_missing(Haproxy())
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("gate")
    authority = Authority(folder)
    stranger = Authority(folder, "another authority")
    proxy = Haproxy(certificate=str(authority.issue("127.0.0.1")), clients_of=str(authority.ca_file))
    good, old, unknown = (
        authority.issue("a client"),
        authority.issue("a client", expired=True),
        stranger.issue("a stranger"),
    )
    with echo_server("echo", folder) as upstream, proxy_before(upstream, proxy, folder) as port:
        yield Gate(port, str(authority.ca_file), str(good), str(old), str(unknown))


@pytest.mark.parametrize("client", HERE)
def test_a_client_with_a_certificate_is_let_in_and_another_is_told_why_not(
    kept: dict[str, Rows], gate: Gate, client: str
) -> None:
    rows = kept[client]
    for certificate, outcome, words in (
        (gate.good, "ok", ""),
        (gate.old, "failed", "ALERT_CERTIFICATE_EXPIRED: the server does not accept the client certificate"),
        (gate.unknown, "failed", "ALERT_UNKNOWN_CA: the server does not accept the client certificate"),
    ):
        rows.written.clear()
        target = target_of(gate.port, scheme="wss", ca_file=gate.ca_file, client_cert=certificate, protocol="echo")
        run_connection(plan_of(rows, client), target, rows.services)
        (row,) = rows.of("connect")
        assert row.outcome == outcome, row.detail
        if outcome == "failed":
            assert row.cause == "tls" and str(row.detail).endswith(words)


def test_a_key_of_its_own_file_is_read_with_the_passphrase_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate, locked = (tmp_path / name for name in ("key", "certificate", "locked"))
    make_certificate(key, certificate)
    secret = BestAvailableEncryption(b"hidden-word")
    loaded = load_pem_private_key(key.read_bytes(), None)
    locked.write_bytes(loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))
    files = TlsFiles(None, str(certificate), str(locked))
    with pytest.raises(ssl.SSLError):
        tls_context(files)
    monkeypatch.setenv("SOAK_CLIENT_KEY_PASSPHRASE", "hidden-word")
    assert tls_context(files) is tls_context(files)


def test_a_certificate_that_is_not_asked_for_is_not_missed() -> None:
    client = Tls(TlsFiles(tls("good").ca_file), "127.0.0.1")
    assert not client.is_asked_for_certificate
    assert tls_context(TlsFiles()) is tls_context(TlsFiles())
