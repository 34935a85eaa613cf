"""The servers of several makers by name: how each is started, and in which ways it misbehaves."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.kit import echo_server, node_packages, uvicorn_server, websockets_server
from tests.kit.children import server
from tests.kit.namespaces import Namespace
from tests.kit.node_packages import node_modules
from tests.kit.programs import found

# What npm's `ws` is made to do; `late` and its kin leave every second request without an answer in time.
NODE_MODES = {
    "echo": "an echo",
    "empty_pongs": "pongs without the payload of their pings",
    "no_pongs": "pings are ignored",
    "masked": "frames are masked, as only a client's may be",
    "slow": "each reply takes 80 ms",
    "slower": "each reply takes a second",
    "mute": "one request in ten is never answered, pings are",
    "dies": "each session gets neither replies nor pongs from its fiftieth request on",
    "stops": "the whole process is stopped for a while (SIGSTOP)",
    "late": "replies shortly after the budget",
    "late_empty_pongs": "replies long after it, and pongs without payload meanwhile",
    "late_no_pongs": "replies long after it, and no pongs",
}
# What a server with a protocol of its own is made to do; each has the operations `hello` and `news`.
SPEAKERS_MODES = {
    "healthy": "all is answered",
    "silent": "`news` is never answered",
    "refuse": "whoever comes is refused in the protocol's own way",
    "first_message": "the token is expected in the first message",
}


class Maker(NamedTuple):
    """A server's maker.

    Attributes:
        command: Starts it; the mode and the options follow.
        modes: That it has.
        why_missing: Why it cannot run here, in a sentence; empty: it can.
    """

    command: tuple[str, ...]
    modes: frozenset[str]
    why_missing: Callable[[], str]


def _is_here() -> str:
    """What is among the requirements of the tests is installed."""
    return ""


MAKERS = {
    "aiohttp": Maker((sys.executable, "-m", "tests.kit.echo_server"), frozenset(echo_server.MODES), _is_here),
    "websockets": Maker(
        (sys.executable, "-m", "tests.kit.websockets_server"), frozenset(websockets_server.MODES), _is_here
    ),
    "uvicorn": Maker((sys.executable, "-m", "tests.kit.uvicorn_server"), frozenset(uvicorn_server.MODES), _is_here),
    "ws": Maker(("node", str(node_packages.FOLDER / "server.cjs")), frozenset(NODE_MODES), node_packages.why_missing),
}


def _speaker(name: str, *modes: str) -> Maker:
    command = ("node", str(node_packages.FOLDER / f"{name}.cjs"))
    return Maker(command, frozenset({"healthy", "silent", *modes}), node_packages.why_missing)


# Servers that are no echo: each speaks a protocol, by the package that is known for it where there is one.
SPEAKERS = {
    "graphql-ws": _speaker("graphql", "refuse"),
    "socket.io": _speaker("socketio", "refuse"),
    "rpc-websockets": _speaker("jsonrpc"),
    "sockjs": _speaker("sockjs"),
    # What comes as text is given to the application as bytes, and an echo of bytes goes out as binary.
    "ws in binary": Maker(MAKERS["ws"].command, frozenset({"binary"}), node_packages.why_missing),
    # Messages of our own, on npm's ws.
    "json on ws": _speaker("json", "first_message"),
}


@contextlib.contextmanager
def served(
    maker: str,
    mode: str,
    folder: Path,
    *options: str,
    environment: dict[str, str] | None = None,
    on: Namespace | None = None,
) -> Iterator[int]:
    """The port of a maker's server in this mode, on this machine or on a host of its own.

    Raises:
        NotStarted: It ended instead, or is not installed.
    """
    program, *words = {**MAKERS, **SPEAKERS}[maker].command
    variables = dict(environment or {})
    if program == "node":
        variables["NODE_PATH"] = str(node_modules())
    command = [found(program), *words, mode, *options]
    if on is not None:
        command = [*on.command(*command), "--address", on.address]
    with server(command, folder, environment=variables) as port:
        yield port
