"""A row's part, started where a soak can go to it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from lab.rows import Setup
from lab.schedule import Schedule, Step, on_schedule
from tests.kit import proxies
from tests.kit.certificates import Authority
from tests.kit.children import LOOPBACK, free_port
from tests.kit.namespaces import Line, Namespace, line, why_no_line
from tests.kit.proxies import Haproxy, Nginx, proxy_before
from tests.kit.servers import MAKERS, SPEAKERS, served
from tests.kit.trouble import HEALTHY

# Of the lab alone: nothing that it signs is of any use elsewhere.
SECRET = "the-lab-signs-with-this-and-nobody-else-does"


class Place(NamedTuple):
    """Where a soak goes.

    Attributes:
        url: For `--host`.
        options: Of the soak, for this place.
        tokens: The credentials that the server was shown, one a line; no file if none was.
        address: Of the server.
        schedule: What is done to the part in mid-run.
        host: Whence it goes there; None = from this machine.
    """

    url: str
    options: tuple[str, ...]
    tokens: Path
    address: str
    schedule: Schedule
    host: Namespace | None = None


class Secured(NamedTuple):
    """What TLS needs.

    Attributes:
        certificate: A file with the certificate that is served, and its key.
        ca_file: The CA that the soak trusts.
        clients_of: The CA of which clients must show a certificate; empty = they need none.
        client: A file with the soak's own certificate, and its key; None = it has none.
    """

    certificate: Path
    ca_file: Path
    clients_of: str = ""
    client: Path | None = None


def why_not(setup: Setup) -> str:
    """Why the part cannot be started here, in a sentence; empty: it can."""
    return (
        (proxies.why_missing(setup.proxy) if setup.proxy is not None else "")
        or (why_no_line() if setup.spell is not None else "")
        or {**MAKERS, **SPEAKERS}[setup.maker].why_missing()
    )


@contextlib.contextmanager
def started(setup: Setup, folder: Path) -> Iterator[Place]:
    """The part, for as long as it is needed; all that it writes is in the folder.

    Raises:
        NotStarted: It does not come up.
    """
    tokens = folder / "tokens"
    options = ["--tokens", str(tokens)]
    secured = CERTIFICATES[setup.certificate](folder) if setup.certificate else None
    proxy = setup.proxy
    if secured is not None and isinstance(proxy, Haproxy):
        proxy = proxy._replace(certificate=str(secured.certificate), clients_of=secured.clients_of)
    elif secured is not None:
        options += ["--certificate", str(secured.certificate)]
    with contextlib.ExitStack() as stack:
        way = stack.enter_context(line()) if setup.spell is not None else None
        address = way.server.address if way is not None else LOOPBACK
        if setup.mode:
            variables = {"SOAK_JWT_SECRET": SECRET}
            on = way.server if way is not None else None
            up = served(setup.maker, setup.mode, folder, *options, environment=variables, on=on)
            port = stack.enter_context(up)
        else:
            port = free_port()
        if proxy is not None:
            port = stack.enter_context(proxy_before(port, proxy, folder))
        schedule = stack.enter_context(on_schedule(list(_steps(setup, way, folder)), tokens.is_file))
        trusted = _trusted(secured) if secured else ()
        url = f"{'wss' if secured else 'ws'}://{address}:{port}{setup.path}"
        yield Place(url, trusted, tokens, address, schedule, way.client if way is not None else None)


def _steps(setup: Setup, way: Line | None, folder: Path) -> Iterator[Step]:
    """What is done in mid-run; what holds from the start is done at once."""
    nginx, spell = setup.proxy, setup.spell
    if setup.reload_at_s is not None and isinstance(nginx, Nginx):
        yield Step(setup.reload_at_s, lambda: nginx.reload(folder))
    if way is None or spell is None:
        return
    if spell.from_s:
        yield Step(spell.from_s, lambda: way.suffer(spell.trouble))
    else:
        way.suffer(spell.trouble)
    if spell.for_s is not None:
        yield Step(spell.from_s + spell.for_s, lambda: way.suffer(HEALTHY))


def _trusted(secured: Secured) -> tuple[str, ...]:
    """The options of a soak over TLS."""
    own = ("--client-cert", str(secured.client)) if secured.client is not None else ()
    return ("--ca-file", str(secured.ca_file), *own)


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


def _client_welcome(folder: Path) -> Secured:
    authority = Authority(folder)
    mine = authority.issue("the lab")
    return Secured(authority.issue(LOOPBACK), authority.ca_file, clients_of=str(authority.ca_file), client=mine)


CERTIFICATES: dict[str, Callable[[Path], Secured]] = {
    "good": _good,
    "other name": _other_name,
    "expired": _expired,
    "unknown CA": _unknown_ca,
    "client wanted": _client_wanted,
    "client welcome": _client_welcome,
}
