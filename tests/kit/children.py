"""Servers as child processes: started, waited for until they listen, and stopped by their own id."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# Generous: a machine may be ten times slower than the one these servers were written on.
PATIENCE_S = 30.0
STOP_S = 5.0
LOOPBACK = "127.0.0.1"


class NotStarted(RuntimeError):
    """A server did not come up; the text says what it said."""


@contextlib.contextmanager
def child(command: Sequence[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process from the repository's root whose output goes into a file; it is stopped at the end."""
    with log.open("a", encoding="utf-8") as output:
        given = {"stdout": output, "stderr": output, "stdin": subprocess.DEVNULL, "text": True, "cwd": ROOT, **options}
        process: subprocess.Popen[str] = subprocess.Popen(command, **given)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


@contextlib.contextmanager
def echo_server(mode: str, folder: Path, *options: str, environment: dict[str, str] | None = None) -> Iterator[int]:
    """The port of an echo server in this mode (`tests.kit.echo_server`); its log goes into the folder.

    Raises:
        NotStarted: It ended instead.
    """
    command = [sys.executable, "-m", "tests.kit.echo_server", mode, *options]
    with server(command, folder, environment=environment) as port:
        yield port


@contextlib.contextmanager
def server(command: Sequence[str], folder: Path, *, environment: dict[str, str] | None = None) -> Iterator[int]:
    """The port of a server that prints it as soon as it listens; its log goes into the folder.

    Raises:
        NotStarted: It ended instead.
    """
    log = folder / "server.log"
    variables = {**os.environ, **(environment or {})}
    with child(command, log, stdout=subprocess.PIPE, env=variables) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            raise NotStarted(f"The server ended at once ({' '.join(command)}): {log.read_text(encoding='utf-8')}")
        yield int(port)


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        return int(found.getsockname()[1])


def wait_until_it_listens(process: subprocess.Popen[str], port: int, log: Path) -> None:
    """Return as soon as the port takes connections.

    Raises:
        NotStarted: The process ended, or took too long.
    """
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection((LOOPBACK, port), PATIENCE_S):
            return
        time.sleep(0.02)
    raise NotStarted(f"Nothing listens on port {port}: {log.read_text(encoding='utf-8')}")
