"""The environment's proxy, for those who ask for it: it is part of the network, and so of the experiment."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from scenarios.authority import ascii_host
from scenarios.errors import ConfigError
from scenarios.plan import Target


def proxy_for(
    target: Target,
    *,
    proxies: Callable[[], Mapping[str, str]] = urllib.request.getproxies,
    bypasses: Callable[[str], bool] = lambda host: bool(urllib.request.proxy_bypass(host)),
) -> tuple[str, int] | None:
    """(host, port) of the proxy that the environment names for the target; None = it names none.

    The proxy is given the target's name, and resolves it: no name of a target is looked up here.

    The variables (`https_proxy`, `http_proxy`, `all_proxy`, `no_proxy`) and, on Windows and macOS, the
    system's settings, as the standard library reads them. wss asks for https's, ws for http's.

    Raises:
        ConfigError: If it is no http proxy with a port, or wants a password.
    """
    if bypasses(target.host):
        return None
    named = proxies()
    url = named.get("https" if target.scheme == "wss" else "http") or named.get("all")
    if not url:
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http" or not parts.hostname or parts.port is None:
        raise ConfigError(
            "--use-proxy: the environment's proxy is no http://host:port; set http_proxy or https_proxy so."
        )
    if parts.username or parts.password:
        raise ConfigError("--use-proxy: the environment's proxy wants a password, which wsoak does not send.")
    try:
        return ascii_host(parts.hostname), parts.port
    except ValueError as error:
        raise ConfigError(
            f"--use-proxy: {parts.hostname!r}, the environment's proxy, names no host ({error}); set http_proxy or "
            "https_proxy to http://host:port."
        ) from None
