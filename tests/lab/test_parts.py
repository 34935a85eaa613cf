"""A row's part, started: where a soak goes, whence, and what is done to it in mid-run."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from lab.parts import Place, started, why_not
from lab.rows import Setup
from lab.rows.row import Spell
from tests.kit import namespaces
from tests.kit.node_packages import node_modules
from tests.kit.proxies import Nginx
from tests.kit.trouble import BLACKHOLE, REFUSED

BEARER = {"Authorization": "Bearer a.b.c"}
# One exchange from the host on which it runs; its output is what went wrong.
EXCHANGE = """
import sys
from websockets.sync.client import connect
bearer = {"Authorization": "Bearer a.b.c"}
try:
    with connect(sys.argv[1], additional_headers=bearer, proxy=None, open_timeout=2) as session:
        session.send("1")
        print(session.recv(timeout=30))
except OSError as problem:
    print(type(problem).__name__)
"""
PATIENCE_S = 30.0


def exchanged(place: Place) -> str:
    """What came of one exchange from where a soak would be."""
    assert place.host is not None
    command = place.host.command(sys.executable, "-c", EXCHANGE, place.url)
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def needs(setup: Setup) -> Setup:
    if reason := why_not(setup):
        pytest.skip(reason)
    return setup


def test_what_a_part_needs_and_is_not_here_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tests.kit.programs.SYSTEM", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tests.kit.namespaces.os.geteuid", lambda: 0)
    namespaces.why_no_line.cache_clear()
    node_modules.cache_clear()
    try:
        assert why_not(Setup()) == ""
        assert why_not(Setup(spell=Spell())) == "ip is not installed (Debian: apt-get install iproute2)."
        assert why_not(Setup(proxy=Nginx())) == "nginx is not installed (Debian: apt-get install nginx)."
        assert why_not(Setup(maker="ws")) == "node is not installed (Debian: apt-get install nodejs)."
    finally:
        namespaces.why_no_line.cache_clear()


def test_a_server_on_another_host_is_reached_from_the_clients_host(tmp_path: Path) -> None:
    with started(needs(Setup(spell=Spell())), tmp_path) as place:
        assert place.url.startswith(f"ws://{place.address}:")
        assert exchanged(place) == "1"
        assert place.tokens.read_text(encoding="ascii") == "a.b.c\n"
    assert place.schedule.why_not_done() == ""


def test_trouble_without_a_start_is_there_from_the_start(tmp_path: Path) -> None:
    with started(needs(Setup(spell=Spell(REFUSED))), tmp_path) as place:
        assert exchanged(place) == "ConnectionRefusedError"


def test_trouble_comes_after_the_first_session_and_goes(tmp_path: Path) -> None:
    with started(needs(Setup(spell=Spell(BLACKHOLE, 0.1, 3600))), tmp_path) as place:
        assert exchanged(place) == "1"
        until = time.monotonic() + PATIENCE_S
        while exchanged(place) != "TimeoutError":
            assert time.monotonic() < until
    assert "3600.1 s after" in place.schedule.why_not_done()
    with started(Setup(spell=Spell(BLACKHOLE, 0.1, 0.1)), tmp_path) as place:
        until = time.monotonic() + PATIENCE_S
        while place.schedule.why_not_done():
            assert time.monotonic() < until
            time.sleep(0.02)
        assert exchanged(place) == "1"


def test_nginx_is_reloaded_after_the_first_session(tmp_path: Path) -> None:
    setup = needs(Setup(proxy=Nginx(shutdown_timeout_s=1), reload_at_s=0))
    with (
        started(setup, tmp_path) as place,
        pytest.raises(ConnectionClosedError, match="no close frame received"),
        connect(place.url, additional_headers=BEARER, proxy=None) as session,
    ):
        session.recv(timeout=30)
    assert place.schedule.why_not_done() == ""
