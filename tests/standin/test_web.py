"""The HTTP endpoints."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable

import pytest

from tests.standin.serving import PATIENCE_S, Standin


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/health", "healthy"),
        ("/health/", "healthy"),
        ("/health/live", "healthy"),
        ("/health/ready", "ready"),
        ("/ws/health", "healthy"),
        ("/ws/beacon", "healthy"),
    ],
)
def test_health_in_its_forms(healthy: Standin, path: str, status: str) -> None:
    code, body = healthy.get(path)
    assert code == 200 and json.loads(body)["status"] == status
    assert healthy.get(path, "HEAD")[0] == 200
    assert healthy.get(path, "OPTIONS")[0] == 200


def test_the_advertised_configuration(healthy: Standin) -> None:
    code, body = healthy.get("/ws/config")
    config = json.loads(body)
    assert code == 200
    assert config["websocket"]["supported_auth_methods"] == ["header", "subprotocol"]
    assert config["websocket"]["limits"]["max_message_size_bytes"] == 8192
    assert config["server"]["active_connections"] == 0


def test_stats_count_sessions_by_instance(healthy: Standin) -> None:
    with healthy.session():
        assert json.loads(healthy.get("/ws/stats")[1]) == {"active_connections": 1, "instances": {"instance-0": 1}}


def test_other_paths_are_not_found(healthy: Standin) -> None:
    assert healthy.get("/nothing")[0] == 404


def test_quirks_of_the_probes(start: Callable[..., Standin]) -> None:
    server = start("--quirks", "degraded_health,stats_500")
    code, body = server.get("/ws/health")
    assert code == 200 and json.loads(body)["status"] == "degraded" and json.loads(body)["errors"]
    assert server.get("/ws/stats")[0] == 500


@pytest.mark.slow
def test_the_event_stream_starts_at_once_and_does_not_end(healthy: Standin) -> None:
    with urllib.request.urlopen(healthy.http_url + "/api/events/stream", timeout=PATIENCE_S) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        first = response.readline()
        response.readline()
        second = response.readline()  # five seconds later
    assert first.startswith(b"data: ") and json.loads(first[6:])["id"] == 0
    assert json.loads(second[6:])["id"] == 1


def test_health_says_503_while_start_up_goes_on(start: Callable[..., Standin]) -> None:
    server = start("--fault", "cold_start:for=600")
    for path in ("/health", "/health/ready"):
        code, body = server.get(path)
        assert code == 503 and json.loads(body)["status"] == "unhealthy"
    assert server.get("/health/live")[0] == 200


def test_the_agents_stream_is_a_page_by_get_and_ends_by_itself_by_post(healthy: Standin) -> None:
    code, body = healthy.get("/api/agents/stream")
    assert code == 200 and json.loads(body)["status"] == "available"
    began = time.monotonic()
    with urllib.request.urlopen(healthy.http_url + "/api/agents/stream", data=b"{}", timeout=PATIENCE_S) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.read().splitlines()
    assert [json.loads(line[6:])["type"] for line in lines if line] == [
        "stream_start",
        "stream_chunk",
        "stream_complete",
    ]
    assert time.monotonic() - began < PATIENCE_S / 2
