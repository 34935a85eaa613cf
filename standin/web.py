"""The HTTP endpoints: health in its many forms, and event streams, of which one outlasts any client's patience."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from standin.frames import ENVIRONMENT, MAX_MESSAGE_BYTES, iso
from standin.world import World

STREAM_GAP_S: Final = 5.0
STREAM_LIFE_S: Final = 600.0
# The agents' stream, which ends in less than a second.
AGENT_STREAM: Final = ("stream_start", "stream_chunk", "stream_complete")
AGENT_STREAM_GAP_S: Final = 0.2
VERSION: Final = "1.0.0"


class Web:
    """The handlers; each answers for one of the instances."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def health(self, request: Request) -> Response:
        """Healthy, or 503 while start-up is not complete."""
        body: dict[str, Any] = {"service": "netra-ai-platform", "version": VERSION, "timestamp": self._wall_s()}
        if self._world.is_starting():
            return _json({"status": "unhealthy", "message": "Startup in progress", **body}, 503)
        return _json({"status": "healthy", **body})

    async def live(self, request: Request) -> Response:
        """The process answers."""
        return _json({"status": "healthy", "service": "netra-ai-platform", "timestamp": self._wall_s()})

    async def ready(self, request: Request) -> Response:
        """The process can serve sessions."""
        if self._world.is_starting():
            return _json({"status": "unhealthy", "message": "Startup in progress", "timestamp": self._wall_s()}, 503)
        return _json({"status": "ready", "service": "netra-ai-platform", "timestamp": self._wall_s()})

    async def websocket_health(self, request: Request) -> Response:
        """Always 200; with quirk `degraded_health` it is degraded for no reason."""
        degraded = self._world.has_quirk("degraded_health")
        body: dict[str, Any] = {
            "status": "degraded" if degraded else "healthy",
            "service": "websocket",
            "version": VERSION,
            "timestamp": iso(self._wall_s()),
            "environment": ENVIRONMENT,
            "metrics": {
                "websocket": {"active_connections": self._sessions()},
                "authentication": {},
                "monitoring": {},
            },
            "config": {
                "max_connections_per_user": 3,
                "heartbeat_interval": self._world.settings.heartbeat_s,
                "pre_connection_auth_required": False,
            },
            "e2e_testing": {
                "enabled": self._world.has_quirk("e2e_bypass"),
                "variables": {},
                "auth_bypass_active": self._world.has_quirk("e2e_bypass"),
            },
        }
        if degraded:
            body["errors"] = ["websocket: 'active_connections'"]
        return _json(body)

    async def websocket_config(self, request: Request) -> Response:
        """What is advertised. The limits of connections and messages are not enforced, as in the original."""
        limits = {
            "max_connections_per_user": 3,
            "max_message_rate_per_minute": 100,
            "max_message_size_bytes": MAX_MESSAGE_BYTES,
            "heartbeat_interval_seconds": self._world.settings.heartbeat_s,
        }
        return _json(
            {
                "websocket": {
                    "endpoint": "/ws",
                    "version": VERSION,
                    "authentication": "required",
                    "supported_auth_methods": ["header", "subprotocol"],
                    "features": {"heartbeat": True, "agent_events": True},
                    "limits": limits,
                },
                "server": {
                    # Always 0 in the original: a probe must not read it.
                    "active_connections": 0,
                    "uptime_seconds": self._world.moment().since_start_s,
                    "server_time": iso(self._wall_s()),
                    "stats_error": None,
                },
                "migration": {"legacy_endpoint": "/websocket"},
            }
        )

    async def beacon(self, request: Request) -> Response:
        """A light probe."""
        body = {"service": "websocket_beacon", "timestamp": iso(self._wall_s()), "message": "WebSocket is available"}
        return _json({"status": "healthy", **body})

    async def stats(self, request: Request) -> Response:
        """Sessions by instance; with quirk `stats_500` the original's HTTP 500."""
        if self._world.has_quirk("stats_500"):
            return Response("Internal Server Error", 500, media_type="text/plain")
        return _json({"active_connections": self._sessions(), "instances": self._sessions_by_instance()})

    async def events(self, request: Request) -> Response:
        """Server-sent events: one at once, then one every 5 s for 600 s."""

        async def chunks() -> AsyncIterator[bytes]:
            for number in range(int(STREAM_LIFE_S / STREAM_GAP_S)):
                event = orjson.dumps({"type": "heartbeat", "id": number, "timestamp": self._wall_s()})
                yield b"data: " + event + b"\n\n"
                if await self._world.is_stopping_within(STREAM_GAP_S):
                    return

        return StreamingResponse(chunks(), media_type="text/event-stream", headers={"cache-control": "no-cache"})

    async def agents(self, request: Request) -> Response:
        """GET: what the agents' stream is. POST: a short stream of events that ends by itself, within a second."""
        if request.method == "GET":
            body = {"service": "agents_stream", "status": "available", "timestamp": self._wall_s()}
            return _json(body)

        async def chunks() -> AsyncIterator[bytes]:
            for name in AGENT_STREAM:
                yield b"data: " + orjson.dumps({"type": name, "timestamp": self._wall_s()}) + b"\n\n"
                if await self._world.is_stopping_within(AGENT_STREAM_GAP_S):
                    return

        return StreamingResponse(chunks(), media_type="text/event-stream", headers={"cache-control": "no-cache"})

    def _sessions(self) -> int:
        return sum(self._sessions_by_instance().values())

    def _sessions_by_instance(self) -> dict[str, int]:
        return {instance.name: instance.sessions for instance in self._world.instances}

    def _wall_s(self) -> float:
        return self._world.clock.wall_s()


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
