"""Minted tokens verified by another party, broken ones broken in one way, and keys that do not fit."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from scenarios.credentials.jwt import BAD_TOKENS, Minter, forged, key_from_text, load_key, token_from_text
from scenarios.errors import ConfigError

SECRET = "a-secret-of-the-tests-with-32-bytes-or-more"
NOW = 1_790_000_000.0

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PRIVATE: dict[str, PrivateKey] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def pem(key: PrivateKey, encryption: KeySerializationEncryption | None = None) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()).decode()


def minter(algorithm: str = "HS256", *, audience: str = "") -> tuple[Minter, str]:
    """A minter, and what verifies its tokens."""
    if algorithm == "HS256":
        text, public = SECRET, SECRET
    else:
        text = pem(PRIVATE[algorithm])
        public = PRIVATE[algorithm].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    key = key_from_text(algorithm, text, source="the test")
    return Minter(key, issuer="netra-auth-service", audience=audience, ttl_s=1800.0), public


def verified(
    value: str, public: str, algorithm: str, *, issuer: str | None = None, audience: str | None = None
) -> dict[str, object]:
    claims: dict[str, object] = jwt.decode(
        value,
        public,
        algorithms=[algorithm],
        issuer=issuer,
        audience=audience,
        options={"verify_exp": False, "verify_iat": False},
    )
    return claims


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
def test_a_minted_token_verifies_and_claims_what_the_contract_says(algorithm: str) -> None:
    mint, public = minter(algorithm)
    token = mint.fetch("soak-user-0001", NOW)
    claims = verified(token.value, public, algorithm, issuer="netra-auth-service")
    jti = claims.pop("jti")
    assert isinstance(jti, str) and jti
    assert claims == {
        "iss": "netra-auth-service",
        "sub": "soak-user-0001",
        "type": "access",
        "token_type": "access",
        "permissions": ["read", "write"],
        "iat": int(NOW),
        "exp": int(NOW) + 1800,
    }
    assert (token.issued_at, token.expires_at, token.ttl_s) == (NOW, NOW + 1800.0, 1800.0)


def test_an_audience_is_claimed_only_where_asked_for() -> None:
    mint, public = minter(audience="netra-platform")
    assert verified(mint.fetch("s", NOW).value, public, "HS256", audience="netra-platform")["aud"] == "netra-platform"


def test_no_two_tokens_share_their_id() -> None:
    mint, public = minter()
    ids = {verified(mint.fetch("s", NOW).value, public, "HS256")["jti"] for _ in range(20)}
    assert len(ids) == 20


def test_a_missing_token_is_none() -> None:
    assert minter()[0].bad_token("missing", "s", NOW) is None


def test_an_expired_token_is_well_signed_and_beyond_any_leeway() -> None:
    mint, public = minter()
    token = mint.bad_token("expired", "s", NOW)
    assert token is not None
    claims = verified(token.value, public, "HS256")
    assert isinstance(claims["exp"], int) and claims["exp"] <= NOW - 3600
    assert token.ttl_s == 1800.0


def test_a_wrong_audience_is_well_signed() -> None:
    mint, public = minter(audience="netra-platform")
    token = mint.bad_token("wrong_audience", "s", NOW)
    assert token is not None
    with pytest.raises(jwt.InvalidAudienceError):
        verified(token.value, public, "HS256", audience="netra-platform")
    assert verified(token.value, public, "HS256", audience="somebody-else")["sub"] == "s"


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
def test_a_forged_token_has_the_right_shape_and_a_wrong_signature(algorithm: str) -> None:
    mint, public = minter(algorithm)
    good = mint.fetch("s", NOW)
    bad = forged(good)
    assert len(bad.value) == len(good.value)
    with pytest.raises(jwt.InvalidSignatureError):
        verified(bad.value, public, algorithm)
    assert bad.value.rpartition(".")[0] == good.value.rpartition(".")[0]


def test_every_way_to_break_a_token_is_known_and_others_are_not() -> None:
    mint, _ = minter()
    for kind in BAD_TOKENS:
        mint.bad_token(kind, "s", NOW)
    with pytest.raises(ConfigError, match="'odd' is no way to break a token"):
        mint.bad_token("odd", "s", NOW)


def test_a_token_of_somebody_else_is_read_and_not_verified() -> None:
    mint, _ = minter()
    value = mint.fetch("s-7", NOW).value
    token, subject = token_from_text(f"  {value}\n")
    assert (token.value, subject) == (value, "s-7")
    assert (token.issued_at, token.expires_at) == (NOW, NOW + 1800.0)


@pytest.mark.parametrize("text", ["opaque", "a.b.c", "a.e30.c", "a.bnVsbA.c", "..", "a.%%%.c"])
def test_an_opaque_token_tells_nothing(text: str) -> None:
    token, subject = token_from_text(text)
    assert (token.value, token.issued_at, token.expires_at, subject) == (text, None, None, None)


def test_a_file_goes_before_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(SECRET + "\n")
    key = load_key("HS256", key_file=str(file), environment={"SOAK_JWT_SECRET": "another-one-of-32-bytes-or-even-more"})
    assert jwt.decode(key.sign({"sub": "s"}), SECRET, algorithms=["HS256"])["sub"] == "s"


@pytest.mark.parametrize("written", [SECRET, f"{SECRET}\r\n", f"\ufeff{SECRET}"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_key_file_as_windows_writes_it_holds_the_same_key(tmp_path: Path, written: str, encoding: str) -> None:
    file = tmp_path / "key"
    file.write_bytes(written.removeprefix("\ufeff").encode(encoding) if encoding == "utf-16" else written.encode())
    key = load_key("HS256", key_file=str(file), environment={})
    assert jwt.decode(key.sign({"sub": "s"}), SECRET, algorithms=["HS256"])["sub"] == "s"


def test_a_short_secret_of_the_target_is_not_ours_to_judge() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert key_from_text("HS256", "short", source="the test").sign({}).count(".") == 2


ENCRYPTED = BestAvailableEncryption(b"pass")


@pytest.mark.parametrize(
    ("algorithm", "text", "sentence"),
    [
        (
            "HS256",
            lambda: pem(PRIVATE["RS256"]),
            "HS256 needs a shared secret, but the variable SOAK_JWT_SECRET holds a PEM",
        ),
        ("RS256", lambda: SECRET, "RS256 needs an RSA private key in PEM"),
        ("RS256", lambda: pem(PRIVATE["ES256"]), "RS256 needs an RSA private key, but .* holds another kind"),
        ("ES256", lambda: pem(ec.generate_private_key(ec.SECP384R1())), "ES256 needs a private key on the curve P-256"),
        ("EdDSA", lambda: pem(PRIVATE["RS256"]), "EdDSA needs an Ed25519 private key"),
        ("RS256", lambda: pem(PRIVATE["RS256"], ENCRYPTED), "has a passphrase"),
        ("HS256", lambda: f'"{SECRET}"', "in the variable SOAK_JWT_SECRET is in quotes, .*: take them off"),
        ("HS256", lambda: f"SECRET:\n{SECRET}", "has more than one line"),
        ("HS256", lambda: f'{{"kty":"oct","k":"{SECRET}"}}', "is JSON"),
        ("HS256", lambda: " \n", "There is no key to sign HS256 tokens with.*--token-source none"),
    ],
)
def test_a_key_that_does_not_fit_is_refused_without_showing_it(
    algorithm: str, text: Callable[[], str], sentence: str
) -> None:
    key = text()
    with pytest.raises(ConfigError, match=sentence) as refusal:
        load_key(algorithm, key_file="", environment={"SOAK_JWT_SECRET": key})
    said = str(refusal.value)
    assert "\n" not in said
    assert not [line for line in key.split() if len(line) > 20 and line in said]
    assert refusal.value.__cause__ is None


def test_an_unreadable_key_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--jwt-key-file .*missing.* cannot be read \(No such file"):
        load_key("HS256", key_file=str(tmp_path / "missing"), environment={})
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not text"):
        load_key("HS256", key_file=str(binary), environment={})


def test_neither_key_nor_token_shows_in_a_repr() -> None:
    mint, _ = minter()
    key = key_from_text("HS256", SECRET, source="the test")
    token = mint.fetch("s", NOW)
    shown = f"{key!r} {key} {token!r} {token} {mint!r}"
    assert SECRET not in shown
    assert token.value not in shown and token.value.split(".")[2] not in shown
