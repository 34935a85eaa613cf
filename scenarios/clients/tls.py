"""TLS without I/O: ciphertext in, plain text out, and the reverse (Python's `ssl.SSLObject`).

No socket library's TLS is used, so a client has one way of waiting and one place for its deadline.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import Any, Final

from cryptography import x509

from scenarios.ledger import End

# A TLS record holds at most 16 KiB (RFC 8446, section 5.1).
_RECORD_BYTES: Final = 16_384
# Certificates of a hundred names exist; a few tell whose it is.
_MOST_NAMES: Final = 3
# The alert of RFC 8446, section 6.2. It comes after our own side of the handshake is done: on the upgrade.
_CERTIFICATE_REQUIRED: Final = "CERTIFICATE_REQUIRED"


class _SeenObject(ssl.SSLObject):
    """Adds to a certificate that is not accepted what it says of itself, whichever library drives the handshake."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except ssl.SSLCertVerificationError as error:
            vars(error)["certificate"] = self._peers_certificate()
            vars(error)["asked_for"] = self.server_hostname
            raise

    def _peers_certificate(self) -> x509.Certificate | None:
        """The peer's certificate although it is not accepted; None where this Python cannot tell."""
        inner: Any = getattr(self, "_sslobj", None)
        chain = inner.get_unverified_chain() if hasattr(inner, "get_unverified_chain") else None
        try:
            return x509.load_pem_x509_certificate(chain[0].public_bytes().encode()) if chain else None
        except ValueError:  # not even a certificate can be read
            return None


def end_of_tls_error(error: ssl.SSLError) -> End:
    """What a failed TLS handshake says: which check failed, for which name, and of which certificate.

    In OpenSSL's own words, which are the same in every client.
    """
    reason = getattr(error, "reason", None) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        check = str(getattr(error, "verify_message", "")).rstrip(".")
        return End("tls", detail="; ".join([": ".join(w for w in (reason, check) if w), *_certificate_words(error)]))
    if _CERTIFICATE_REQUIRED in reason:
        return End("tls", detail=f"{reason}: the server wants a client certificate")
    return End("tls", detail=reason)


def _certificate_words(error: ssl.SSLCertVerificationError) -> list[str]:
    certificate: x509.Certificate | None = getattr(error, "certificate", None)
    if certificate is None:
        return []
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    names = _names(certificate)
    asked_for = getattr(error, "asked_for", None)
    return [
        f"valid {first:%Y-%m-%dT%H:%MZ} to {last:%Y-%m-%dT%H:%MZ}",
        f"for {', '.join(names[:_MOST_NAMES]) or 'no name'}{' ...' if len(names) > _MOST_NAMES else ''}",
        *([f"asked for {asked_for}"] if asked_for else []),
    ]


def _names(certificate: x509.Certificate) -> list[str]:
    """The names and addresses that a certificate is for (RFC 9525: only those of its subjectAltName count)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]


@lru_cache(maxsize=8)
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """The one context of this process for these certificates; None = the system's.

    Building one reads hundreds of certificates: it is shared by all connections.

    Raises:
        ssl.SSLError: The file holds no certificate.
        OSError: It cannot be read.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.sslobject_class = _SeenObject
    return context


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
