"""A JSON echo on uvicorn, as FastAPI's and Starlette's servers have it: `python -m tests.kit.uvicorn_server MODE`.

It prints its port as soon as it listens, and ends with SIGTERM.
"""

from __future__ import annotations

import argparse
import socket
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

MODES = ("echo", "refuse")


def application(mode: str, tokens: Path | None) -> Starlette:
    """An echo, or one that closes each WebSocket with 1008 before it accepts it."""

    async def session(websocket: WebSocket) -> None:
        token = websocket.headers.get("Authorization", "").removeprefix("Bearer ")
        if tokens is not None and token:
            with tokens.open("a", encoding="ascii") as file:
                file.write(f"{token}\n")
        if mode == "refuse":
            await websocket.close(code=1008, reason="not for you")
            return
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(text)

    return Starlette(routes=[WebSocketRoute("/ws", session)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("--address", default="127.0.0.1", help="listen there (127.0.0.1)")
    parser.add_argument("--tokens", type=Path, help="write each credential that is offered into this file")
    options = parser.parse_args()
    listener = socket.create_server((options.address, 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    served = application(options.mode, options.tokens)
    # Its log would hold nothing but the ends of sessions, and the lab stops a server while some are open.
    configuration = uvicorn.Config(served, ws="websockets-sansio", log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(configuration).run(sockets=[listener])


if __name__ == "__main__":
    main()
