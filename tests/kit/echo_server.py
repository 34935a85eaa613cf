"""A JSON echo over WebSockets that misbehaves in one way: `python -m tests.kit.echo_server MODE`.

It stands on aiohttp, so that neither its handshake nor its frames come from a library of ours, and knows nothing
of the stand-in. It prints its port as soon as it listens, answers `GET /health`, echoes on `/ws`, and ends with
SIGTERM. What depends on time counts from the first WebSocket that it was asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import ssl
import struct
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import jwt
from aiohttp import WSMsgType, web

# When the one event of a mode comes, so that sessions of several ages are there; and how long a port stays closed.
EVENT_AT_S = 12.0
CLOSED_S = 6.0
# Health comes and goes: long enough for a balancer's checks to see each.
FLAP_S = 5.0
# Longer than any budget of a soak in these tests.
LATE_S = 8.0
# The mean of how long a session lives until the server hears no more of it, and how long it then waits for a pong.
KEEPALIVE_MEAN_S = 8.0
DEAF_S = 1.0
# A close frame carries 125 bytes: two of the code, the rest for its reason (RFC 6455, section 5.5).
MOST_REASON = 123
# Of the two subprotocols that a browser offers in order to show its token, the one that is not to be chosen.
CARRIES_TOKEN = "jwt."
RESET = struct.pack("ii", 1, 0)

Upgrade = Callable[["Server", web.Request], Coroutine[Any, Any, web.StreamResponse]]


class Server:
    """What all sessions share.

    Attributes:
        tokens: Where each credential that is offered is written down, a line each; None = nowhere.
        asked: How many WebSockets have been asked for.
        since: When the first one was.
        open: The transports of the sessions that are open.
    """

    def __init__(self, tokens: Path | None) -> None:
        self.tokens = tokens
        self.asked = 0
        self.since: float | None = None
        self.open: set[asyncio.Transport] = set()
        self.chance = random.Random(1)
        self.at_event: Callable[[], Coroutine[Any, Any, None]] | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    def starts(self, request: web.Request) -> None:
        """Count a WebSocket that is asked for."""
        self.asked += 1
        if self.tokens is not None:
            with self.tokens.open("a", encoding="ascii") as file:
                file.writelines(f"{credential}\n" for credential in credentials(request))
        if self.since is None:
            self.since = time.monotonic()
            if self.at_event is not None:
                self.soon(self.at_event())

    def soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside; kept until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


def credentials(request: web.Request) -> list[str]:
    """What the client shows: its bearer token, and the subprotocol that carries one."""
    found = [request.headers.get("Authorization", "").removeprefix("Bearer ")]
    found += [name for name in offered(request) if name.startswith(CARRIES_TOKEN)]
    return [credential for credential in found if credential]


def offered(request: web.Request) -> list[str]:
    """The subprotocols that the client offers."""
    return [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if name.strip()]


async def accepted(server: Server, request: web.Request, *protocols: str) -> web.WebSocketResponse:
    """The upgraded session, on the list of those that are open; without `protocols` any plain one is chosen."""
    plain = [name for name in offered(request) if not name.startswith(CARRIES_TOKEN)]
    session = web.WebSocketResponse(protocols=protocols or plain)
    await session.prepare(request)
    transport = request.transport
    if isinstance(transport, asyncio.Transport):
        server.open.add(transport)
    return session


async def echoed(session: web.WebSocketResponse, *, but: Callable[[str], bool] = lambda text: False) -> None:
    """Every text back as it came, but for those that are left out; ends with the session."""
    async for message in session:
        if message.type == WSMsgType.TEXT and not but(message.data):
            await session.send_str(message.data)


async def echo(server: Server, request: web.Request) -> web.StreamResponse:
    """Every text back as it came."""
    session = await accepted(server, request)
    await echoed(session)
    return session


async def verify(server: Server, request: web.Request) -> web.StreamResponse:
    """An echo for those whose token holds; HTTP 401 for the others."""
    try:
        expiry(request)
    except jwt.InvalidTokenError as problem:
        return unauthorized(str(problem))
    return await echo(server, request)


def expiry(request: web.Request) -> float:
    """When the client's token ends, in seconds since the epoch.

    Raises:
        InvalidTokenError: It is not signed with SOAK_JWT_SECRET, is over, or is for somebody else.
    """
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    claims = jwt.decode(token, os.environ["SOAK_JWT_SECRET"], algorithms=["HS256"], options={"require": ["exp"]})
    return float(claims["exp"])


def unauthorized(why: str) -> web.Response:
    """HTTP 401 as RFC 6750 has it."""
    challenge = 'Bearer error="invalid_token"'
    return web.Response(status=401, reason="Unauthorized", text=why, headers={"WWW-Authenticate": challenge})


async def expire(server: Server, request: web.Request) -> web.StreamResponse:
    """An echo until the token ends; then it closes with 4403."""
    session = await accepted(server, request)
    left = expiry(request) - time.time()

    async def end() -> None:
        await asyncio.sleep(max(0.0, left))
        await session.close(code=4403, message=b"Forbidden: token expired")

    server.soon(end())
    await echoed(session)
    return session


async def close_4401(server: Server, request: web.Request) -> web.StreamResponse:
    """Closes with 4401 right after the upgrade, as GraphQL servers do."""
    session = await accepted(server, request)
    await session.close(code=4401, message=b"Unauthorized")
    return session


async def reason_token(server: Server, request: web.Request) -> web.StreamResponse:
    """Closes with 1008 right after the upgrade, and repeats the token in the reason."""
    session = await accepted(server, request)
    shown = (*credentials(request), "-")[0]
    await session.close(code=1008, message=f"bad token {shown}".encode()[:MOST_REASON])
    return session


async def echo_subprotocol(server: Server, request: web.Request) -> web.StreamResponse:
    """Answers the client's last subprotocol, the one that carries its token; then an echo."""
    session = await accepted(server, request, *offered(request)[-1:])
    await echoed(session)
    return session


