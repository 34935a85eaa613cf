"""Certificates for tests over real TLS: good ones, and ones that a client must not accept."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAY = datetime.timedelta(days=1)


def make_certificate(
    key_file: Path,
    certificate_file: Path,
    *,
    names: tuple[str, ...] = ("soak.test", "127.0.0.1"),
    age: datetime.timedelta = DAY,
    lifetime: datetime.timedelta = 2 * DAY,
) -> None:
    """A key and a certificate that it signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "soak.test")])
    first = datetime.datetime.now(datetime.UTC) - age
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(first)
        .not_valid_after(first + lifetime)
        .add_extension(x509.SubjectAlternativeName([_general(n) for n in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Tls(NamedTuple):
    """A server's side of TLS, and what its client trusts."""

    context: ssl.SSLContext
    ca_file: str


KINDS = (
    *("good", "expired", "wrong name", "unknown authority"),
    *("client certificate", "client certificate, TLS 1.2", "client certificate, no alert"),
)


@lru_cache(maxsize=1)
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


@lru_cache(maxsize=len(KINDS))
def tls(kind: str) -> Tls:
    """One of `KINDS`: what is wrong with the server's certificate, or that it wants one of its client's."""
    folder = Path(_folder().name)
    key, certificate, trusted = (folder / f"{kind}.{end}" for end in ("key", "pem", "trusted"))
    if kind == "expired":
        make_certificate(key, certificate, age=3 * DAY)
    elif kind == "wrong name":
        make_certificate(key, certificate, names=("other.test",))
    else:
        make_certificate(key, certificate)
    if kind == "unknown authority":
        make_certificate(folder / "nobody's key", trusted)
    else:
        trusted.write_bytes(certificate.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if kind.startswith("client certificate"):
        # With "optional" the handshake succeeds: it is the script that leaves.
        context.verify_mode = ssl.CERT_OPTIONAL if kind.endswith("no alert") else ssl.CERT_REQUIRED
        context.load_verify_locations(trusted)
    if kind.endswith("1.2"):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return Tls(context, str(trusted))
