"""Several hosts on one machine: Linux network namespaces, alone on a bridge or on the two sides of a router.

Nothing leads out of them. Needs root and iproute2; the router's rules need nftables. The names are of their own for
each caller, so that many can be there at a time, and all are removed at the end, whatever happened.
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tests.kit.children import NotStarted
from tests.kit.programs import found
from tests.kit.trouble import CLIENT, FORGETS, HEALTHY, LOSS, RESET, SERVER, Trouble

PROGRAMS = {"ip": "iproute2", "nft": "nftables"}


@dataclass(frozen=True)
class Namespace:
    """One host with one address."""

    name: str
    address: str

    def command(self, *words: str) -> list[str]:
        """A command that runs on this host."""
        return [found("ip"), "netns", "exec", self.name, *words]


@dataclass(frozen=True)
class Host(Namespace):
    """A host on a bridge."""

    port: str  # its end of the cable on the bridge

    def plug(self, *, connected: bool) -> None:
        """Pull the cable, or put it back."""
        _ip("link", "set", self.port, "up" if connected else "down")


@dataclass(frozen=True)
class Line:
    """A client's host and a server's, and the router between them."""

    client: Namespace
    server: Namespace
    router: Namespace

    def suffer(self, trouble: Trouble) -> None:
        """From now on this happens to what passes the router, and nothing else does.

        Raises:
            NotStarted: This kernel has no such rule.
        """
        for setting, value in trouble.settings.items():
            _run(*self.router.command("sh", "-c", f"echo {value} >/proc/sys/{setting.replace('.', '/')}"))
        _run(*self.router.command(found("nft"), "-f", "-"), given=trouble.script())


def why_missing(*programs: str) -> str:
    """Why there can be no hosts with these programs here, in a sentence; empty: there can."""
    missing = [program for program in programs if not found(program)]
    if sys.platform != "linux" or os.geteuid() != 0:
        return "Network namespaces need Linux and root."
    if missing:
        return f"{missing[0]} is not installed (Debian: apt-get install {PROGRAMS[missing[0]]})."
    return ""


@functools.cache
def why_no_line() -> str:
    """Why no line between two hosts can be in trouble here, in a sentence; empty: it can. It is tried once."""
    reason = why_missing("ip", "nft")
    if reason:
        return reason
    try:
        with line() as made:
            for trouble in (LOSS, RESET, FORGETS):
                made.suffer(trouble)
    except NotStarted as problem:
        return str(problem)
    return ""


@contextlib.contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """So many hosts that can reach each other and nothing else.

    Raises:
        NotStarted: That cannot be here.
    """
    reason = why_missing("ip")
    if reason:
        raise NotStarted(reason)
    tag = secrets.token_hex(2)
    bridge = f"wsb{tag}"
    with contextlib.ExitStack() as stack:
        _ip("link", "add", bridge, "type", "bridge")
        stack.callback(_ip, "link", "del", bridge, check=False)
        _ip("link", "set", bridge, "up")
        made = [
            Host(stack.enter_context(_namespace(f"ws{tag}-{number}")), f"10.213.7.{number + 1}", f"wsp{tag}{number}")
            for number in range(count)
        ]
        for host in made:
            _ip("link", "add", host.port, "type", "veth", "peer", "name", "eth0", "netns", host.name)
            _ip("link", "set", host.port, "master", bridge, "up")
            _address(host.name, "eth0", host.address)
        yield made


def take_address(host: Host, of: Host) -> None:
    """Give a host the address of another one, whose cable is pulled: on the network it is that one (RFC 5798)."""
    hardware = subprocess.run(of.command("cat", "/sys/class/net/eth0/address"), capture_output=True, text=True)
    _ip("-n", host.name, "link", "set", "eth0", "address", hardware.stdout.strip())
    _ip("-n", host.name, "addr", "add", f"{of.address}/24", "dev", "eth0")


@contextlib.contextmanager
def line() -> Iterator[Line]:
    """Two hosts in two networks, with a healthy router between them.

    Raises:
        NotStarted: That cannot be here.
    """
    reason = why_missing("ip", "nft")
    if reason:
        raise NotStarted(reason)
    tag = secrets.token_hex(4)
    with contextlib.ExitStack() as stack:
        client, server, router = (
            stack.enter_context(_namespace(f"ws{tag}-{side}")) for side in (CLIENT, SERVER, "router")
        )
        for side, name, network in ((CLIENT, client, "10.213.8"), (SERVER, server, "10.213.9")):
            _ip("-n", router, "link", "add", side, "type", "veth", "peer", "name", "eth0", "netns", name)
            _address(router, side, f"{network}.254")
            _address(name, "eth0", f"{network}.1")
            _ip("-n", name, "route", "add", "default", "via", f"{network}.254")
        made = Line(*map(Namespace, (client, server, router), ("10.213.8.1", "10.213.9.1", "10.213.9.254")))
        made.suffer(HEALTHY)
        yield made


@contextlib.contextmanager
def _namespace(name: str) -> Iterator[str]:
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        _ip("netns", "del", name, check=False)


def _address(namespace: str, port: str, address: str) -> None:
    _ip("-n", namespace, "addr", "add", f"{address}/24", "dev", port)
    _ip("-n", namespace, "link", "set", port, "up")


def _ip(*words: str, check: bool = True) -> None:
    _run(found("ip"), *words, check=check)


def _run(*command: str, check: bool = True, given: str = "") -> None:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise NotStarted(f"This machine makes no such network: {' '.join(done.stderr.split())}")
