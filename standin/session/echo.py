"""/ws/test: no authentication, flat JSON. A control for the road to the server without its sessions."""

from __future__ import annotations

import asyncio
import time
import uuid
from typing import Any, Final

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect

from standin.frames import iso

HEARTBEAT_S: Final = 30.0
"""A heartbeat is sent after each silence of this length."""
_ANSWERS: Final = {
    "ping": "pong",
    "echo": "echo_response",
    "session_start": "session_started",
    "queue_message": "message_queued",
    "reconnect": "reconnect_ack",
}


def answer(text: str, wall_s: float) -> dict[str, Any]:
    """The reply to one message; what is not a JSON object is an error that names it."""
    try:
        message = orjson.loads(text)
    except ValueError:
        return {"type": "error", "message": "Invalid JSON", "timestamp": iso(wall_s)}
    if not isinstance(message, dict):
        return {"type": "error", "message": "Not a JSON object", "timestamp": iso(wall_s)}
    kind = message.get("type")
    reply: dict[str, Any] = {
        "type": _ANSWERS.get(kind, "ack") if isinstance(kind, str) else "ack",
        "timestamp": iso(wall_s),
    }
    if kind == "echo":
        reply["original"] = message
    elif reply["type"] == "ack":
        reply["received_type"] = kind
    return reply


async def echo_socket(websocket: WebSocket) -> None:
    """Serve one test socket until the client leaves."""
    await websocket.accept()
    connection_id = f"test_{uuid.uuid4().hex[:8]}"
    try:
        await _send(websocket, {"type": "connection_established", "connection_id": connection_id})
        while True:
            try:
                text = await asyncio.wait_for(websocket.receive_text(), HEARTBEAT_S)
            except TimeoutError:
                await _send(websocket, {"type": "heartbeat", "timestamp": iso(time.time())})
                continue
            except KeyError:  # binary
                await _send(websocket, {"type": "error", "message": "Binary is not supported"})
                continue
            await _send(websocket, answer(text, time.time()))
    except WebSocketDisconnect:
        pass


async def _send(websocket: WebSocket, frame: dict[str, Any]) -> None:
    await websocket.send_text(orjson.dumps(frame).decode())
