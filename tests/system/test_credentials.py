"""Whole soaks with tokens of a busy endpoint, headers from the environment, and without any credentials."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from tests.conftest import Soak
from tests.kit.children import echo_server

QUIET = ("--headless", "--only-summary", "--protocol", "echo", "--scenario", "churn", "--users", "4")
SECRETS = ("a-token-of-somebodys-own", "a-key-of-the-gates-own")
ALLOWED = {"SOAK_ALLOWED_HOSTS": "127.0.0.1", "SOAK_JWT_SECRET": "", "GATE_KEY": SECRETS[1]}


class Busy(BaseHTTPRequestHandler):
    """Answers every third question; the others with 429."""

    asked: ClassVar[int] = 0

    def do_GET(self) -> None:
        Busy.asked += 1
        is_answered = Busy.asked % 3 == 0
        self.send_response(200 if is_answered else 429)
        self.send_header("Retry-After", "0")
        self.end_headers()
        if is_answered:
            self.wfile.write(json.dumps({"access_token": SECRETS[0], "expires_in": "2"}).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def busy_endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/token?user={{subject}}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_busy_endpoint_is_waited_for_and_no_secret_is_in_any_file(
    start_soak: Callable[..., Soak], tmp_path: Path
) -> None:
    with busy_endpoint() as url, echo_server("echo", tmp_path) as port:
        soak = start_soak(
            *(*QUIET, "--run-time", "20s", "--host", f"ws://127.0.0.1:{port}/ws", "--token-source", url),
            *("--token-transport", "cookie:sid", "--client", "websocket-client,websockets-asyncio"),
            *("--header", "Origin: https://app.example.com", "--header", "X-Api-Key: env:GATE_KEY"),
            environment=ALLOWED,
        )
        status, output = soak.end()
    run = soak.run_json()
    assert (status, run["problems"]) == (0, []), output
    assert run["accounting"]["failed"] == run["accounting"]["timeout"] == 0
    assert run["accounting"]["ok"] > 10
    assert sum(worker["token_waits"] or 0 for worker in run["workers"]) > 0
    assert run["settings"]["credentials"] == ["token", "header"]
    assert "Users wait for it; that is no failure of the target." in output
    written = [file.read_bytes() for file in soak.folder.rglob("*") if file.is_file()]
    assert not [secret for secret in SECRETS if any(secret.encode() in data for data in written)]
    assert not [secret for secret in SECRETS if secret in output]


def test_a_server_without_authentication_needs_no_key_and_its_report_says_that_nothing_was_tested(
    start_soak: Callable[..., Soak], tmp_path: Path
) -> None:
    with echo_server("echo", tmp_path) as port:
        soak = start_soak(
            *(*QUIET, "--run-time", "10s", "--host", f"ws://127.0.0.1:{port}/ws", "--token-source", "none"),
            environment=ALLOWED,
        )
        status, output = soak.end()
    assert (status, soak.run_json()["problems"]) == (0, []), output
    auth = soak.verdict()["claims"]["auth"]
    assert (auth["state"], auth["evidence"]) == (
        "undecided",
        "Sessions came without credentials: there was nothing to refuse.",
    )
