"""The Starlette application: every endpoint that a client or a probe uses."""

from __future__ import annotations

from http import HTTPStatus

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn.protocols.utils import ClientDisconnected

from standin.session.echo import echo_socket
from standin.session.session import run_session
from standin.web import Web
from standin.world import World

_PROBED = ["GET", "HEAD", "OPTIONS"]


async def not_found(websocket: WebSocket) -> None:
    """A wrong path: 404, where Starlette's own answer is 403, which stands for the firewall."""
    await websocket.send_denial_response(PlainTextResponse("Not Found", HTTPStatus.NOT_FOUND))
    # uvicorn would take the denial for a handshake that nobody completed, and log an error
    # (https://github.com/Kludex/uvicorn/pull/3138): to it, the client has left.
    raise ClientDisconnected


def application(world: World) -> Starlette:
    """The application of one server."""

    async def session(websocket: WebSocket) -> None:
        await run_session(websocket, world)

    web = Web(world)
    return Starlette(
        routes=[
            WebSocketRoute("/ws", session),
            WebSocketRoute("/websocket", session),
            WebSocketRoute("/ws/test", echo_socket),
            WebSocketRoute("/{path:path}", not_found),
            Route("/ws/health", web.websocket_health, methods=_PROBED),
            Route("/ws/config", web.websocket_config),
            Route("/ws/beacon", web.beacon, methods=_PROBED),
            Route("/ws/stats", web.stats),
            Route("/health", web.health, methods=_PROBED),
            Route("/health/", web.health, methods=_PROBED),
            Route("/health/live", web.live, methods=_PROBED),
            Route("/health/ready", web.ready, methods=_PROBED),
            Route("/api/events/stream", web.events),
            Route("/api/agents/stream", web.agents, methods=["GET", "POST"]),
        ]
    )
