from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pyarrow.parquet as pq
import pytest

from attempts.locks import leader_lock, only_process
from attempts.manifest import read_manifest, write_manifest
from attempts.spool.recorder import Recorder
from attempts.spool.spool import Spool
from attempts.store import compaction
from attempts.store.__main__ import _follow as follow_to_end
from attempts.store.__main__ import main, pass_interval_s
from attempts.store.segment_store import Store
from tests.attempts.recording import connection_facts, exchange, record, worker_facts

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "attempts.store"]


def run_store(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, cwd=ROOT, check=False)


def follow(run: Path) -> subprocess.Popen[str]:
    command = [*COMMAND, str(run), "--follow", "--every-s", "0.1"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def summary_of(output: str) -> dict[str, Any]:
    return msgspec.json.decode(output.splitlines()[-1], type=dict[str, Any])


def wait_for(condition: Callable[[], bool], what: str, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def rows_in(run: Path) -> int:
    return sum(pq.read_metadata(path).num_rows for path in (run / "attempts").glob("*.parquet"))


def test_run_whose_rows_are_all_there_is_stored_with_exit_status_0(tmp_path: Path) -> None:
    record(tmp_path / "spool", 3)
    (tmp_path / "truth.jsonl").write_text('{"fault": "reset"}\n', encoding="utf-8")
    ran = run_store(tmp_path)
    assert ran.returncode == 0
    assert summary_of(ran.stdout) == {
        "rows_stored": 3,
        "health_rows": 1,
        "dropped_bytes": 0,
        "missing_rows": 0,
        "gaps": [],
        "outcomes": {"ok": 3},
        "workers": {"w0": {"rows_stored": 3, "rows_written": 3, "tally": None, "is_whole": True}},
        "last_at": "2025-11-24T16:00:00.000002Z",
        "truth_rows": 1,
        "notes": [],
        "problems": [],
    }
    assert ran.stderr == ""
    assert list((tmp_path / "spool").iterdir()) == []


def test_missing_rows_are_exit_status_3(tmp_path: Path) -> None:
    record(tmp_path / "spool", 3, close=False)
    ran = run_store(tmp_path)
    assert ran.returncode == 3
    assert len(summary_of(ran.stdout)["problems"]) == 1


def test_a_reader_that_has_left_does_not_stop_the_rows(tmp_path: Path) -> None:
    record(tmp_path / "spool", 3)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nobody_reads:
        ran = subprocess.run(
            [*COMMAND, str(tmp_path)], stdout=nobody_reads, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False
        )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert rows_in(tmp_path) == 3


def test_a_run_folder_that_cannot_be_written_to_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "attempts").mkdir()
    (tmp_path / "spool").write_text("a file where a folder should be")
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"{tmp_path} cannot be written to (File exists): the rows are stored in the run's own folder.\n"
    )


