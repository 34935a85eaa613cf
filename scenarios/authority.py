"""host:port, as it is written and as it is read: an IPv6 address stands in brackets (RFC 3986, section 3.2.2).

Names and paths go on the wire in ASCII. They are encoded once, where they are read, so that all clients ask for the
same.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

import idna

# What a URL's path or query may hold as it is (RFC 3986, section 3.3 and 3.4), and what is percent-encoded already.
_AS_THEY_ARE: Final = "%/:?@!$&'()*+,;=-._~"
# RFC 1035, section 2.3.4; an underscore is no host name's, but many a service's.
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_MOST_CHARACTERS: Final = 253


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


def ascii_host(host: str) -> str:
    """A host as resolvers, the Host header and certificates have it: bücher.example is xn--bcher-kva.example.

    IDNA 2008, with the mapping of UTS 46 that browsers apply (capitals, full-width letters). Addresses stay.

    Raises:
        ValueError: If it cannot be the name of a host; says why.
    """
    if ":" in host:
        return host
    if not host.isascii():
        host = idna.encode(host, uts46=True).decode("ascii")  # its error is a UnicodeError, and so a ValueError
    labels = host.removesuffix(".").split(".")
    wrong = next((label for label in labels if not _LABEL.fullmatch(label)), None)
    if wrong is not None:
        raise ValueError(f"{wrong!r} is no part of a host name")
    if len(host) > _MOST_CHARACTERS:
        raise ValueError(f"a host name has at most {_MOST_CHARACTERS} characters")
    return host


def ascii_path(path: str) -> str:
    """A path or query as it goes into a request: what is not ASCII, or no part of a URL, is percent-encoded UTF-8."""
    return quote(path, safe=_AS_THEY_ARE)
