"""TLS without I/O: ciphertext in, plain text out, and the reverse (Python's `ssl.SSLObject`).

No socket library's TLS is used, so a client has one way of waiting and one place for its deadline.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import Final

# A TLS record holds at most 16 KiB (RFC 8446, section 5.1).
_RECORD_BYTES: Final = 16_384


@lru_cache(maxsize=8)
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """The one context of this process for these certificates; None = the system's.

    Building one reads hundreds of certificates: it is shared by all connections.

    Raises:
        ssl.SSLError: The file holds no certificate.
        OSError: It cannot be read.
    """
    return ssl.create_default_context(cafile=ca_file)


class Tls:
    """One connection's TLS. After every call, send what `outgoing` returns."""

    def __init__(self, ca_file: str | None, server_name: str) -> None:
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls = tls_context(ca_file).wrap_bio(self._in, self._out, server_hostname=server_name)

    def handshake(self, received: bytes) -> bool:
        """Go on with the handshake; True = done.

        Raises:
            ssl.SSLError: The peer's certificate, version or bytes are not acceptable.
        """
        self._in.write(received)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def outgoing(self) -> bytes:
        """Ciphertext to send."""
        return self._out.read()

    def encrypt(self, data: bytes) -> bytes:
        """Ciphertext of `data`."""
        self._tls.write(data)
        return self._out.read()

    def decrypt(self, received: bytes) -> tuple[bytes, bool]:
        """The plain text of what came so far, and whether the peer has ended the stream.

        Raises:
            ssl.SSLError: The bytes are not TLS, or an alert.
        """
        self._in.write(received)
        parts: list[bytes] = []
        try:
            while part := self._tls.read(_RECORD_BYTES):
                parts.append(part)
        except ssl.SSLWantReadError:
            return b"".join(parts), False
        except ssl.SSLZeroReturnError:
            pass
        return b"".join(parts), True
