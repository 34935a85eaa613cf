"""Is the Locust of this container at work? `python -m scenarios.machine.container_health --listens 5557`.

A master is, when somebody listens on its port; a worker, when it has a connection to its master's port (`--connected
5557`). Neither says anything to the other side, and the load is not touched. Exit status: 0 yes, 1 no.

A worker without its master soaks on to the planned end, and ships its rows when the master is back: so this is for
showing a state, never for ending a container.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import psutil


class Connection(NamedTuple):
    """One TCP socket: its state, the port here, and the port at the other end (None: there is none)."""

    status: str
    local_port: int
    remote_port: int | None


def is_at_work(connections: Iterable[Connection], *, listens: int | None, connected: int | None) -> bool:
    """Whether somebody listens on the one port, and has a connection to the other; None asks for nothing."""
    seen = list(connections)
    is_listening = listens is None or any(c.status == psutil.CONN_LISTEN and c.local_port == listens for c in seen)
    is_connected = connected is None or any(
        c.status == psutil.CONN_ESTABLISHED and c.remote_port == connected for c in seen
    )
    return is_listening and is_connected


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scenarios.machine.container_health")
    parser.add_argument("--listens", type=int, help="the port that this container's process listens on")
    parser.add_argument("--connected", type=int, help="the port of the master that it is connected to")
    told = parser.parse_args(argv)
    if told.listens is None and told.connected is None:
        parser.error("name a port: --listens of a master, --connected of a worker")
    connections = (
        Connection(c.status, c.laddr.port, c.raddr.port if c.raddr else None)
        for c in psutil.net_connections("tcp")
        if c.laddr
    )
    return 0 if is_at_work(connections, listens=told.listens, connected=told.connected) else 1


if __name__ == "__main__":
    sys.exit(main())