def test_ctrl_c_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    record(tmp_path / "spool", 3)
    monkeypatch.setattr("attempts.store.__main__._store", interrupted)
    assert main([str(tmp_path)]) == 3
    assert "no row was removed" in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_folder_that_is_no_run_is_exit_status_2_and_one_sentence(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    ran = run_store(tmp_path / folder)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr.count("\n") == 1
    assert "is no run folder" in ran.stderr
    assert not (tmp_path / "nowhere").exists()
    assert list((tmp_path / "empty").iterdir()) == []


def test_second_store_in_a_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    with only_process(tmp_path / "spool" / "store.lock") as is_mine:
        assert is_mine
        ran = run_store(tmp_path)
    assert ran.returncode == 2
    assert "Another store is at work" in ran.stderr


def test_foreign_parquet_is_a_sentence_and_exit_status_3(tmp_path: Path) -> None:
    (tmp_path / "attempts").mkdir()
    (tmp_path / "attempts" / "part-00000.parquet").write_bytes(b"no Parquet")
    ran = run_store(tmp_path)
    assert ran.returncode == 3
    assert "move it away" in summary_of(ran.stdout)["problems"][0]
    assert ran.stderr == ""


FULL_DISK = """
import resource, sys
from attempts.store.__main__ import main
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE is POSIX")
def test_full_disk_is_a_sentence_and_no_segment_is_removed(tmp_path: Path) -> None:
    record(tmp_path / "spool", 3)
    ran = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert ran.returncode == 3
    (problem,) = summary_of(ran.stdout)["problems"]
    assert "File too large" in problem
    assert "run it again" in problem
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["w0-000000.spool"]
    assert run_store(tmp_path).returncode == 0


@pytest.mark.parametrize("end", ["stdin", "file", "sigterm"])
def test_follow_stores_while_the_run_goes_on_and_ends_when_told(tmp_path: Path, end: str) -> None:
    if end == "sigterm" and os.name == "nt":
        pytest.skip("SIGTERM ends a process on Windows without asking it")
    spool = Spool(tmp_path / "spool", segment_age_s=0.0)
    recorder = Recorder(spool, worker_facts())
    facts = recorder.connection(connection_facts())
    store = subprocess.Popen(
        [*COMMAND, str(tmp_path), "--follow", "--every-s", "0.1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with store:
        recorder.write(exchange(facts))
        spool.flush()
        wait_for(lambda: rows_in(tmp_path) == 1, "the first row is stored while the run goes on")
        recorder.write(exchange(facts))
        spool.flush()
        wait_for(lambda: rows_in(tmp_path) == 2, "the second too")
        recorder.write(exchange(facts))
        spool.close()
        assert store.stdin is not None and store.stdout is not None
        if end == "stdin":
            store.stdin.close()
        elif end == "file":
            (tmp_path / "spool" / "END").touch()
        else:
            store.send_signal(signal.SIGTERM)
        summary = summary_of(store.stdout.read())
    assert store.returncode == 0
    assert summary["rows_stored"] == 3
    assert summary["problems"] == []
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_following_store_serves_what_it_stores(tmp_path: Path) -> None:
    record(tmp_path / "spool", 3)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*COMMAND, str(tmp_path), "--follow", "--every-s", "0.1", "--prometheus", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as store:
        assert store.stdin is not None and store.stdout is not None

        def is_counted() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                    lines = answer.read().decode().splitlines()
            except urllib.error.URLError:  # not there yet
                return False
            return any(line.startswith("wsoak_attempts_total{") and line.endswith(" 3.0") for line in lines)

        wait_for(is_counted, "the rows are on the page")
        store.stdin.close()
        assert summary_of(store.stdout.read())["rows_stored"] == 3
    assert store.returncode == 0


def test_a_port_for_metrics_that_is_taken_is_exit_status_2_and_one_sentence(tmp_path: Path) -> None:
    record(tmp_path / "spool", 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        at = f"127.0.0.1:{taken.getsockname()[1]}"
        ran = run_store(tmp_path, "--follow", "--prometheus", at)
    assert ran.returncode == 2
    assert ran.stderr.startswith(f"--prometheus {at} cannot be listened on (") and ran.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C cannot be sent to one process there")
def test_following_store_leaves_ctrl_c_to_the_run(tmp_path: Path) -> None:
    record(tmp_path / "spool", 1)
    with subprocess.Popen(
        [*COMMAND, str(tmp_path), "--follow", "--every-s", "0.1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as store:
        wait_for(lambda: rows_in(tmp_path) == 1, "the store works")
        store.send_signal(signal.SIGINT)
        assert store.stdin is not None and store.stdout is not None
        record(tmp_path / "spool", 1, worker="w1")
        store.stdin.close()
        assert summary_of(store.stdout.read())["rows_stored"] == 2
    assert store.returncode == 0


def test_killed_following_store_is_simply_run_again(tmp_path: Path) -> None:
    record(tmp_path / "spool", 2)
    with subprocess.Popen(
        [*COMMAND, str(tmp_path), "--follow", "--every-s", "0.1"], stdin=subprocess.PIPE, cwd=ROOT
    ) as store:
        wait_for(lambda: rows_in(tmp_path) == 2, "the store works")
        store.kill()
    record(tmp_path / "spool", 2, worker="w1")
    ran = run_store(tmp_path)
    assert ran.returncode == 0
    assert summary_of(ran.stdout)["rows_stored"] == 4


def test_a_following_store_joins_what_its_passes_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "EVERY_S", 0.0)
    monkeypatch.setattr(os, "nice", lambda _: 0, raising=False)
    store = Store(tmp_path)
    passes = iter(range(5))

    def is_over(_: float) -> bool:
        number = next(passes)
        record(tmp_path / "spool", 1, worker=f"w{number}")
        return number == 4

    follow_to_end(store, every_s=None, is_over=is_over)
    assert rows_in(tmp_path) == 4
    assert len(list((tmp_path / "attempts").iterdir())) < 4


@pytest.mark.slow
def test_a_following_store_gives_back_what_a_large_pass_took(tmp_path: Path) -> None:
    """Passes grow with the run: kept, their memory looked like a leak of 170 MB an hour."""
    record(tmp_path / "spool", 10)
    with follow(tmp_path) as store:
        wait_for(lambda: rows_in(tmp_path) == 10, "the first pass")
        process = psutil.Process(store.pid)
        before = process.memory_info().rss
        record(tmp_path / "spool", 150_000, worker="w1")
        wait_for(lambda: rows_in(tmp_path) == 150_010, "the large pass")
        limit = before + 90 * 2**20
        wait_for(lambda: process.memory_info().rss < limit, "its memory is given back")
        assert store.stdin is not None and store.stdout is not None
        store.stdin.close()
        assert summary_of(store.stdout.read())["rows_stored"] == 150_010


@pytest.mark.parametrize("interval", ["0", "-1", "soon", "inf", "nan"])
def test_impossible_interval_is_exit_status_2(tmp_path: Path, interval: str) -> None:
    (tmp_path / "spool").mkdir()
    ran = run_store(tmp_path, "--follow", f"--every-s={interval}")
    assert ran.returncode == 2
    assert f"'{interval}' is no number of seconds above 0" in ran.stderr


@pytest.mark.parametrize(("elapsed_s", "interval_s"), [(0, 3), (180, 3), (600, 10), (7200, 120), (86400, 120)])
def test_passes_grow_with_the_run(elapsed_s: float, interval_s: float) -> None:
    assert pass_interval_s(elapsed_s) == interval_s


LOST = {
    "run_id": "run-1",
    "ended": "running",
    "workers": [{"worker": "w0", "host": "h", "platform": "Linux", "lost": True}],
    "problems": ["Worker w0 was lost."],
    "problem_kinds": [{"kind": "worker_lost", "worker": "w0", "sentence": "Worker w0 was lost."}],
}


def test_rows_that_came_home_settle_what_the_run_says_of_itself(tmp_path: Path) -> None:
    write_manifest(tmp_path, LOST)
    record(tmp_path / "spool", 2)
    assert main([str(tmp_path)]) == 0
    run = read_manifest(tmp_path)
    assert (run["problems"], run["workers"][0]["lost"], run["workers"][0]["rows_written"]) == ([], False, 2)
    assert run["accounting"]["rows_stored"] == 2
    assert (run["ended"], run["ended_at"]) == ("crash", "2025-11-24T16:00:00.000001Z")
    assert run["settled"]["complete"]


def test_a_run_that_is_still_led_is_its_leaders_to_settle(tmp_path: Path) -> None:
    write_manifest(tmp_path, LOST)
    record(tmp_path / "spool", 2)
    with only_process(leader_lock(tmp_path)):
        assert run_store(tmp_path).returncode == 0
    assert read_manifest(tmp_path) == LOST
