"""TLS without I/O: ciphertext in, plain text out, and the reverse (Python's `ssl.SSLObject`).

No socket library's TLS is used, so a client has one way of waiting and one place for its deadline.
"""

from __future__ import annotations

import importlib
import os
import ssl
from functools import lru_cache
from typing import Any, Final

from cryptography import x509

from scenarios.plan import TlsFiles
from scenarios.session.ledger import End

# A TLS record holds at most 16 KiB (RFC 8446, section 5.1).
_RECORD_BYTES: Final = 16_384
# Certificates of a hundred names exist; a few tell whose it is.
_MOST_NAMES: Final = 3
# The alert of RFC 8446, section 6.2. It comes after our own side of the handshake is done: on the upgrade.
_CERTIFICATE_REQUIRED: Final = "CERTIFICATE_REQUIRED"
# The other alerts about a certificate: the server sends them about the client's.
_CERTIFICATE_ALERTS: Final = (
    *("ALERT_BAD_CERTIFICATE", "ALERT_UNSUPPORTED_CERTIFICATE", "ALERT_CERTIFICATE_REVOKED"),
    *("ALERT_CERTIFICATE_EXPIRED", "ALERT_CERTIFICATE_UNKNOWN", "ALERT_UNKNOWN_CA"),
)
# The passphrase of the client's key.
PASSPHRASE_VARIABLE: Final = "SOAK_CLIENT_KEY_PASSPHRASE"
# A handshake message (RFC 8446, section 5.1) that asks for a certificate (section 4.3.2).
_HANDSHAKE: Final = 22
_CERTIFICATE_REQUEST: Final = 13
# CPython's own way to look at messages. It has no public one, and gevent's takes no `SSLObject`; without it nothing is
# seen, and a server that asked for a certificate is one that gave no response.
_MESSAGES: Final[Any] = getattr(importlib.import_module("_ssl")._SSLContext, "_msg_callback", None)
# Nobody looks at what is sent behind the handshake: an object that is moved to this context costs nothing more.
_UNSEEN: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class SeenObject(ssl.SSLObject):
    """Tells of its handshake what the error alone does not, whichever library drives it.

    Attributes:
        is_asked_for_certificate: Whether the server asked for a client certificate that this client does not have.
    """

    is_asked_for_certificate: bool = False

    def do_handshake(self) -> None:
        """The handshake; a certificate that is not accepted is added to its error."""
        try:
            super().do_handshake()
            self.context = _UNSEEN
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


def _see_message(seen: SeenObject, _: str, version: int, content: int, message: int, data: bytes) -> None:
    if content == _HANDSHAKE and message == _CERTIFICATE_REQUEST:
        seen.is_asked_for_certificate = True


def end_of_tls_error(error: ssl.SSLError) -> End:
    """What a failed TLS handshake says: which check failed, for which name, and of which certificate.

    In OpenSSL's own words, which are the same in every client.
    """
    reason = getattr(error, "reason", None) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        check = str(getattr(error, "verify_message", "")).rstrip(".")
        return End("tls", detail="; ".join([": ".join(w for w in (reason, check) if w), *_certificate_words(error)]))
    if _CERTIFICATE_REQUIRED in reason:
        return End("tls", detail=f"{reason}: the server wants a client certificate (--client-cert)")
    if any(word in reason for word in _CERTIFICATE_ALERTS):
        return End("tls", detail=f"{reason}: the server does not accept the client certificate")
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
def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """The one context of this process for these certificates.

    Building one reads hundreds of certificates: it is shared by all connections. The passphrase of the client's key
    is in the environment, and goes nowhere else.

    Raises:
        ssl.SSLError: A file holds no certificate or no key, the key is another certificate's, or the passphrase is not
            its own.
        OSError: A file cannot be read.
    """
    context = ssl.create_default_context(cafile=files.ca)
    context.sslobject_class = SeenObject
    if files.certificate is not None:
        # A function, so that OpenSSL never asks at a terminal.
        context.load_cert_chain(files.certificate, files.key, lambda: os.environ.get(PASSPHRASE_VARIABLE, ""))
    elif _MESSAGES is not None:
        _MESSAGES.__set__(context, _see_message)
    return context


class Tls:
    """One connection's TLS. After every call, send what `outgoing` returns."""

    def __init__(self, files: TlsFiles, server_name: str) -> None:
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls = tls_context(files).wrap_bio(self._in, self._out, server_hostname=server_name)

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

    @property
    def is_asked_for_certificate(self) -> bool:
        """Whether the server asked for a client certificate that this client does not have."""
        return getattr(self._tls, "is_asked_for_certificate", False)

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
