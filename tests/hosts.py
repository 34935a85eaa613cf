"""Several hosts on one machine: Linux network namespaces on a bridge, made and removed by the test.

Traffic stays between the namespaces' own addresses. Needs root and iproute2.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest


def _ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True)


@dataclass(frozen=True)
class Host:
    """One namespace with one address."""

    name: str
    address: str
    port: str  # its end of the cable on the bridge

    def command(self, *words: str) -> list[str]:
        """A command that runs on this host."""
        return ["ip", "netns", "exec", self.name, *words]

    def plug(self, *, connected: bool) -> None:
        """Pull the cable, or put it back."""
        _ip("link", "set", self.port, "up" if connected else "down")


@contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """So many hosts that can reach each other and nothing else; skips the test where that cannot be."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs Linux, root and iproute2 (Debian: apt-get install iproute2) for network namespaces")
    tag = secrets.token_hex(2)
    bridge = f"wsb{tag}"
    made: list[Host] = []
    try:
        try:
            _ip("link", "add", bridge, "type", "bridge")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
        _ip("link", "set", bridge, "up")
        for number in range(count):
            host = Host(f"ws{tag}-{number}", f"10.213.7.{number + 1}", f"wsp{tag}{number}")
            _ip("netns", "add", host.name)
            made.append(host)
            _ip("link", "add", host.port, "type", "veth", "peer", "name", "eth0", "netns", host.name)
            _ip("link", "set", host.port, "master", bridge, "up")
            _ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", "eth0")
            _ip("-n", host.name, "link", "set", "eth0", "up")
            _ip("-n", host.name, "link", "set", "lo", "up")
        yield made
    finally:
        for host in made:
            _ip("netns", "del", host.name, check=False)
        _ip("link", "del", bridge, check=False)
