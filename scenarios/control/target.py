"""Limits load to the embedded stand-in and to hosts that somebody has put on the allow-list.

A soak tester that is pointed at the wrong host is an outage, so naming a host is not enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from scenarios.authority import ascii_host, ascii_path, authority_of, bracketed
from scenarios.errors import ConfigError

ALLOWED_HOSTS_VARIABLE: Final = "SOAK_ALLOWED_HOSTS"
_DEFAULT_PORTS: Final = {"ws": 80, "wss": 443}
_AS_WEBSOCKET: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


class TargetUrl(NamedTuple):
    """The WebSocket endpoint under test, in parts (RFC 6455 section 3)."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        """The whole URL, the default port left out."""
        is_default = self.port == _DEFAULT_PORTS[self.scheme]
        authority = bracketed(self.host) if is_default else authority_of(self.host, self.port)
        return f"{self.scheme}://{authority}{self.path}"


def parse_target(host: str, *, what: str = "--host") -> TargetUrl:
    """Read `--host`, or `what` else a URL is called: ws, wss, http or https; the path defaults to /ws.

    Names and paths that are not ASCII are encoded here, once for all clients, as a browser encodes them.

    Raises:
        ConfigError: If it is no such URL, or carries a user, a password or a fragment.
    """
    try:
        parts = urlsplit(host)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"{what} {host!r} is no URL ({error}); write it as wss://staging.example.com/ws.") from None
    scheme = _AS_WEBSOCKET.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise ConfigError(
            f"{what} {host!r} must be a ws, wss, http or https URL, such as wss://staging.example.com/ws."
        )
    if parts.username or parts.password or parts.fragment:
        raise ConfigError(f"{what} must not carry a user, a password or a fragment: tokens come from --token-source.")
    try:
        name = ascii_host(parts.hostname)
    except ValueError as error:
        raise ConfigError(
            f"{what} {host!r} names no host ({error}); write it as wss://staging.example.com/ws."
        ) from None
    # Of an http address a slash is no more than its end; of a WebSocket's it is a path.
    is_named = parts.path not in ("", "/") or (parts.path == "/" and parts.scheme in ("ws", "wss"))
    path = parts.path if is_named else "/ws"
    if parts.query:
        path = f"{path}?{parts.query}"
    return TargetUrl(scheme, name, port or _DEFAULT_PORTS[scheme], ascii_path(path))


def check_allowed(target: TargetUrl, environment: Mapping[str, str], *, otherwise: str = "") -> None:
    """Refuse a host that is not on the allow-list (`SOAK_ALLOWED_HOSTS`, separated by commas).

    An entry is a host name, or host:port to allow that port alone; no wildcards, so that a list says
    exactly what it allows. Names may be written as --host may write them. `otherwise` ends the refusal's sentence.

    Raises:
        ConfigError: Names the host and the variable.
    """
    allowed = {_as_on_the_wire(entry.strip()) for entry in environment.get(ALLOWED_HOSTS_VARIABLE, "").split(",")}
    host = target.host.lower()
    if host in allowed or f"{host}:{target.port}" in allowed:
        return
    raise ConfigError(
        f"{target.host!r} is not an allowed target: if you may load it, set {ALLOWED_HOSTS_VARIABLE}={target.host}"
        f" (several: separated by commas){otherwise}."
    )


def _as_on_the_wire(entry: str) -> str:
    if entry.isascii():
        return entry.lower()
    host, colon, port = entry.rpartition(":") if ":" in entry else (entry, "", "")
    try:
        return f"{ascii_host(host)}{colon}{port}"
    except ValueError:  # no host's name: it allows nobody
        return ""
