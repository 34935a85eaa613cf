"""Shared by the tests of the stand-in: a server process on port 0, tokens for it, and clients that are not ours."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import queue
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
from websockets.sync.client import ClientConnection, connect

from standin.options import read_options
from standin.serve import serve, verification_keys
from standin.server import Server

ROOT = Path(__file__).parents[2]
SECRET = "a secret for tests that is longer than thirty-two bytes"
# Generous: a machine may be ten times slower than the one these tests were written on.
PATIENCE_S = 30.0
# How long a test listens before it believes that nothing comes.
QUIET_S = 0.4


def token(secret: Any = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """A token that the stand-in accepts, but for the claims given; None takes a claim out."""
    now = int(time.time())
    payload = {
        "sub": "staging-user-001",
        "iat": now,
        "exp": now + 600,
        "iss": "netra-auth-service",
        "aud": "netra-platform",
        "type": "access",
        **claims,
    }
    return jwt.encode({k: v for k, v in payload.items() if v is not None}, secret, algorithm)


def wait_for(probe: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come within {PATIENCE_S} s")


class Standin:
    """A running stand-in."""

    def __init__(self, ready: dict[str, Any], folder: Path, end: Callable[[], None]) -> None:
        self.folder = folder
        self.end = end
        self.ready = ready
        self.url: str = ready["url"]
        self.http_url: str = ready["http_url"]
        self.port = int(self.http_url.rsplit(":", 1)[1])

    def connect(self, bearer: str | None = "", *, path: str = "", **options: Any) -> ClientConnection:
        """A session by the `websockets` library; `bearer` "" is a good token, None is none."""
        headers = dict(options.pop("additional_headers", {}))
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer or token()}"
        url = self.url.removesuffix("/ws") + path if path else self.url
        options = {"ping_interval": None, "open_timeout": PATIENCE_S, "compression": None, **options}
        websocket: ClientConnection = connect(url, additional_headers=headers, proxy=None, **options)
        return websocket

    @contextlib.contextmanager
    def session(self, bearer: str | None = "", **options: Any) -> Iterator[ClientConnection]:
        """A session that was welcomed, and whose first frames were read."""
        with self.connect(bearer, **options) as websocket:
            until(websocket, "ping")
            yield websocket

    def get(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        request = urllib.request.Request(self.http_url + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def log(self) -> list[dict[str, Any]]:
        return lines(self.folder / "log.jsonl")

    def messages(self) -> list[str]:
        return [line["message"] for line in self.log()]

    def truth(self, kind: str = "connection") -> list[dict[str, Any]]:
        return [line for line in lines(self.folder / "truth.jsonl") if line["kind"] == kind]

    def truth_of_one(self) -> dict[str, Any]:
        """The truth line of the only connection that is over."""
        found: list[dict[str, Any]] = wait_for(self.truth, "a truth line")
        (line,) = found
        return line


def lines(path: Path) -> list[dict[str, Any]]:
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    return [json.loads(line) for line in whole.splitlines()]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "STANDIN_JWT_SECRET": SECRET, **more}


def arguments_for(folder: Path, *arguments: str, floor_ms: float = 0) -> list[str]:
    """The command line of a stand-in whose log, truth and state are in `folder`."""
    files = ["--log", str(folder / "log.jsonl"), "--truth", str(folder / "truth.jsonl")]
    return [*files, "--state-dir", str(folder / "state"), "--welcome-floor-ms", str(floor_ms), *arguments]


class Problems(logging.Handler):
    """What a server would print on its standard error."""

    LOGGERS = ("asyncio", "uvicorn.error")

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[str] = []
        for name in self.LOGGERS:
            logging.getLogger(name).addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(self.format(record))


@contextlib.contextmanager
def serving(folder: Path, *arguments: str, floor_ms: float = 0) -> Iterator[Standin]:
    """A stand-in in a thread of this process, which starts faster than a process."""
    options = read_options(arguments_for(folder, *arguments, floor_ms=floor_ms))
    keys = verification_keys(options, {"STANDIN_JWT_SECRET": SECRET})
    begun: queue.SimpleQueue[tuple[Server, dict[str, Any]]] = queue.SimpleQueue()
    problems = Problems()
    thread = threading.Thread(target=serve, args=(options, keys), kwargs={"on_ready": lambda *a: begun.put(a)})
    thread.start()
    server, ready = begun.get(timeout=PATIENCE_S)
    try:
        yield Standin(ready, folder, server.stop)
    finally:
        server.stop()
        thread.join(PATIENCE_S)
        for name in Problems.LOGGERS:
            logging.getLogger(name).removeHandler(problems)
    assert not thread.is_alive()
    assert not problems.records


class Process(Standin):
    """A stand-in in a process of its own, ended through its standard input."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the stand-in ended before it was ready"
        super().__init__(json.loads(line), folder, lambda: None)

    def stop(self) -> int:
        """Let it end; the exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def process_serving(folder: Path, *arguments: str) -> Iterator[Process]:
    """It must end with status 0 and an empty standard error."""
    command = [sys.executable, "-m", "standin", "--exit-with-stdin", *arguments_for(folder, *arguments)]
    with (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
        )
    with process:
        try:
            server = Process(process, folder)
            yield server
            assert server.stop() == 0
            assert (folder / "stderr").read_bytes() == b""
        finally:
            if process.poll() is None:
                process.kill()


def frame(websocket: ClientConnection, timeout: float = PATIENCE_S) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(websocket.recv(timeout))
    return found


def until(websocket: ClientConnection, kind: str) -> list[dict[str, Any]]:
    """The frames up to and including the first of this type."""
    frames = [frame(websocket)]
    while frames[-1]["type"] != kind:
        frames.append(frame(websocket))
    return frames


def ask(websocket: ClientConnection, message: Any) -> dict[str, Any]:
    """The first frame after this message."""
    websocket.send(message if isinstance(message, str | bytes) else json.dumps(message))
    return frame(websocket)


def is_quiet(websocket: ClientConnection) -> bool:
    """Whether nothing comes for a while."""
    try:
        websocket.recv(QUIET_S)
    except TimeoutError:
        return True
    return False


def answers_protocol_pings(websocket: ClientConnection) -> bool:
    pong: threading.Event = websocket.ping()
    return pong.wait(PATIENCE_S)


def raw_upgrade(server: Standin, bearer: str | None = "", *, context: ssl.SSLContext | None = None) -> socket.socket:
    """A socket on which an upgrade request was sent, and nothing read: for what libraries hide."""
    raw = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
    if context is not None:
        raw = context.wrap_socket(raw, server_hostname="127.0.0.1")
    key = base64.b64encode(os.urandom(16)).decode()
    head = "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    head += f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
    if bearer is not None:
        head += f"Authorization: Bearer {bearer or token()}\r\n"
    raw.sendall((head + "\r\n").encode())
    return raw


def without_tls(raw: socket.socket) -> socket.socket:
    """The TCP socket under a TLS one: CPython's ssl reports a reset as an end of file."""
    if isinstance(raw, ssl.SSLSocket):
        raw = socket.socket(fileno=raw.detach())
        raw.settimeout(PATIENCE_S)
    return raw


def read_until_end(raw: socket.socket) -> bytes:
    """All bytes until the peer closes; a reset raises ConnectionResetError."""
    data = b""
    while chunk := raw.recv(65536):
        data += chunk
    return data


def masked_text(text: str) -> bytes:
    """A short text frame of a client, masked with zeros."""
    payload = text.encode()
    assert len(payload) < 126
    return bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload
