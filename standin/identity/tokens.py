"""Tokens: where a request carries one, and whether it is valid. Contract sections 2, 3 and 14. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

ISSUER: Final = "netra-auth-service"
AUDIENCES: Final = ("netra-platform", "netra-services", "netra-admin")
SUBPROTOCOL: Final = "jwt-auth"
MIN_SECRET_BYTES: Final = 32
"""RFC 7518 section 3.2: an HS256 key has at least the size of the hash."""

Headers = Sequence[tuple[bytes, bytes]]


class Refusal(NamedTuple):
    """Why a token was refused: the `error_code` and the text on the wire. Never holds token material."""

    code: str
    text: str


class User(NamedTuple):
    """An authenticated user."""

    user_id: str


def header_values(headers: Headers, name: bytes) -> list[str]:
    """All values of a header, in order; `name` in lower case."""
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]


def offered_subprotocols(headers: Headers) -> tuple[str, ...]:
    """Every offered subprotocol."""
    values = header_values(headers, b"sec-websocket-protocol")
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def chosen_subprotocol(headers: Headers) -> str | None:
    """`jwt-auth` if it is one of the names in the FIRST Sec-WebSocket-Protocol header, else none."""
    first = header_values(headers, b"sec-websocket-protocol")[:1]
    return SUBPROTOCOL if any(part.strip() == SUBPROTOCOL for value in first for part in value.split(",")) else None


def find_token(headers: Headers, query: str) -> str | None:
    """The token of a request: Authorization, else a subprotocol `jwt.<base64url>`, else `?token=`."""
    for value in header_values(headers, b"authorization"):
        scheme, _, token = value.partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return token.strip()
    for offer in offered_subprotocols(headers):
        if offer.startswith("jwt.") and len(offer) > len("jwt."):
            # What cannot be decoded is still a token, a malformed one.
            return _base64url(offer.removeprefix("jwt.")).decode("utf-8", "replace") or "?"
    return next(iter(parse_qs(query).get("token", [])), None)


def claimed_subject(token: str | None) -> str:
    """The `sub` of a token that nobody has verified; "" where it cannot be read."""
    parts = (token or "").split(".")
    if len(parts) != 3:
        return ""
    try:
        payload = orjson.loads(_base64url(parts[1]))
    except ValueError:
        return ""
    subject = payload.get("sub") if isinstance(payload, dict) else None
    return subject if isinstance(subject, str) else ""


def _base64url(text: str) -> bytes:
    """The decoded bytes, empty where the text is not base64url; the server re-pads."""
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""


def public_key(pem: bytes) -> tuple[str, Any]:
    """The algorithm that a public key verifies, and the key.

    Raises:
        ValueError: It is no PEM public key, or of a kind that no supported algorithm uses.
    """
    key = load_pem_public_key(pem)
    if isinstance(key, RSAPublicKey):
        return "RS256", key
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return "ES256", key
    if isinstance(key, Ed25519PublicKey):
        return "EdDSA", key
    raise ValueError("not an RSA, P-256 or Ed25519 key")


def malformed(token: str | None) -> Refusal | None:
    """Why no service is even asked about a token: there is none, or it has no three parts; None if it has."""
    if not token:
        return Refusal("NO_TOKEN", "No JWT token found in WebSocket headers, subprotocols or query")
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        return Refusal("INVALID_FORMAT", f"Invalid token format: {len(parts) - 1} dots, {len(token)} chars")
    return None


class Verifier:
    """Verifies tokens. One key an algorithm, so a token cannot choose what its key is used for."""

    def __init__(self, keys: Mapping[str, Any], *, issuer: str, audiences: Iterable[str], leeway_s: float) -> None:
        self._keys = dict(keys)
        self._issuer = issuer
        self._audiences = frozenset(audiences)
        self._leeway_s = leeway_s

    def check(self, token: str, *, token_type_required: bool = False) -> User | Refusal:
        """The user that a well-formed token speaks for, or why it is refused.

        A missing `aud` is accepted, an unknown one is not.

        Args:
            token: The compact token, not `malformed`.
            token_type_required: As the original: `token_type` must be "access"; otherwise `type` will do.
        """
        try:
            algorithm = jwt.get_unverified_header(token).get("alg")
            if not isinstance(algorithm, str) or algorithm not in self._keys:
                return _REJECTED
            claims = jwt.decode(
                token,
                self._keys[algorithm],
                algorithms=[algorithm],
                issuer=self._issuer,
                leeway=self._leeway_s,
                options={"require": ["exp", "iat", "sub", "iss"], "verify_aud": False},
            )
        except jwt.InvalidTokenError:
            return _REJECTED
        kind = claims.get("token_type") if token_type_required else claims.get("token_type", claims.get("type"))
        if kind != "access" or not claims["sub"] or not self._is_for_us(claims.get("aud")):
            return _REJECTED
        return User(claims["sub"])

    def _is_for_us(self, audience: object) -> bool:
        if audience is None:
            return True
        named = [audience] if isinstance(audience, str) else audience
        return isinstance(named, list) and any(isinstance(name, str) and name in self._audiences for name in named)


_REJECTED: Final = Refusal("VALIDATION_FAILED", "Token validation failed")
"""One text for every cause, as on the real path: bad signature, expired, wrong claims."""
