"""The certificate that the stand-in makes for itself."""

from __future__ import annotations

import datetime
import json
import os
import ssl
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from websocket import create_connection

from standin.identity import certificate as module
from standin.identity.certificate import certificate
from tests.standin.serving import PATIENCE_S, Standin, token

HOSTS = ("127.0.0.1", "localhost")


def test_it_is_kept_from_start_to_start_and_made_anew_for_another_host(tmp_path: Path) -> None:
    first = certificate(tmp_path, HOSTS)
    content = first.chain_file.read_bytes()
    assert certificate(tmp_path, HOSTS) == first and first.chain_file.read_bytes() == content
    certificate(tmp_path, (*HOSTS, "soak.example"))
    assert first.chain_file.read_bytes() != content


def test_it_is_renewed_before_it_expires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIFETIME", datetime.timedelta(days=6))
    files = certificate(tmp_path, HOSTS)
    monkeypatch.undo()
    content = files.chain_file.read_bytes()
    certificate(tmp_path, HOSTS)
    assert files.chain_file.read_bytes() != content


def test_a_broken_file_is_replaced(tmp_path: Path) -> None:
    files = certificate(tmp_path, HOSTS)
    files.chain_file.write_text("not a certificate")
    certificate(tmp_path, HOSTS)
    x509.load_pem_x509_certificate(files.chain_file.read_bytes())


def test_only_the_owner_reads_the_key_and_the_ca_keeps_none(tmp_path: Path) -> None:
    files = certificate(tmp_path, HOSTS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.pem", "server.key", "server.pem"]
    if os.name == "posix":
        assert stat.S_IMODE(files.key_file.stat().st_mode) == 0o600


def test_a_client_that_trusts_the_ca_file_talks_wss(start: Callable[..., Standin]) -> None:
    server = start("--tls")
    assert server.url.startswith("wss://") and server.http_url.startswith("https://")
    trusting = ssl.create_default_context(cafile=server.ready["ca_file"])
    # By a client of one thread: two of them on one TLS connection get into each other's way.
    options: dict[str, Any] = {
        "header": {"Authorization": f"Bearer {token()}"},
        "timeout": PATIENCE_S,
        "http_no_proxy": ["*"],
    }
    with closing(create_connection(server.url, sslopt={"context": trusting}, **options)) as session:
        session.send('{"type": "ping"}')
        assert "pong" in iter(lambda: json.loads(session.recv())["type"], None)
    with pytest.raises(ssl.SSLCertVerificationError):
        create_connection(server.url, sslopt={"context": ssl.create_default_context()}, **options)
