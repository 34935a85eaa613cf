"""Tokens as the target's test helper makes them, and the broken ones that the auth probe offers.

The key comes from the environment (`SOAK_JWT_SECRET`) or from a file, never from the command line, and is
in no repr and no error. What a token claims is in the staging contract: iss, sub, type, permissions, iat,
exp, jti, and aud where one is asked for.
"""

from __future__ import annotations

import base64
import binascii
import os
import uuid
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from scenarios.credentials.texts import text_of, unquoted
from scenarios.errors import ConfigError
from scenarios.plan import Token
from scenarios.redact import HIDDEN

KEY_VARIABLE: Final = "SOAK_JWT_SECRET"
PERMISSIONS: Final = ("read", "write")

# What the auth probe offers; each must be refused.
BAD_TOKENS: Final = ("missing", "expired", "forged", "wrong_audience")
# Far beyond any leeway that a server grants for clocks.
_EXPIRED_S: Final = 3600.0
_WRONG_AUDIENCE: Final = "somebody-else"

Key = str | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_KEY_KINDS: Final[dict[str, tuple[type, str]]] = {
    "RS256": (rsa.RSAPrivateKey, "an RSA private key"),
    "ES256": (ec.EllipticCurvePrivateKey, "a private key on the curve P-256"),
    "EdDSA": (ed25519.Ed25519PrivateKey, "an Ed25519 private key"),
}


class SigningKey:
    """A key that fits its algorithm; its repr shows neither."""

    def __init__(self, algorithm: str, key: Key) -> None:
        self.algorithm = algorithm
        self._key = key

    def __repr__(self) -> str:
        return f"SigningKey({self.algorithm}, {HIDDEN})"

    def public_pem(self) -> bytes | None:
        """The public half, for whoever verifies; None for a shared secret."""
        if isinstance(self._key, str):
            return None
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """The compact JWT of these claims (RFC 7519)."""
        with warnings.catch_warnings():
            # How long the target's secret is was decided by those who run it.
            warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
            return jwt.encode(dict(claims), self._key, algorithm=self.algorithm)


def load_key(algorithm: str, *, key_file: str, environment: Mapping[str, str]) -> SigningKey:
    """The signing key: from the file when one is named, else from `SOAK_JWT_SECRET`.

    Raises:
        ConfigError: If there is none, it cannot be read, or it does not fit the algorithm.
    """
    if key_file:
        text, source = text_of_key_file(key_file), f"the file {key_file!r}"
    else:
        text, source = environment.get(KEY_VARIABLE, ""), f"the variable {KEY_VARIABLE}"
    if not text.strip():
        raise ConfigError(
            f"There is no key to sign {algorithm} tokens with: {source} is empty or not set; "
            f"set {KEY_VARIABLE}, name a file with --jwt-key-file, or come without tokens (--token-source none)."
        )
    return key_from_text(algorithm, text, source=source)


def text_of_key_file(key_file: str) -> str:
    """The text of a file with a key.

    Raises:
        ConfigError: It cannot be read, or is no text.
    """
    try:
        text = text_of(Path(key_file).read_bytes())
    except OSError as error:
        raise ConfigError(
            f"--jwt-key-file {key_file!r} cannot be read ({os.strerror(error.errno or 0)}): name a file that "
            f"this user can read, or set {KEY_VARIABLE}."
        ) from None
    if text is None:
        raise ConfigError(f"--jwt-key-file {key_file!r} is not text: a secret or a PEM key is needed.")
    return text