async def refuse_fifth(server: Server, request: web.Request) -> web.StreamResponse:
    """HTTP 401 for every fifth that asks; an echo for the others."""
    if server.asked % 5 == 0:
        return unauthorized("The session store could not be asked.")
    return await echo(server, request)


async def not_found(server: Server, request: web.Request) -> web.StreamResponse:
    """HTTP 404: the WebSocket is elsewhere."""
    return web.Response(status=404, text="404 page not found\n")


async def reset_all(server: Server, request: web.Request) -> web.StreamResponse:
    """An echo, until all sessions are reset at one moment; a good one afterwards."""
    return await echo(server, request)


async def keepalive(server: Server, request: web.Request) -> web.StreamResponse:
    """An echo, until it hears no more and says so: each session has its own time, as if its line were cut then."""
    session = await accepted(server, request)
    is_cut = False

    async def end() -> None:
        nonlocal is_cut
        await asyncio.sleep(server.chance.expovariate(1 / KEEPALIVE_MEAN_S))
        is_cut = True
        await asyncio.sleep(DEAF_S)
        await session.close(code=1011, message=b"keepalive ping timeout")

    server.soon(end())
    await echoed(session, but=lambda text: is_cut)
    return session


async def silent_operation(server: Server, request: web.Request) -> web.StreamResponse:
    """An echo of all but requests of the operation `chat`."""
    session = await accepted(server, request)
    await echoed(session, but=lambda text: bool(json.loads(text).get("op") == "chat"))
    return session


async def slow_replies(server: Server, request: web.Request) -> web.StreamResponse:
    """Every second reply comes too late for any budget; pings are answered meanwhile."""
    session = await accepted(server, request)

    async def late(text: str) -> None:
        await asyncio.sleep(LATE_S)
        if not session.closed:
            await session.send_str(text)

    def is_late(text: str) -> bool:
        if server.chance.random() < 0.5:
            server.soon(late(text))
            return True
        return False

    await echoed(session, but=is_late)
    return session


