"""The fleet's shared secret, `SOAK_FLEET_KEY`: who does not know it takes no part in a run.

It becomes a key pair of CurveZMQ (RFC 26 of ZeroMQ; X25519 and XSalsa20-Poly1305). The public half of a CurveZMQ server
must be known to a client before it can say anything, and is told to nobody on the way: here only those who have the
secret can compute it, so each side proves to the other that it has it. Both draw keys of their own for each connection,
each message carries a counter and an authenticator, and what was recorded on one connection means nothing on another.
None of it is ours: libzmq answers, counts and compares, before a message reaches Locust.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple

import zmq
from zmq.utils import z85

from scenarios.errors import ConfigError

VARIABLE: Final = "SOAK_FLEET_KEY"
MIN_BYTES: Final = 16
_SALT: Final = b"wsoak fleet, version 1"
_LOOPBACK: Final = ("127.", "localhost", "::1")


class FleetKey(NamedTuple):
    """A master's key pair, as libzmq takes it. It shows itself to nobody."""

    public: bytes
    secret: bytes

    def __repr__(self) -> str:
        """Neither half: a log or a traceback might hold it."""
        return "FleetKey(...)"


def fleet_key(environ: Mapping[str, str]) -> FleetKey | None:
    """The key that the environment has; None = it has none.

    Raises:
        ConfigError: If it is too short to be a secret, or this libzmq cannot encrypt.
    """
    text = environ.get(VARIABLE, "").strip()
    if not text:
        return None
    if len(text.encode()) < MIN_BYTES:
        raise ConfigError(
            f"{VARIABLE} is shorter than {MIN_BYTES} bytes, which can be guessed: take more, such as what "
            '`python -c "import secrets; print(secrets.token_urlsafe(32))"` prints.'
        )
    if not zmq.has("curve"):
        raise ConfigError(f"{VARIABLE} needs a libzmq with CURVE, and this one has none: install pyzmq from its wheel.")
    # Slow on purpose: somebody who has recorded a connection tries short secrets one by one.
    secret = z85.encode(hashlib.scrypt(text.encode(), salt=_SALT, n=2**14, r=8, p=1, dklen=32))
    return FleetKey(public=zmq.curve_public(secret), secret=secret)


def open_door(bind_host: str) -> str | None:
    """What a master without a key lets happen; None where only this machine reaches it."""
    if bind_host.startswith(_LOOPBACK):
        return None
    return (
        f"without {VARIABLE} whoever reaches this master's port can join the run, send rows and end it: set the same "
        "secret for master and workers, or bind to loopback (--master-bind-host 127.0.0.1)."
    )


class Handshakes:
    """What the handshakes of one worker's connection say: may it be refused for its key?

    A connection may break in the middle of a handshake for other reasons, so one such end says nothing, and after some
    of them the other side is asked (`greeting`).
    """

    ENOUGH: Final = 3

    def __init__(self) -> None:
        self.has_succeeded = False
        self._failed = 0
        self._met_nobody = False

    def succeeded(self) -> None:
        """The two know each other."""
        self.has_succeeded = True

    def failed(self, *, is_final: bool) -> bool:
        """A handshake failed; true = it is time to ask why.

        Args:
            is_final: The other side asks for a key where this one has none, or has none where this one asks for it.
        """
        self._failed += 1
        return not self.has_succeeded and (is_final or self._failed >= self.ENOUGH)

    def met_nobody(self) -> bool:
        """What was asked speaks no ZeroMQ, and may be a master's in a minute; true = for the first time."""
        self._failed = 0
        is_first, self._met_nobody = not self._met_nobody, True
        return is_first
