"""Where a token is found and whether it is valid, without a server."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from standin.identity.tokens import (
    Refusal,
    User,
    Verifier,
    chosen_subprotocol,
    claimed_subject,
    find_token,
    malformed,
    offered_subprotocols,
    public_key,
)
from tests.standin.serving import SECRET, token

KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def verifier(**keys: Any) -> Verifier:
    keys = keys or {"HS256": SECRET}
    return Verifier(keys, issuer="netra-auth-service", audiences=["netra-platform", "netra-admin"], leeway_s=5)


def pem(private: Any) -> bytes:
    found: bytes = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return found


def protocol(*values: str) -> list[tuple[bytes, bytes]]:
    return [(b"sec-websocket-protocol", value.encode()) for value in values]


def offer(bearer: str) -> str:
    return "jwt." + base64.urlsafe_b64encode(bearer.encode()).decode().rstrip("=")


def test_the_header_wins_over_the_subprotocol_and_the_query() -> None:
    headers = [(b"Authorization", b"bearer a.b.c"), *protocol(offer("d.e.f"))]
    assert find_token(headers, "token=g.h.i") == "a.b.c"
    assert find_token(headers[1:], "token=g.h.i") == "d.e.f"
    assert find_token([], "x=1&token=g.h.i") == "g.h.i"
    assert find_token([], "") is None


@pytest.mark.parametrize("value", [b"Basic a.b.c", b"Bearer", b"Bearer  "])
def test_an_authorization_header_without_a_bearer_token_counts_for_nothing(value: bytes) -> None:
    assert find_token([(b"authorization", value)], "token=x.y.z") == "x.y.z"


def test_an_unreadable_subprotocol_token_is_a_malformed_token_not_a_missing_one() -> None:
    found = find_token(protocol("jwt.A"), "")
    assert found is not None
    assert malformed(found) == Refusal("INVALID_FORMAT", f"Invalid token format: 0 dots, {len(found)} chars")


def test_only_the_first_protocol_header_is_asked_for_jwt_auth() -> None:
    assert chosen_subprotocol(protocol("chat, jwt-auth")) == "jwt-auth"
    assert chosen_subprotocol(protocol("chat", "jwt-auth")) is None
    assert chosen_subprotocol(protocol("JWT-AUTH")) is None
    assert chosen_subprotocol([]) is None
    assert offered_subprotocols(protocol("a, b", "c")) == ("a", "b", "c")


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_public_key_verifies_its_own_algorithm(algorithm: str) -> None:
    named, key = public_key(pem(KEYS[algorithm]))
    assert named == algorithm
    check = verifier(**{named: key}).check
    assert check(token(KEYS[algorithm], algorithm)) == User("staging-user-001")
    assert isinstance(check(token()), Refusal)


def test_the_leeway_forgives_a_little_skew_in_both_directions() -> None:
    now = int(time.time())
    lenient = Verifier({"HS256": SECRET}, issuer="netra-auth-service", audiences=[], leeway_s=60)
    strict = Verifier({"HS256": SECRET}, issuer="netra-auth-service", audiences=[], leeway_s=0)
    for skewed in (token(aud=None, exp=now - 20), token(aud=None, iat=now + 20)):
        assert isinstance(lenient.check(skewed), User)
        assert isinstance(strict.check(skewed), Refusal)


def test_a_public_key_is_never_a_shared_secret() -> None:
    named, key = public_key(pem(KEYS["RS256"]))
    # PyJWT refuses to sign with PEM text, so the forgery is made by hand.
    head = jwt.utils.base64url_encode(b'{"alg":"HS256","typ":"JWT"}')
    body = token().split(".")[1].encode()
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signed = signature.sign(head + b"." + body, pem(KEYS["RS256"]))
    forged = b".".join([head, body, jwt.utils.base64url_encode(signed)]).decode()
    assert isinstance(verifier(**{named: key}).check(forged), Refusal)
    assert isinstance(verifier(**{named: key, "HS256": SECRET}).check(forged), Refusal)


def test_keys_that_no_algorithm_uses_are_refused() -> None:
    with pytest.raises(ValueError, match="RSA, P-256 or Ed25519"):
        public_key(pem(ec.generate_private_key(ec.SECP384R1())))
    with pytest.raises(ValueError):
        public_key(b"no key")


NOW = int(time.time())


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": None},
        {"aud": "netra-admin"},
        {"aud": ["x", "netra-platform"]},
        {"type": None, "token_type": "access"},
        {"email": "a@example.org", "jti": "test-1", "permissions": ["read"]},
    ],
)
def test_good_tokens(claims: dict[str, Any]) -> None:
    assert verifier().check(token(**claims)) == User("staging-user-001")


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW - 60},
        {"exp": None},
        {"iat": None},
        {"iat": NOW + 3600},
        {"iss": "somebody"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 17},
        {"aud": "unknown"},
        {"aud": []},
        {"aud": [17]},
        {"aud": 17},
        {"type": "refresh"},
        {"type": None},
        {"type": "access", "token_type": "refresh"},
        {"nbf": NOW + 3600},
        {"exp": "tomorrow"},
    ],
)
def test_bad_claims_are_one_refusal_with_one_text(claims: dict[str, Any]) -> None:
    payload = {"sub": "u", "iat": NOW, "exp": NOW + 600, "iss": "netra-auth-service", "type": "access", **claims}
    bare = {k: v for k, v in payload.items() if v is not None}
    # The library refuses to sign a sub that is no string; the bytes can still be made.
    signed = jwt.api_jws.encode(json.dumps(bare).encode(), SECRET)
    assert verifier().check(signed) == Refusal("VALIDATION_FAILED", "Token validation failed")


def test_signatures_are_checked() -> None:
    good = token()
    body, _, signature = good.rpartition(".")
    assert isinstance(verifier().check(f"{body}.{'A' * len(signature)}"), Refusal)
    assert isinstance(verifier().check(token("x" * 40)), Refusal)
    assert isinstance(verifier().check(jwt.encode({"sub": "u"}, "", algorithm="none") + "x"), Refusal)


def test_token_type_may_be_required() -> None:
    assert isinstance(verifier().check(token(), token_type_required=True), Refusal)
    assert verifier().check(token(token_type="access"), token_type_required=True) == User("staging-user-001")


def test_no_refusal_shows_the_token() -> None:
    for bearer in ("top-secret", "top.secret", "top..secret"):
        assert malformed(bearer) is not None and "secret" not in repr(malformed(bearer))
    for bearer in ("top.secret.thing", token(exp=1)):
        assert malformed(bearer) is None and "secret" not in repr(verifier().check(bearer))


@pytest.mark.parametrize("bearer", [None, "", "a.b", "a.b.c", "a.W10.c", "a.eyJzdWIiOjF9.c"])
def test_a_subject_that_cannot_be_read_is_empty(bearer: str | None) -> None:
    assert claimed_subject(bearer) == ""


def test_a_claimed_subject_is_read_from_any_token() -> None:
    assert claimed_subject(token(exp=1, sub="me")) == "me"
