"""Quirk `e2e_bypass`: the original's test mode, which parses a token and does not verify it. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import Final

import orjson

from standin.identity.tokens import Headers, User

_VALUES: Final = ("e2e", "staging", "test", "true", "1")
_STARTUP_HEADERS: Final = frozenset({b"x-test-type", b"x-test-environment", b"x-e2e-test", b"x-test-mode"})


def asks_for_bypass(headers: Headers) -> bool:
    """Whether any header's NAME contains test or e2e and its value one of a few words.

    `X-Latest-Build: 17` does, `X-Test-Mode: 0` does not.
    """
    for name, value in headers:
        lower = name.decode("latin-1").lower()
        if ("test" in lower or "e2e" in lower) and any(word in value.decode("latin-1").lower() for word in _VALUES):
            return True
    return False


def skips_startup(headers: Headers) -> bool:
    """Whether the session does not wait for start-up: only four exact header names count here."""
    return asks_for_bypass([(name, value) for name, value in headers if name.lower() in _STARTUP_HEADERS])


def bypass_user(token: str | None, epoch_s: int) -> User | None:
    """The user of a token that is only parsed; None when there is no token, or one that has no three parts.

    The payload is decoded as plain base64, so one that contains `-` or `_` loses its `sub`.
    """
    parts = (token or "").split(".")
    if len(parts) != 3:
        return None
    fallback = User(f"staging-e2e-user-{epoch_s % 1000:03d}")
    try:
        payload = orjson.loads(base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), validate=True))
    except (binascii.Error, ValueError):
        return fallback
    subject = payload.get("sub") if isinstance(payload, dict) else None
    return User(subject) if isinstance(subject, str) and subject else fallback
