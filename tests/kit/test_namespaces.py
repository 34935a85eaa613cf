"""Hosts on a bridge and on the two sides of a router, made for real where they can be."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.kit.children import NotStarted, child
from tests.kit.namespaces import Line, Namespace, hosts, line, why_missing, why_no_line
from tests.kit.trouble import BLACKHOLE, DEAF_CLIENT, DEAF_SERVER, FORGETS, HEALTHY, REFUSED, RESET, Trouble

PORT = 8000
# On the server's host: it says `open` as soon as it listens, gives back what it is sent, and names each connection.
SERVER = f"""
import socket, sys, threading
def serve(connection):
    try:
        while data := connection.recv(100):
            print(data.decode(), flush=True)
            connection.sendall(data)
    except OSError as problem:
        print(type(problem).__name__, flush=True)
listener = socket.create_server((sys.argv[1], {PORT}))
print("open", flush=True)
while True:
    threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
"""
# On the client's host: it sends each word that it reads on the connection that it names, and prints what came of it.
CLIENT = f"""
import socket, sys
connections = {{}}
for line in sys.stdin:
    name, word = line.split()
    try:
        if name not in connections:
            connections[name] = socket.create_connection((sys.argv[1], {PORT}), 0.8)
        connections[name].sendall(word.encode())
        print(connections[name].recv(100).decode(), flush=True)
    except OSError as problem:
        print(type(problem).__name__, flush=True)
"""


@pytest.fixture(scope="module")
def way() -> Iterator[Line]:
    if reason := why_no_line():
        pytest.skip(reason)
    with line() as made:
        yield made


class Talk:
    """A client on one side of the line, and the server on the other."""

    def __init__(self, client: subprocess.Popen[str], server_log: Path) -> None:
        self._client = client
        self._log = server_log

    def says(self, word: str, *, on: str = "a") -> str:
        """What came back on this connection, or the name of what went wrong."""
        assert self._client.stdin is not None and self._client.stdout is not None
        self._client.stdin.write(f"{on} {word}\n")
        self._client.stdin.flush()
        return self._client.stdout.readline().strip()

    def server_has(self, word: str) -> bool:
        return word in self._log.read_text(encoding="utf-8").splitlines()


@contextmanager
def talk(way: Line, folder: Path) -> Iterator[Talk]:
    python = (sys.executable, "-c")
    log = folder / "server.log"
    with ExitStack() as stack:
        stack.enter_context(child(way.server.command(*python, SERVER, way.server.address), log))
        until = time.monotonic() + 30
        while "open" not in log.read_text(encoding="utf-8"):
            assert time.monotonic() < until, log.read_text(encoding="utf-8")
            time.sleep(0.02)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        command = way.client.command(*python, CLIENT, way.server.address)
        client = stack.enter_context(child(command, folder / "client.log", **pipes))
        assert client.stdin is not None
        stack.callback(client.stdin.close)
        stack.callback(way.suffer, HEALTHY)
        yield Talk(client, log)


@pytest.mark.slow
@pytest.mark.parametrize(("trouble", "arrives"), [(BLACKHOLE, False), (DEAF_SERVER, False), (DEAF_CLIENT, True)])
def test_what_is_dropped_on_the_way_is_silence_and_comes_once_the_way_is_healthy(
    trouble: Trouble, arrives: bool, way: Line, tmp_path: Path
) -> None:
    with talk(way, tmp_path) as session:
        assert session.says("one") == "one"
        way.suffer(trouble)
        assert session.says("two") == "TimeoutError"
        assert session.server_has("two") is arrives
        way.suffer(HEALTHY)
        assert session.says("three", on="b") == "three"


@pytest.mark.slow
def test_a_reset_ends_the_connections_that_were_there_and_no_later_one(way: Line, tmp_path: Path) -> None:
    with talk(way, tmp_path) as session:
        assert session.says("one") == "one"
        way.suffer(RESET)
        assert session.says("two") == "ConnectionResetError"
        assert session.says("three", on="b") == "three"
        assert not session.server_has("two")


@pytest.mark.slow
def test_a_way_that_refuses_lets_connections_live_and_none_begin(way: Line, tmp_path: Path) -> None:
    with talk(way, tmp_path) as session:
        assert session.says("one") == "one"
        way.suffer(REFUSED)
        assert session.says("two") == "two"
        assert session.says("three", on="b") == "ConnectionRefusedError"


@pytest.mark.slow
def test_a_firewall_that_forgets_drops_what_comes_after_a_silence_and_lets_others_begin(
    way: Line, tmp_path: Path
) -> None:
    brief = Trouble(FORGETS.rules, {**FORGETS.settings, "net.netfilter.nf_conntrack_tcp_timeout_established": 1})
    with talk(way, tmp_path) as session:
        way.suffer(brief)
        assert session.says("one") == "one"
        # Silence is what is tested here; nothing tells when the kernel has forgotten.
        time.sleep(2)
        assert session.says("two") == "TimeoutError"
        assert session.says("three", on="b") == "three"


def test_hosts_and_lines_are_gone_at_the_end_even_after_an_exception() -> None:
    if reason := why_no_line():
        pytest.skip(reason)
    made: list[Namespace] = []
    with pytest.raises(ZeroDivisionError), line() as way, hosts(2) as machines:
        made += [way.client, way.server, way.router, *machines]
        assert {one.name for one in made} <= set(listed())
        raise ZeroDivisionError
    assert len(made) == 5
    assert not {one.name for one in made} & set(listed())


def listed() -> list[str]:
    """The names of the namespaces that are there."""
    return [path.name for path in Path("/run/netns").glob("*")]


def test_a_rule_that_this_kernel_does_not_know_is_refused_with_its_words(way: Line) -> None:
    with pytest.raises(NotStarted, match="This machine makes no such network: .*no_such_rule"):
        way.suffer(Trouble(("no_such_rule",)))


def test_a_program_that_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tests.kit.programs.SYSTEM", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tests.kit.namespaces.os.geteuid", lambda: 0)
    monkeypatch.setattr("tests.kit.namespaces.sys.platform", "linux")
    assert why_missing("ip", "nft") == "ip is not installed (Debian: apt-get install iproute2)."
    with pytest.raises(NotStarted, match="iproute2"), hosts(1):
        pass


def test_without_root_there_are_no_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.kit.namespaces.os.geteuid", lambda: 1000)
    assert why_missing("ip") == "Network namespaces need Linux and root."