async def slow_accept(server: Server, request: web.Request) -> web.StreamResponse:
    """The upgrade of three in ten comes too late for any budget."""
    if server.chance.random() < 0.3:
        await asyncio.sleep(LATE_S)
    return await echo(server, request)


async def silent_upgrade(server: Server, request: web.Request) -> web.StreamResponse:
    """The upgrade is never answered."""
    await asyncio.Event().wait()
    raise AssertionError("nobody sets that event")


async def silent_upgrade_fifth(server: Server, request: web.Request) -> web.StreamResponse:
    """Every fifth upgrade is never answered."""
    return await (echo if server.asked % 5 else silent_upgrade)(server, request)


MODES: dict[str, Upgrade] = {
    "echo": echo,
    "verify": verify,
    "expire": expire,
    "close_4401": close_4401,
    "reason_token": reason_token,
    "echo_subprotocol": echo_subprotocol,
    "refuse_fifth": refuse_fifth,
    "not_found": not_found,
    "reset_all": reset_all,
    "keepalive": keepalive,
    "silent_operation": silent_operation,
    "slow_replies": slow_replies,
    "slow_accept": slow_accept,
    "silent_upgrade": silent_upgrade,
    "silent_upgrade_fifth": silent_upgrade_fifth,
    # These two behave on the socket as an echo does: what they do is done to the port, and to the health page.
    "closed_port": echo,
    "flapping": echo,
}


def listening(address: str, port: int = 0) -> socket.socket:
    """A socket that listens at the address; port 0 = any that is free."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((address, port))
    found.listen(128)
    return found


def tls_context(certificate: str) -> ssl.SSLContext:
    """Serve this certificate, with the key behind it in the file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def serve(
    mode: str, address: str, tokens: Path | None, context: ssl.SSLContext | None, event_at_s: float
) -> None:
    """Serve until SIGTERM; the port is printed once it is there."""
    loop = asyncio.get_running_loop()
    server = Server(tokens)

    async def upgrade(request: web.Request) -> web.StreamResponse:
        server.starts(request)
        return await MODES[mode](server, request)

    async def health(request: web.Request) -> web.Response:
        since = time.monotonic() - server.since if server.since is not None else 0.0
        is_down = mode == "flapping" and int(since / FLAP_S) % 2 == 1
        return web.Response(status=503 if is_down else 200, text="down" if is_down else "ok")

    application = web.Application()
    application.router.add_get("/ws", upgrade)
    application.router.add_get("/health", health)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0)
    await runner.setup()
    assert runner.server is not None
    listener = listening(address)
    port = listener.getsockname()[1]
    front = await loop.create_server(runner.server, sock=listener, ssl=context)

    async def reset() -> None:
        await asyncio.sleep(event_at_s)
        for transport in server.open:
            if not transport.is_closing():
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                transport.abort()

    async def close_the_port() -> None:
        nonlocal front
        await asyncio.sleep(event_at_s)
        front.close()
        await asyncio.sleep(CLOSED_S)
        assert runner.server is not None
        front = await loop.create_server(runner.server, sock=listening(address, port), ssl=context)

    server.at_event = {"reset_all": reset, "closed_port": close_the_port}.get(mode)
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    print(port, flush=True)
    await stopped.wait()
    front.close()
    await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("--address", default="127.0.0.1", help="listen there (127.0.0.1)")
    parser.add_argument("--tokens", type=Path, help="write each credential that is offered into this file")
    parser.add_argument("--certificate", default="", help="serve TLS with this certificate and the key in its file")
    parser.add_argument(
        "--event-at-s", type=float, default=EVENT_AT_S, help=f"when the event of a mode comes ({EVENT_AT_S:g})"
    )
    options = parser.parse_args()
    context = tls_context(options.certificate) if options.certificate else None
    asyncio.run(serve(options.mode, options.address, options.tokens, context, options.event_at_s))


if __name__ == "__main__":
    main()
