"""A real relay as a process of its own, and what it answers."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scenarios.evidence.sample import TcpSample
from scenarios.relay.protocol import RelayReply, connect_request, read_reply
from scenarios.relay.question import question, read_answer

DEADLINE_S = 30.0


class RunningRelay:
    """A relay process that has said it is ready."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "scenarios.relay", "--exit-with-stdin", *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        ready = json.loads(line)
        assert ready["event"] == "ready"
        self.address: tuple[str, int] = (ready["host"], ready["port"])

    def end(self) -> tuple[int, dict[str, Any], str]:
        """Close its input: exit status, last line, errors."""
        out, errors = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, json.loads(out.splitlines()[-1]), errors

    def ask(self, host: str, port: int, *, delay_s: float = 0.0, seed: int = 0) -> tuple[socket.socket, RelayReply]:
        sock = socket.create_connection(self.address, timeout=DEADLINE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            sock.sendall(connect_request(host, port, delay_s=delay_s, seed=seed))
            received = b""
            while (reply := read_reply(received)) is None:
                data = sock.recv(4096)
                assert data, "the relay closed without an answer"
                received += data
        except BaseException:
            sock.close()
            raise
        return sock, reply

    def way_of(self, port: int) -> TcpSample | None:
        """What it says of the connection that comes from a port."""
        with socket.create_connection(self.address, timeout=DEADLINE_S) as sock:
            sock.sendall(question(port))
            received = b""
            while data := sock.recv(4096):
                received += data
        assert received.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 404 "))
        return read_answer(received)

    def report(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.address[1]}/report", timeout=DEADLINE_S) as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found


@contextmanager
def relay(*arguments: str) -> Iterator[RunningRelay]:
    running = RunningRelay(*arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.communicate()
