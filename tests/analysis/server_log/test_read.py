import gzip
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from analysis.server_log.event import Event
from analysis.server_log.lines import LogError
from analysis.server_log.read import BUILT_IN, Counts, open_logs
from tests.analysis.server_log.log_lines import START_S, life, name, record
from tests.analysis.server_log.test_mapping import COMBINED, HAPROXY, NGINX, OWN, UVICORN

LIFE = life(name(), "soak-user-0001", 0.0)
TEXT = [f"{json.loads(line)['timestamp']} INFO {json.loads(line)['message']}".encode() for line in LIFE]

WITH_TOKEN = f'2026-11-30 00:47:58 INFO: 127.0.0.1:50514 - "WebSocket /ws?token={"x" * 1_500}" [accepted]'


def read(tmp_path: Path, content: bytes, *forms: str, suffix: str = "log") -> tuple[list[Event], Counts]:
    path = tmp_path / f"server.{suffix}"
    path.write_bytes(content)
    counts = Counts()
    return list(open_logs([path], forms).events(counts)), counts


@pytest.mark.parametrize(
    ("content", "form", "events"),
    [
        (b"\n".join(LIFE), "json", 6),
        (json.dumps([json.loads(line) for line in LIFE]).encode(), "gcp", 6),
        (json.dumps([json.loads(line) for line in LIFE], indent=2).encode(), "gcp", 6),
        (b"\n".join(TEXT), "text", 6),
        (b"\r\n".join(TEXT), "text", 6),
        (b"\n".join(b"[" + line.replace(b" ", b"] ", 1) for line in TEXT), "text", 6),
        (NGINX.encode(), "nginx", 2),
        (COMBINED.encode(), "nginx", 2),
        (HAPROXY.encode(), "haproxy", 2),
        (UVICORN.encode(), "text", 1),
        (b"\n".join(b"INFO:     " + line for line in TEXT), "text", 6),
        (b"\n".join(b"[DEBUG] [" + line.replace(b" ", b"] ", 1) for line in TEXT), "text", 6),
        (b"\n".join(b"web-1  | " + line for line in TEXT), "text", 6),
        (("\n".join(line.decode() for line in TEXT)).encode("utf-16"), "text", 6),
        (b"no time\n" * 300 + b"\n".join(TEXT), "text", 6),
        (b"PNG \x00\xff\n" * 300, "no known format", 0),
        (f"{WITH_TOKEN}\n".encode(), "text", 1),
        (
            json.dumps({"log": WITH_TOKEN, "stream": "stdout", "time": "2026-11-30T00:47:58.37456789Z"}).encode(),
            "json",
            1,
        ),
    ],
)
def test_a_files_format_is_told_by_its_lines(tmp_path: Path, content: bytes, form: str, events: int) -> None:
    found, counts = read(tmp_path, content)
    assert (len(found), counts.events, counts.formats) == (events, events, {"server.log": form})


def test_each_file_has_a_format_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(b"\n".join(LIFE)))
    (tmp_path / "access.log").write_text(NGINX)
    counts = Counts()
    found = list(open_logs([tmp_path / "app.log.1.gz", tmp_path / "access.log"]).events(counts))
    assert counts.formats == {"app.log.1.gz": "json", "access.log": "nginx"}
    assert Counter(event.stage for event in found) == {
        "accepted": 2, "authenticated": 4, "established": 1, "closed": 1,
    }  # fmt: skip
    assert (counts.first_s, counts.last_s) == (START_S, 1795999678.432)


def test_a_format_that_is_named_is_used(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(OWN)
    found, counts = read(tmp_path, b"2026-11-30T00:47:58Z conn=c1 user=u-1 in ping", str(mine))
    assert (counts.formats, [event.connection for event in found]) == ({"server.log": "mine"}, ["c1"])
    _, counts = read(tmp_path, b"\n".join(LIFE), "haproxy")
    assert (counts.lines, counts.unreadable, counts.tried) == (6, 6, ("haproxy",))
    _, counts = read(tmp_path, b"no log\n")
    assert counts.tried[:3] == BUILT_IN and "nginx" in counts.tried


def test_hostile_lines_are_counted_and_harm_nothing(tmp_path: Path) -> None:
    hostile = [
        b"<script>alert(1)</script>",
        b"\x00\x1b[2J\x07",
        b"\xff\xfe\xfa",
        b'{"message": "' + b"x" * 1_000_000 + b'"}',
        record("x" * 1_000_000),
        b"{" * 5000,
        b'{"timestamp": "2026-09-21T14:14:00Z", "message": "\\ud800"}',
        record("WebSocket authenticated for user: <b>\x1b[2J</b> at 2026"),
        b"",
        b"   ",
    ]
    found, counts = read(tmp_path, b"\n".join([*LIFE, *hostile, *LIFE]))
    assert len(found) == 13
    assert counts.lines == 20
    assert 5 <= counts.unreadable <= 7


def test_a_file_that_is_cut_off_tells_what_it_has(tmp_path: Path) -> None:
    content = gzip.compress(b"\n".join(LIFE * 4_000), compresslevel=1)
    path = tmp_path / "server.log.gz"
    path.write_bytes(content[:-100])
    counts = Counts()
    found = list(open_logs([path]).events(counts))
    assert found
    assert counts.cut[0].startswith("What is behind it is not known: ")
    assert "server.log.gz cannot be read" in counts.cut[0]


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    found, counts = read(tmp_path, b"")
    assert (found, counts) == ([], Counts(formats={"server.log": "empty"}, tried=counts.tried))


def test_a_small_file_that_is_cut_off_tells_what_it_has(tmp_path: Path) -> None:
    found, counts = read(tmp_path, gzip.compress(b"\n".join(LIFE))[:-8], suffix="log.gz")
    assert (len(found), len(counts.cut)) == (6, 1)


def test_files_of_one_name_are_told_apart_and_one_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "server.log" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(b"\n".join(LIFE))
    counts = Counts()
    found = list(open_logs([*paths, tmp_path / "b" / ".." / "a" / "server.log"]).events(counts))
    assert (len(found), counts.formats) == (12, {"a/server.log": "json", "b/server.log": "json"})


def test_a_pipe_is_refused_since_a_log_is_read_more_than_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LogError, match="pipe is no file: a log is read more than once; write it to a file"):
        open_logs([tmp_path / "pipe"])


def test_what_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="is a folder: name the log files in it"):
        open_logs([tmp_path])
    with pytest.raises(LogError, match="nowhere.log cannot be read"):
        open_logs([tmp_path / "nowhere.log"])
    with pytest.raises(
        LogError, match="The log format 'apache' is not known: use one of gcp, json, text, haproxy, nginx"
    ):
        open_logs([], ["apache"])
