"""A JSON echo on the `websockets` library with its own keepalive: `python -m tests.kit.websockets_server MODE`.

It prints its port as soon as it listens, and ends with SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

# How often each session is pinged, and how long its pong may take.
PING_S = 2.0
MODES = ("echo",)


async def run(address: str, tokens: Path | None) -> None:
    """Serve until SIGTERM; the port is printed once it is there."""

    async def echo(session: ServerConnection) -> None:
        assert session.request is not None
        token = session.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if tokens is not None and token:
            with tokens.open("a", encoding="ascii") as file:
                file.write(f"{token}\n")
        try:
            async for message in session:
                await session.send(message)
        except ConnectionClosed:
            return

    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with serve(echo, address, 0, ping_interval=PING_S, ping_timeout=PING_S, compression=None) as server:
        (listener,) = server.sockets
        print(listener.getsockname()[1], flush=True)
        await stopped.wait()
        server.close(close_connections=False)
        # A session whose line is cut would not say goodbye: the end of the process ends it.
        for session in server.connections:
            session.transport.abort()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("--address", default="127.0.0.1", help="listen there (127.0.0.1)")
    parser.add_argument("--tokens", type=Path, help="write each credential that is offered into this file")
    options = parser.parse_args()
    asyncio.run(run(options.address, options.tokens))


if __name__ == "__main__":
    main()
