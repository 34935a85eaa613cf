"""host:port, as it is written and as it is read: an IPv6 address stands in brackets (RFC 3986, section 3.2.2)."""

from __future__ import annotations


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def authority_of(host: str, port: int) -> str:
    """host:port."""
    return f"{bracketed(host)}:{port}"


def split_authority(text: str) -> tuple[str, int]:
    """Host and port of host:port or [IPv6]:port.

    Raises:
        ValueError: If it is neither.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not host or not colon or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError(f"{text!r} is not host:port")
    return host, int(port)
