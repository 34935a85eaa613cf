"""The arms of `--client`: which library, on which event loop. The record keeps the two apart.

The same library on two loops, and two libraries on one loop, tell the two suspects apart.
"""

from __future__ import annotations

import sys
from typing import Final, NamedTuple

from scenarios.errors import ConfigError, unknown_name


class ClientArm(NamedTuple):
    """A library (`client` in the record, a key of `clients.CLIENTS`) and a loop; "" = the process's own."""

    client: str
    event_loop: str


_DEFAULT_LOOP: Final = "asyncio-proactor" if sys.platform == "win32" else "asyncio-selector"
CLIENT_ARMS: Final = {
    "websocket-client": ClientArm("websocket-client", ""),
    "websockets-gevent": ClientArm("websockets-gevent", ""),
    "websockets-asyncio": ClientArm(
        "websockets-asyncio", "asyncio-proactor" if sys.platform == "win32" else "asyncio-selector"
    ),
    "websockets-selector": ClientArm("websockets-asyncio", "asyncio-selector"),
    "websockets-proactor": ClientArm("websockets-asyncio", "asyncio-proactor"),
    "websockets-uvloop": ClientArm("websockets-asyncio", "uvloop"),
}


def client_arm(name: str) -> ClientArm:
    """What an arm of `--client` stands for on this platform.

    Raises:
        ConfigError: If there is no such arm, or its loop does not exist here.
    """
    if name not in CLIENT_ARMS:
        raise unknown_name("--client", name, CLIENT_ARMS)
    arm = CLIENT_ARMS[name]
    on_windows = sys.platform == "win32"
    if arm.event_loop == "asyncio-proactor" and not on_windows:
        raise ConfigError(f"--client {name} needs Windows, whose loop it is: use websockets-asyncio on this machine.")
    if arm.event_loop == "uvloop" and on_windows:
        raise ConfigError(f"--client {name} does not exist on Windows: use websockets-asyncio or websockets-selector.")
    return arm


def loop_of(name: str) -> str:
    """The event loop of an arm, as the record names it."""
    loop = client_arm(name).event_loop
    if loop:
        return loop
    from scenarios.fingerprint import gevent_loop_name

    return gevent_loop_name()
