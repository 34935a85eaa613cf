"""Keys from files, met by a real server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from standin.options import OptionError, read_options
from standin.serve import verification_keys
from tests.standin.serving import SECRET, Standin, token


def test_a_public_key_file_is_accepted_beside_the_secret(start: Callable[..., Standin], tmp_path: Path) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    file = tmp_path / "key.pem"
    file.write_bytes(
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    server = start("--public-key-file", str(file))
    with server.session(token(private, "EdDSA")), server.session(token()):
        pass


def test_issuer_audience_and_leeway_are_settings(start: Callable[..., Standin]) -> None:
    server = start("--issuer", "me", "--audience", "mine", "--leeway-s", "100000")
    with server.session(token(iss="me", aud="mine", exp=1_700_000_000 + 10**9)):
        pass
    with server.connect(token(iss="me", aud="netra-platform")) as websocket:
        assert "error_message" in str(websocket.recv())


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_key_file_that_holds_no_key_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "key.pem"
    if content is not None:
        file.write_bytes(content)
    options = read_options(["--public-key-file", str(file)])
    with pytest.raises(OptionError) as refused:
        verification_keys(options, {"STANDIN_JWT_SECRET": SECRET})
    assert str(file) in str(refused.value) and str(refused.value).endswith(".")
