"""A row's part, started where a soak can go to it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from lab.rows import Setup
from tests.kit.certificates import Authority
from tests.kit.children import LOOPBACK, echo_server, free_port
from tests.kit.proxies import Haproxy, proxy_before, why_missing

# Of the lab alone: nothing that it signs is of any use elsewhere.
SECRET = "the-lab-signs-with-this-and-nobody-else-does"


class Place(NamedTuple):
    """Where a soak goes.

    Attributes:
        url: For `--host`.
        options: Of the soak, for this place.
        tokens: The credentials that the server was shown, one a line; no file if none was.
    """

    url: str
    options: tuple[str, ...]
    tokens: Path


class Secured(NamedTuple):
    """What TLS needs.

    Attributes:
        certificate: A file with the certificate that is served, and its key.
        ca_file: The CA that the soak trusts.
        clients_of: The CA of which clients must show a certificate; empty = they need none.
    """

    certificate: Path
    ca_file: Path
    clients_of: str = ""


def why_not(setup: Setup) -> str:
    """Why the part cannot be started here, in a sentence; empty: it can."""
    return why_missing(setup.proxy) if setup.proxy is not None else ""


@contextlib.contextmanager
def started(setup: Setup, folder: Path) -> Iterator[Place]:
    """The part, for as long as it is needed; all that it writes is in the folder."""
    tokens = folder / "tokens"
    options = ["--tokens", str(tokens)]
    secured = CERTIFICATES[setup.certificate](folder) if setup.certificate else None
    proxy = setup.proxy
    if secured is not None and isinstance(proxy, Haproxy):
        proxy = proxy._replace(certificate=str(secured.certificate), clients_of=secured.clients_of)
    elif secured is not None:
        options += ["--certificate", str(secured.certificate)]
    with contextlib.ExitStack() as stack:
        if setup.mode:
            variables = {"SOAK_JWT_SECRET": SECRET}
            port = stack.enter_context(echo_server(setup.mode, folder, *options, environment=variables))
        else:
            port = free_port()
        if proxy is not None:
            port = stack.enter_context(proxy_before(port, proxy, folder))
        trusted = ("--ca-file", str(secured.ca_file)) if secured else ()
        yield Place(f"{'wss' if secured else 'ws'}://{LOOPBACK}:{port}/ws", trusted, tokens)


def _good(folder: Path) -> Secured:
    authority = Authority(folder)
    return Secured(authority.issue(LOOPBACK), authority.ca_file)


def _other_name(folder: Path) -> Secured:
    authority = Authority(folder)
    return Secured(authority.issue("elsewhere.test"), authority.ca_file)


def _expired(folder: Path) -> Secured:
    authority = Authority(folder)
    return Secured(authority.issue(LOOPBACK, expired=True), authority.ca_file)


def _unknown_ca(folder: Path) -> Secured:
    return Secured(Authority(folder, "somebody elses authority").issue(LOOPBACK), Authority(folder).ca_file)


def _client_wanted(folder: Path) -> Secured:
    authority = Authority(folder)
    return Secured(authority.issue(LOOPBACK), authority.ca_file, clients_of=str(authority.ca_file))


CERTIFICATES: dict[str, Callable[[Path], Secured]] = {
    "good": _good,
    "other name": _other_name,
    "expired": _expired,
    "unknown CA": _unknown_ca,
    "client wanted": _client_wanted,
}
