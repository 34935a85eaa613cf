"""The server's log of real soaks, held against what really happened; and nginx's log of a real nginx."""

from __future__ import annotations

import bz2
import gzip
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import orjson
import pandas as pd
import pytest

from analysis.runs.dataset import attempts_table, open_runs
from analysis.server_log.gathered import gathered
from analysis.server_log.join import Joined, joined
from analysis.server_log.look import look
from analysis.server_log.read import Counts, open_logs
from analysis.server_log.waits import Connect, waits_of
from tests.analysis.server_log.test_page import NGINX_FORMAT
from tests.conftest import Soak
from tests.kit.children import echo_server
from tests.kit.proxies import Haproxy, Nginx, Proxy, proxy_before, why_missing
from tests.typed import known

LOAD = ("--headless", "--only-summary", "--users", "12", "--spawn-rate", "12", "--run-time", "20s")
BUDGETS = ("--connect-budget-s", "1", "--exchange-budget-s", "1", "--close-budget-s", "1", "--peer-check-s", "0.3")
SHORT = ("--scenario", "churn=1", "--pace-s", "0.2", "--churn-exchanges", "2")
FAULTS = "silent_upgrade:share=0.05 slow_welcome:share=0.1,delay=4 stalled_reply:share=0.1,delay=4 quota:limit=30"
AHEAD_S = 30.0
NGINX = " ".join(NGINX_FORMAT.split())

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Truth(NamedTuple):
    """Connections of the stand-in's own account, but those that were silenced before they had a line in the log."""

    by_id: dict[str, int]
    accepted_s: list[float]
    ids: list[str | None]
    ports: list[int | None]
    subjects: list[str | None]

    def of(self, connect: Connect) -> int | None:
        """Which of them a connect really was; None: it never reached the server, or it cannot be told."""
        if connect.named:
            return self.by_id[connect.named]
        own = self.subjects if connect.port is None else self.ports
        key = connect.subject if connect.port is None else connect.port
        until_s = connect.answered_s or connect.until_s
        fitting = [
            place
            for place, mine in enumerate(own)
            if mine == key and connect.from_s - 0.01 <= self.accepted_s[place] <= until_s + 0.01
        ]
        return fitting[0] if len(fitting) == 1 else None


def truth_of(folder: Path) -> Truth:
    table = pd.read_parquet(folder / "truth.parquet")
    table = table[(table["kind"] == "connection") & (table["fault"] != "silent_upgrade")]
    rows = table.to_dict("records")
    ids = [row["server_connection_id"] if isinstance(row["server_connection_id"], str) else None for row in rows]
    return Truth(
        by_id={name: place for place, name in enumerate(ids) if name},
        accepted_s=[row["opened_at"] / 1e6 for row in rows],
        ids=ids,
        ports=[None if pd.isna(row["client_port"]) else int(row["client_port"]) for row in rows],
        subjects=[row["subject"] if isinstance(row["subject"], str) else None for row in rows],
    )


def spoilt(lines: list[bytes], rng: random.Random) -> list[bytes]:
    """As an export on another day has it: clocks apart, 5 % of the lines missing, the rest shuffled."""
    found = []
    for line in lines:
        if rng.random() < 0.05:
            continue
        entry = orjson.loads(line)
        at = pd.Timestamp(entry["timestamp"]) + pd.Timedelta(seconds=AHEAD_S)
        # The id embeds the second of the accept, by the same clock.
        message = re.sub(
            r"(ws_\S+?_)(\d{10})(_[0-9a-f]{8})",
            lambda match: f"{match[1]}{int(match[2]) + int(AHEAD_S)}{match[3]}",
            entry["message"],
        )
        found.append(orjson.dumps({**entry, "timestamp": at.isoformat(), "message": message}))
    rng.shuffle(found)
    return found


def rotated(lines: list[bytes], folder: Path) -> list[Path]:
    """Three files, as rotation leaves them: the oldest packed, in no order."""
    third = len(lines) // 3
    parts = [b"\n".join(part) + b"\n" for part in (lines[:third], lines[third : 2 * third], lines[2 * third :])]
    files = [folder / "server.log.1.gz", folder / "server.log", folder / "server.log.2.bz2"]
    packed = gzip.compress(parts[0]), parts[1], bz2.compress(parts[2])
    for file, part in zip(files, packed, strict=True):
        file.write_bytes(part)
    return files


def join_of(folder: Path, files: list[Path]) -> tuple[tuple[Connect, ...], Joined]:
    connects = waits_of(attempts_table(open_runs([folder]))).connects
    return connects, joined(gathered(open_logs(files).events(Counts()), connects), connects)


