"""Who may ask the web UI: its own page and command line clients, under the names that are this machine's.

A page of another site can send requests to a UI that the same browser reaches, and by pointing a name of its own at
this machine (DNS rebinding) it can read the answers as its own. The browser says both: in `Origin` (RFC 6454) and
`Sec-Fetch-Site` whose page asks, in `Host` under which name. An address cannot be pointed elsewhere, so all of them
pass.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

ANY: Final = "*"


def names_of(machine: str, *configured: str) -> tuple[str, ...]:
    """The names under which a machine is asked: its own, in short and as mDNS has it, and those that were configured.

    Args:
        machine: As `socket.gethostname` gives it.
        configured: Names, or URLs with one; "" = none.
    """
    short = machine.partition(".")[0]
    given = [urlsplit(one if "://" in one else f"//{one}").hostname for one in configured if one and one != ANY]
    return tuple(name.lower() for name in (machine, short, f"{short}.local", *given) if name)


def refuse_foreign_host(host: str, names: Collection[str]) -> str | None:
    """Why a request is refused: it came under a name that is not this machine's; None if it may pass.

    Args:
        host: The Host header.
        names: Those that may be used: `ui.example.com`, `.example.com` with all below it, or `*`.
    """
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        name = ""
    if ANY in names or _is_address(name) or name == "localhost" or name.endswith(".localhost"):
        return None
    if any(name == one or (one.startswith(".") and (name.endswith(one) or name == one[1:])) for one in names):
        return None
    return f"The web UI is not called {host!r} here: name it with --ui-hosts, or open it under this machine's address."


def refuse_foreign_origin(origin: str | None, host: str) -> str | None:
    """Why a request is refused: its `Origin` header is another site's; None if it may pass.

    A request without an `Origin` is no page's script (RFC 6454 section 7.3), such as curl.
    """
    if origin is None or urlsplit(origin).netloc == host:
        return None
    return f"The request comes from {origin!r}, not from this page: open the UI itself."


def refuse_foreign_page(headers: Mapping[str, str]) -> str | None:
    """Why a request is refused: a browser sends it for another site's page, and nobody has followed a link."""
    if headers.get("Sec-Fetch-Site") != "cross-site" or headers.get("Sec-Fetch-Mode") == "navigate":
        return None
    return "The request comes from another site's page: open the UI itself."


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