def key_from_text(algorithm: str, text: str, *, source: str) -> SigningKey:
    """A shared secret (HS256) or a private PEM key (the others).

    Raises:
        ConfigError: If the key does not fit the algorithm. It names `source`, never the key.
    """
    text = text.strip()
    if algorithm == "HS256":
        if "-----BEGIN" in text:
            raise ConfigError(
                f"HS256 needs a shared secret, but {source} holds a PEM key: choose --jwt-algorithm RS256, ES256 or "
                "EdDSA, or another key."
            )
        return SigningKey(algorithm, _secret(text, source))
    kind, words = _KEY_KINDS[algorithm]
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except TypeError:
        raise ConfigError(
            f"The key in {source} has a passphrase, which wsoak cannot ask for: use one without."
        ) from None
    except Exception:
        # cryptography's errors quote what they could not read, so none of them is passed on.
        raise ConfigError(
            f"{algorithm} needs {words} in PEM, and {source} does not hold one that can be read."
        ) from None
    fits = isinstance(key, kind) and (algorithm != "ES256" or key.key_size == 256)  # type: ignore[union-attr]
    if not fits:
        raise ConfigError(f"{algorithm} needs {words}, but {source} holds another kind: choose --jwt-algorithm to fit.")
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey)
    return SigningKey(algorithm, key)


def _secret(text: str, source: str) -> str:
    """A shared secret, where it is one word or sentence and nothing is around it that would become part of it."""
    rule = ""
    if unquoted(text) != text:
        rule = "is in quotes, which would be part of it: take them off"
    elif len(text.splitlines()) > 1:
        rule = "has more than one line: leave the secret alone there"
    elif text[0] == "{":
        rule = "is JSON (a JWK, perhaps): give the secret itself"
    if rule:
        raise ConfigError(f"The secret for HS256 in {source} {rule}.")
    return text


class Minter:
    """Makes tokens for any subject. Epoch seconds in, tokens out.

    Args:
        key: What signs.
        issuer: Claim iss.
        audience: Claim aud; empty = none.
        ttl_s: Lifetime, in seconds.
    """

    def __init__(self, key: SigningKey, *, issuer: str, audience: str = "", ttl_s: float = 1800.0) -> None:
        self._key = key
        self._issuer = issuer
        self._audience = audience
        self.ttl_s = ttl_s

    def fetch(self, subject: str, now: float) -> Token:
        """A token that is valid from `now` for `ttl_s`."""
        return self._mint(subject, now, audience=self._audience)

    def bad_token(self, kind: str, subject: str, now: float) -> Token | None:
        """One of `BAD_TOKENS`, wrong in that one way only; None for the one that is missing."""
        if kind == "missing":
            return None
        if kind == "expired":
            return self._mint(subject, now - self.ttl_s - _EXPIRED_S, audience=self._audience)
        if kind == "wrong_audience":
            return self._mint(subject, now, audience=_WRONG_AUDIENCE)
        if kind == "forged":
            return forged(self.fetch(subject, now))
        raise ConfigError(f"{kind!r} is no way to break a token: use one of {', '.join(BAD_TOKENS)}.")

    def _mint(self, subject: str, issued_at: float, *, audience: str) -> Token:
        # NumericDate may have a fraction (RFC 7519, section 2), but servers that parse integers exist.
        iat = int(issued_at)
        exp = int(issued_at + self.ttl_s)
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": subject,
            "type": "access",
            "token_type": "access",
            "permissions": list(PERMISSIONS),
            "iat": iat,
            "exp": exp,
            "jti": uuid.uuid4().hex,
        }
        if audience:
            claims["aud"] = audience
        return Token(self._key.sign(claims), iat, exp)


def forged(token: Token) -> Token:
    """The same claims under a signature that nobody made; of an opaque token, other characters."""
    if token.value.count(".") != 2:
        other = base64.urlsafe_b64encode(os.urandom(len(token.value))).decode()[: len(token.value)]
        return Token(other, token.issued_at, token.expires_at)
    head, _, signature = token.value.rpartition(".")
    length = len(base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4)))
    wrong = base64.urlsafe_b64encode(os.urandom(length)).rstrip(b"=").decode()
    return Token(f"{head}.{wrong}", token.issued_at, token.expires_at)


def token_from_text(text: str) -> tuple[Token, str | None]:
    """A token that somebody else made, and its subject; what it does not say is None.

    The claims are read, not verified: whether the token is good is the target's to say.
    """
    value = text.strip()
    claims = _claims(value)
    subject = claims.get("sub")
    token = Token(value, _epoch_s(claims.get("iat")), _epoch_s(claims.get("exp")))
    return token, subject if isinstance(subject, str) else None


def _claims(value: str) -> dict[str, Any]:
    parts = value.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _epoch_s(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
