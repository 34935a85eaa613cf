from __future__ import annotations

import json
from pathlib import Path

import msgspec

from scenarios.machine.fingerprint import fingerprint, library_versions
from scenarios.run_file import RelayEntry, RunFile, TargetFacts, WorkerEntry, read_run_file

RELAY = RelayEntry(
    connections=3,
    failed=0,
    chunks=120,
    error_p50_ms=0.3,
    error_p99_ms=1.2,
    error_max_ms=2.0,
    read_p99_ms=0.9,
    promise_ms=5.0,
    is_kept=True,
)


def run_file(worker: WorkerEntry) -> RunFile:
    return RunFile(
        run_id="r1",
        started_at="2026-11-23T15:45:00Z",
        target=TargetFacts(url="ws://h/ws", standin=True),
        workers=[worker],
    )


def test_a_workers_platform_libraries_and_relay_are_read_as_they_were_written(tmp_path: Path) -> None:
    here = fingerprint()
    worker = WorkerEntry(
        worker="w",
        host=here.host,
        platform=here.platform,
        fingerprint=here,
        versions=library_versions(),
        relay=RELAY,
    )
    run_file(worker).write(tmp_path)
    assert read_run_file(tmp_path).workers == [worker]
    written = json.loads((tmp_path / "run.json").read_text())["workers"][0]
    assert written["fingerprint"]["tcp"]["time_wait_s"] == here.tcp.time_wait_s
    assert written["relay"]["error_p99_ms"] == 1.2


def test_a_run_of_before_there_were_fingerprints_can_still_be_read(tmp_path: Path) -> None:
    run_file(WorkerEntry(worker="w", host="h", platform="Linux")).write(tmp_path)
    plain = json.loads((tmp_path / "run.json").read_text())
    for name in ("fingerprint", "versions", "relay"):
        del plain["workers"][0][name]
    (tmp_path / "run.json").write_bytes(msgspec.json.encode(plain))
    worker = read_run_file(tmp_path).workers[0]
    assert (worker.fingerprint, worker.versions, worker.relay) == (None, {}, None)
