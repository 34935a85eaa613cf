"""A row's part, started where a soak can go to it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from lab.rows import Setup
from tests.kit.certificates import Authority
from tests.kit.children import LOOPBACK, echo_server, free_port
from tests.kit.proxies import proxy_before, why_missing

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
    """Options of a server that serves TLS, and the CA that the soak trusts."""

    server: tuple[str, ...]
    ca_file: Path


def why_not(setup: Setup) -> str:
    """Why the part cannot be started here, in a sentence; empty: it can."""
    return why_missing(setup.proxy) if setup.proxy is not None else ""


@contextlib.contextmanager
def started(setup: Setup, folder: Path) -> Iterator[Place]:
    """The part, for as long as it is needed; all that it writes is in the folder."""
    tokens = folder / "tokens"
    secured = CERTIFICATES[setup.certificate](folder) if setup.certificate else None
    options = ("--tokens", str(tokens), *(secured.server if secured else ()))
    with contextlib.ExitStack() as stack:
        if setup.mode:
            port = stack.enter_context(
                echo_server(setup.mode, folder, *options, environment={"SOAK_JWT_SECRET": SECRET})
            )
        else:
            port = free_port()
        if setup.proxy is not None:
            port = stack.enter_context(proxy_before(port, setup.proxy, folder))
        trusted = ("--ca-file", str(secured.ca_file)) if secured else ()
        yield Place(f"{'wss' if secured else 'ws'}://{LOOPBACK}:{port}/ws", trusted, tokens)


def _good(folder: Path) -> Secured:
    authority = Authority(folder)
    return Secured(("--certificate", str(authority.issue(LOOPBACK))), authority.ca_file)


def _other_name(folder: Path) -> Secured:
    authority = Authority(folder)
    return Secured(("--certificate", str(authority.issue("elsewhere.test"))), authority.ca_file)


def _expired(folder: Path) -> Secured:
    authority = Authority(folder)
    return Secured(("--certificate", str(authority.issue(LOOPBACK, expired=True))), authority.ca_file)


def _unknown_ca(folder: Path) -> Secured:
    certificate = Authority(folder, "somebody elses authority").issue(LOOPBACK)
    return Secured(("--certificate", str(certificate)), Authority(folder).ca_file)


def _client_wanted(folder: Path) -> Secured:
    authority = Authority(folder)
    options = ("--certificate", str(authority.issue(LOOPBACK)), "--clients-of", str(authority.ca_file))
    return Secured(options, authority.ca_file)


CERTIFICATES: dict[str, Callable[[Path], Secured]] = {
    "good": _good,
    "other name": _other_name,
    "expired": _expired,
    "unknown CA": _unknown_ca,
    "client wanted": _client_wanted,
}