def assert_joined(
    connects: tuple[Connect, ...], found: Joined, truth: Truth, *, ahead_s: float = 0.0, least: float = 0.99
) -> None:
    real = {place: truth.of(connect) for place, connect in enumerate(connects)}
    reached = [place for place, true in real.items() if true is not None]
    assert len(reached) > 100
    for place, seen in found.seen.items():
        true = real[place]
        assert true is not None, connects[place]
        if truth.ids[true] is not None and place in found.sessions:
            name = found.sessions[place]
            assert name.rsplit("_", 1)[1] == known(truth.ids[true]).rsplit("_", 1)[1]
        if "port" in seen.by:
            assert known(seen.accepted_s) - ahead_s == pytest.approx(truth.accepted_s[true], abs=0.3)
    joined_of = sum(place in found.seen for place in reached)
    assert joined_of >= least * len(reached), f"{joined_of} of {len(reached)}"


def test_the_log_of_a_soak_is_joined_to_its_attempts_and_to_no_others(
    start_soak: Callable[..., Soak], tmp_path: Path
) -> None:
    soak = start_soak(*LOAD, *BUDGETS, *SHORT, "--fault", FAULTS, "--no-analysis", "--subjects", "200")
    soak.end()
    truth = truth_of(soak.folder)
    log = soak.folder / "standin.log"
    connects, found = join_of(soak.folder, [log])
    assert_joined(connects, found, truth)
    said = look(open_logs([log]), attempts_table(open_runs([soak.folder])))
    assert said.says["was_slow"] + said.says["not_taken_up"] >= 0.9 * len(said.told) > 20, said.says
    assert {"not_seen", "established", "request_seen"} <= set(said.rungs)

    rng = random.Random(1)
    moved = spoilt(log.read_bytes().splitlines(), rng)
    connects = tuple(
        connect._replace(named=None if connect.named is None else _moved(connect.named)) for connect in connects
    )
    files = rotated(moved, tmp_path)
    again = joined(gathered(open_logs(files).events(Counts()), connects), connects)
    assert again.clocks.overall.offset_s == pytest.approx(AHEAD_S, abs=again.clocks.overall.error_s)
    truth = truth._replace(
        by_id={_moved(name): place for name, place in truth.by_id.items()},
        ids=[None if name is None else _moved(name) for name in truth.ids],
    )
    assert_joined(connects, again, truth, ahead_s=AHEAD_S)


def _moved(name: str) -> str:
    user, second, tail = name.rsplit("_", 2)
    return f"{user}_{int(second) + int(AHEAD_S)}_{tail}"


@pytest.mark.long
def test_behind_the_relay_users_and_times_tell_whose_line_it_is(start_soak: Callable[..., Soak]) -> None:
    fault = "slow_welcome:share=0.2,delay=4"
    options = ("--fault", fault, "--no-analysis", "--subjects", "200", "--delay-ms", "0,80")
    soak = start_soak(*LOAD, *BUDGETS, *SHORT, *options)
    soak.end()
    connects, found = join_of(soak.folder, [soak.folder / "standin.log"])
    assert not any(connect.port for connect in connects)
    assert_joined(connects, found, truth_of(soak.folder), least=0.98)


@pytest.mark.parametrize(
    ("proxy", "file"),
    [
        (Nginx(log_format=NGINX), "access.log"),
        pytest.param(Haproxy(), "haproxy.log", marks=pytest.mark.long),
    ],
    ids=["nginx", "haproxy"],
)
def test_a_proxys_own_log_is_joined_by_ports_and_read_at_the_end_of_the_run(
    start_soak: Callable[..., Soak], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: Proxy, file: str
) -> None:
    if reason := why_missing(proxy):
        pytest.skip(reason)
    monkeypatch.setenv("TZ", "UTC")  # haproxy writes local times, and no zone
    folder = tmp_path / "proxy"
    folder.mkdir()
    with echo_server("silent_upgrade_fifth", folder) as upstream, proxy_before(upstream, proxy, folder) as port:
        log = folder / file
        target = ("--host", f"ws://127.0.0.1:{port}/ws", "--protocol", "echo")
        environment = {"SOAK_ALLOWED_HOSTS": "127.0.0.1", "SOAK_JWT_SECRET": "a-secret-of-the-tests-32-bytes-or-more"}
        soak = start_soak(*LOAD, *BUDGETS, *SHORT, *target, "--server-log", str(log), environment=environment)
        _, output = soak.end()
    said = soak.verdict()["server_log"]
    assert said["files"] == [{"name": file, "format": proxy.program}]
    ready = said["complete"]["ready"]
    assert ready["found"] >= 0.99 * ready["n"] > 100
    assert said["joined"]["ambiguous"] == 0
    assert abs(said["clock"]["offset_s"]) <= said["clock"]["error_s"] <= 0.1
    # nginx writes at once that the client has left; haproxy may go on waiting, and its line comes later.
    right = {"was_slow"} if proxy.program == "nginx" else {"was_slow", "unclear"}
    assert sum(said["says"].get(one, 0) for one in right) >= 0.9 * said["waits"] > 5, said["says"]
    assert "By the server's log, of " in output
    connects, found = join_of(soak.folder, [log])
    for place, seen in found.seen.items():
        assert connects[place].from_s - 0.05 <= known(seen.accepted_s) <= connects[place].until_s + 0.05
