"""The frames that the server sends, as dictionaries. `wall_s` is epoch seconds."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, Final

Frame = dict[str, Any]

ENVIRONMENT: Final = "staging"
MAX_MESSAGE_BYTES: Final = 8192


def envelope(kind: str, data: Mapping[str, Any], wall_s: float) -> Frame:
    """The `ServerMessage` envelope around most frames."""
    return {"type": kind, "data": dict(data), "timestamp": wall_s, "server_id": None, "correlation_id": None}


def system_message(data: Mapping[str, Any], wall_s: float) -> Frame:
    """A `system_message`: welcome, acknowledgements, notices."""
    return envelope("system_message", data, wall_s)


def iso(wall_s: float) -> str:
    """A time of day as ISO 8601 in UTC, to the microsecond."""
    return datetime.datetime.fromtimestamp(wall_s, datetime.UTC).isoformat(timespec="microseconds")


def degraded_mode(waited_s: float, wall_s: float) -> Frame:
    """Sent before the welcome when start-up was not complete after the longest wait."""
    data = {
        "event": "degraded_mode",
        "message": "WebSocket connection established in degraded mode - startup still in progress",
        "environment": ENVIRONMENT,
        "startup_wait_time": waited_s,
        "fallback_active": True,
    }
    return system_message(data, wall_s)


def service_info(wall_s: float) -> Frame:
    """Sent before the welcome when the supervisor or the thread service is missing."""
    data = {
        "event": "service_info",
        "message": "WebSocket connected with limited functionality",
        "environment": ENVIRONMENT,
        "missing_dependencies": ["agent_supervisor", "thread_service"],
        "fallback_active": True,
    }
    return system_message(data, wall_s)


def notice(number: int, wall_s: float) -> Frame:
    """A frame that carries nothing a client needs: the `preface` fault sends some before the welcome."""
    return system_message({"event": "notice", "message": f"notice {number}", "environment": ENVIRONMENT}, wall_s)


def handshake_validation(wall_s: float) -> Frame:
    """Sent just before the welcome, outside the envelope."""
    return {"type": "handshake_validation", "timestamp": wall_s, "validation_id": f"test_{int(wall_s * 1000)}"}


def welcome(*, connection_id: str, user_id: str, startup_complete: bool, heartbeat_s: float, wall_s: float) -> Frame:
    """The frame that says the session is ready."""
    data = {
        "event": "connection_established",
        "connection_id": connection_id,
        "user_id": user_id,
        "server_time": iso(wall_s),
        "connection_ready": True,
        "environment": ENVIRONMENT,
        "startup_complete": startup_complete,
        "config": {"heartbeat_interval": heartbeat_s, "max_message_size": MAX_MESSAGE_BYTES},
        "factory_pattern_enabled": True,
    }
    return system_message(data, wall_s)


def ping(wall_s: float) -> Frame:
    """The server's own JSON ping."""
    return envelope("ping", {"timestamp": wall_s}, wall_s)


def error_message(code: str, text: str, details: Mapping[str, Any], wall_s: float) -> Frame:
    """An error, outside the envelope."""
    return {
        "type": "error_message",
        "error_code": code,
        "error_message": text,
        "details": dict(details),
        "timestamp": wall_s,
        "recovery_suggestions": None,
    }


def connection_id(user_id: str, accepted_s: float, suffix: str) -> str:
    """`ws_<first 8 chars of the user>_<epoch second of the accept>_<8 hex>`: the id in welcome and log."""
    return f"ws_{user_id[:8]}_{int(accepted_s)}_{suffix}"
