"""The certificate that the stand-in makes for itself."""

from __future__ import annotations

import datetime
import os
import ssl
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from standin import certificate as module
from standin.certificate import certificate
from tests.standin.serving import Standin, ask, until

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
    with server.connect(ssl=trusting) as websocket:
        until(websocket, "ping")
        assert ask(websocket, {"type": "ping"})["type"] == "pong"
    with pytest.raises(ssl.SSLCertVerificationError):
        server.connect(ssl=ssl.create_default_context())
