"""Refuses a plan that this machine cannot hold, before it becomes failures that look like the target's.

The decision is pure: what the plan needs (`Demand`) against what the machine has (`Limits`). A limit that
the platform does not tell is not judged. Each refusal says how to raise the limit on this platform.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from scenarios.errors import ConfigError
from scenarios.machine.fingerprint import platform_name
from scenarios.machine.process import raise_descriptor_limit
from scenarios.machine.tcp_settings import UNTOLD, TcpSettings, tcp_settings

# Descriptors of a process besides its connections: Python's files, the hub, Locust's own sockets, pipes
# to children, the spool. Some 40 are open in a worker; twice that leaves room.
_OWN_DESCRIPTORS: Final = 80

# FD_SETSIZE as CPython and libev are built for Windows; Linux's is 1,024 (select(2)).
SELECT_SOCKETS_WINDOWS: Final = 512
SELECT_SOCKETS_POSIX: Final = 1024
_OWN_SOCKETS: Final = 16

# Measured for a held connection with its session: 14 to 45 KB by client; TLS adds some 50 KB of OpenSSL
# and its buffers. Rounded up: a soak that swaps measures the disk.
_BYTES_PER_CONNECTION: Final = 64 * 1024
_BYTES_PER_TLS_CONNECTION: Final = 128 * 1024
_BYTES_PER_PROCESS: Final = 150 * 1024 * 1024
_MEMORY_RATIO: Final = 0.8

# With tcp_tw_reuse Linux takes over a port that was in TIME_WAIT for a second (ip-sysctl).
_REUSED_AFTER_S: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What one load-generating process needs, and its machine.

    Attributes:
        connections: Most connections of this process at once.
        by_loop: How many of them each event loop carries, by its name in the record.
        machine_connections: Most connections of all processes on this machine; None = this one's.
        starts_per_s: New connections a second on this machine, where the plan says; None = it does not.
        is_tls: Whether they are wss.
        is_loopback: Whether the target is this machine.
        through_relay: Whether a relay on this machine holds two sockets for each.
    """

    connections: int
    by_loop: Mapping[str, int] = field(default_factory=dict)
    machine_connections: int | None = None
    starts_per_s: float | None = None
    is_tls: bool = False
    is_loopback: bool = False
    through_relay: bool = False


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a machine has; None = it does not tell, or has no such limit.

    Attributes:
        platform: Windows, Linux or macOS: how to raise a limit differs.
        descriptors: Open files that a process may have, after raising the soft limit.
        select_loops: Event loops that wait with select here.
        select_sockets: Sockets that select can watch.
        tcp: Ephemeral ports and TIME_WAIT.
        memory_bytes: Memory that is free to use.
    """

    platform: str
    descriptors: int | None = None
    select_loops: frozenset[str] = frozenset()
    select_sockets: int | None = None
    tcp: TcpSettings = UNTOLD
    memory_bytes: int | None = None


def require(demand: Demand, limits: Limits) -> None:
    """Refuse what does not fit.

    Raises:
        ConfigError: For the first limit that is too low; it says how to raise it.
    """
    found = refusals(demand, limits)
    if found:
        raise ConfigError(found[0])


def refusals(demand: Demand, limits: Limits) -> list[str]:
    """Everything that does not fit, a sentence each; empty = the machine can hold the plan."""
    found = (_descriptors(demand, limits), *_select(demand, limits), _ports(demand, limits), _memory(demand, limits))
    return [sentence for sentence in found if sentence is not None]


def _descriptors(demand: Demand, limits: Limits) -> str | None:
    if limits.descriptors is None:
        return None
    total = demand.machine_connections or demand.connections
    # The relay is one process for all and holds both ends of a path.
    needed = max(demand.connections, 2 * total if demand.through_relay else 0) + _OWN_DESCRIPTORS
    if needed <= limits.descriptors:
        return None
    who = "the relay" if demand.through_relay and 2 * total > demand.connections else "a worker"
    raise_it = {
        "Linux": f"raise it with `ulimit -Hn {needed}` as root, or nofile in /etc/security/limits.conf",
        "macOS": f"raise it with `sudo launchctl limit maxfiles {needed} {needed}`",
    }.get(limits.platform, "raise it")
    return (
        f"{total} connections need {needed} open files in {who}, but a process may have {limits.descriptors}: "
        f"{raise_it}, use fewer users, or spread them over more machines."
    )


def _select(demand: Demand, limits: Limits) -> list[str]:
    if limits.select_sockets is None:
        return []
    room = limits.select_sockets - _OWN_SOCKETS
    return [
        f"{count} connections on the event loop {loop} do not fit: it waits with select here, which watches "
        f"{limits.select_sockets} sockets at most (room for {room}); use fewer users in each worker and more workers"
        + (", or --client websockets-proactor." if limits.platform == "Windows" else ".")
        for loop, count in sorted(demand.by_loop.items())
        if loop in limits.select_loops and count > room
    ]


def _ports(demand: Demand, limits: Limits) -> str | None:
    span = limits.tcp.ephemeral_ports
    if span is None:
        return None
    ports = span[1] - span[0] + 1
    held = demand.machine_connections or demand.connections
    needed, because = held, f"{held} connections"
    time_wait_s = _time_wait_s(demand, limits.tcp)
    if demand.starts_per_s is not None and time_wait_s is not None:
        # The worst case: this side closes first, and every port then waits.
        needed += round(demand.starts_per_s * time_wait_s)
        because += f" and {demand.starts_per_s:g} new ones a second, each {time_wait_s:g} s in TIME_WAIT"
    if needed <= ports:
        return None
    raise_it = {
        "Linux": "sysctl -w net.ipv4.ip_local_port_range='1024 65535' and net.ipv4.tcp_tw_reuse=1",
        "macOS": "sysctl -w net.inet.ip.portrange.first=1024",
        "Windows": "netsh int ipv4 set dynamicport tcp start=1025 num=64510",
    }.get(limits.platform, "the system's settings")
    return (
        f"The plan needs {needed} local ports to the target ({because}), but this machine has {ports} "
        f"({span[0]} to {span[1]}): widen the range with `{raise_it}`, start fewer, or use more machines."
    )


def _time_wait_s(demand: Demand, tcp: TcpSettings) -> float | None:
    if tcp.reuses_time_wait == "yes" or (tcp.reuses_time_wait == "loopback" and demand.is_loopback):
        return _REUSED_AFTER_S
    return tcp.time_wait_s


def _memory(demand: Demand, limits: Limits) -> str | None:
    if limits.memory_bytes is None:
        return None
    total = demand.machine_connections or demand.connections
    each = _BYTES_PER_TLS_CONNECTION if demand.is_tls else _BYTES_PER_CONNECTION
    needed = _BYTES_PER_PROCESS + each * total
    if needed <= limits.memory_bytes * _MEMORY_RATIO:
        return None
    return (
        f"{total} connections need about {needed / 2**20:.0f} MB, but only {limits.memory_bytes / 2**20:.0f} MB "
        "are free here: use fewer users, or more machines."
    )


def machine_limits(*, root: Path = Path("/")) -> Limits:
    """This machine's limits, with the soft limit on open files already raised to the hard one."""
    on_windows = sys.platform == "win32"
    loops = {"asyncio-selector"} if on_windows else set()
    gevent_loop, backend = _gevent_loop()
    if backend == "select":
        loops.add(gevent_loop)
    return Limits(
        platform=platform_name(),
        descriptors=raise_descriptor_limit(),
        select_loops=frozenset(loops),
        select_sockets=SELECT_SOCKETS_WINDOWS if on_windows else SELECT_SOCKETS_POSIX,
        tcp=tcp_settings(),
        memory_bytes=free_memory_bytes(root / "sys/fs/cgroup", int(psutil.virtual_memory().available)),
    )


def free_memory_bytes(cgroup: Path, available: int) -> int:
    """Memory that this process may still use: the machine's, or what its container leaves (cgroup v2)."""
    try:
        limit = (cgroup / "memory.max").read_text(encoding="ascii").strip()
        used = int((cgroup / "memory.current").read_text(encoding="ascii"))
        return available if limit == "max" else max(0, min(available, int(limit) - used))
    except (OSError, ValueError):
        return available


def _gevent_loop() -> tuple[str, str]:
    """Name and backend of this thread's gevent loop (libev: epoll, kqueue, select ...; libuv: default)."""
    import gevent

    from scenarios.machine.fingerprint import gevent_loop_name

    return gevent_loop_name(), str(getattr(gevent.get_hub().loop, "backend", ""))
