"""What docs/server-log.md shows is read as it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from websockets.sync.client import connect

from analysis.server_log.event import STAGES
from analysis.server_log.mapping import GROUPS, read_format
from analysis.server_log.read import BUILT_IN, Counts, open_logs
from tests.conftest import ROOT, wait_for
from tests.kit.children import free_port
from tests.typed import known

PAGE = (ROOT / "docs" / "server-log.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
TABLE = re.findall(r"^\| `(\w+)` \|", PAGE.partition("One real line of each")[0], re.MULTILINE)
# A line of each format, in the order of the table.
LINES = [text for kind, text in BLOCKS if kind in ("json", "text")][1:7]
UVICORNS = json.loads(next(text for _, text in BLOCKS if '"formatters"' in text))
NGINX_FORMAT = known(re.search(r"log_format wsoak (.*?);", PAGE, re.DOTALL))[1]

ECHO = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})
"""


def test_every_format_is_in_the_table() -> None:
    shipped = [path.stem for path in sorted((ROOT / "analysis" / "server_log" / "formats").glob("*.toml"))]
    assert sorted(TABLE) == sorted([*BUILT_IN, *shipped])


@pytest.mark.parametrize(("form", "line"), list(zip(TABLE, LINES, strict=True)))
def test_the_line_that_is_shown_of_each_format_is_one(tmp_path: Path, form: str, line: str) -> None:
    path = tmp_path / "server.log"
    path.write_text(line)
    counts = Counts()
    assert list(open_logs([path], [form]).events(counts))
    assert counts.unreadable == 0


@pytest.mark.slow
def test_uvicorn_writes_what_can_be_read_with_the_configuration_that_is_shown(tmp_path: Path) -> None:
    handler = {**UVICORNS["handlers"]["all"], "class": "logging.FileHandler", "filename": str(tmp_path / "server.log")}
    (tmp_path / "log.json").write_text(json.dumps({**UVICORNS, "handlers": {"all": handler}}))
    (tmp_path / "app.py").write_text(ECHO)
    port = free_port()
    command = [*(sys.executable, "-W", "ignore", "-m", "uvicorn", "app:app", "--port", str(port))]
    server = subprocess.Popen(
        [*command, "--log-config", "log.json"], cwd=tmp_path, env={**os.environ, "TZ": "UTC"}, stderr=subprocess.DEVNULL
    )
    log = tmp_path / "server.log"
    try:
        wait_for(lambda: log.exists() and "running on" in log.read_text(), "uvicorn")
        began_s = time.time()
        with connect(f"ws://127.0.0.1:{port}/ws?token={'x' * 500}") as client:
            local_port = client.socket.getsockname()[1]
            client.send("hello")
            client.recv()
    finally:
        server.terminate()
        server.wait()
    events = list(open_logs([log]).events(Counts()))
    (accepted,) = [event for event in events if event.stage == "accepted"]
    assert accepted.port == local_port
    assert accepted.at_s == pytest.approx(began_s, abs=5.0)
    assert {event.stage for event in events} == {"started", "accepted", "stopping"}


def test_the_format_of_ones_own_can_be_used_as_it_stands(tmp_path: Path) -> None:
    (content,) = [text for kind, text in BLOCKS if kind == "toml"]
    lines = next(text for kind, text in BLOCKS if "conn=c1" in text and kind == "text").splitlines()
    path = tmp_path / "mine.toml"
    path.write_text(content)
    mine = read_format(path)
    assert [known(mine.events_of(line))[0].stage for line in lines] == ["request", "reply"]


def test_every_stage_and_group_is_explained() -> None:
    section = PAGE.partition("## A format of your own")[2].partition("\n## ")[0]
    assert not [word for word in (*STAGES, *GROUPS) if f"`{word}`" not in section]
