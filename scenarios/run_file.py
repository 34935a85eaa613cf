"""`run.json`: what was planned, started and finished. Written at the start, rewritten whole, never half."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from scenarios.machine.fingerprint import Fingerprint
from scenarios.version import VERSION

FILE_NAME: Final = "run.json"


def iso(instant: datetime) -> str:
    """An instant as `run.json` has it: 2026-11-23T15:45:00.000000Z."""
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")


class TargetFacts(msgspec.Struct, kw_only=True):
    """What was soaked."""

    url: str
    standin: bool
    faults: list[str] = []
    seed: int | None = None


class RelayEntry(msgspec.Struct, kw_only=True):
    """How well a worker's relay kept the delays that were asked of it; null = nothing to tell from.

    Attributes:
        connections, failed: Paths that were asked for, that found no target.
        chunks: Things given on.
        error_p50_ms, error_p99_ms, error_max_ms: How much later than asked they were given on.
        read_p99_ms: How late it was in noticing what had arrived.
        promise_ms: What neither 99th percentile may exceed.
        is_kept: Whether that holds; null below 100 chunks.
    """

    connections: int
    failed: int
    chunks: int
    error_p50_ms: float | None
    error_p99_ms: float | None
    error_max_ms: float | None
    read_p99_ms: float | None
    promise_ms: float
    is_kept: bool | None


class WorkerEntry(msgspec.Struct, kw_only=True):
    """One boot of one load-generating process, as the run's controller knows it.

    Attributes:
        platform: As the rows have it: in a rehearsal the label, where `fingerprint` has the real one.
        fingerprint, versions: Of the platform and the libraries that it runs on; a lost worker's, too.
        relay: The report of its relay; null = it had none, or nobody could ask it.
        reopening_pauses: How often a user of it waited before it connected again because the peer had ended its
            session within a second; null = unknown, or a child process, whose users are its worker's.
        token_waits: How often a user of it waited for a token; null alike.
    """

    worker: str
    host: str
    platform: str
    pid: int | None = None
    fingerprint: Fingerprint | None = None
    versions: dict[str, str] = {}
    relay: RelayEntry | None = None
    reopening_pauses: int | None = None
    token_waits: int | None = None
    clock_offset_s: float | None = None
    rows_written: int | None = None
    lost: bool = False


class AccountingEntry(msgspec.Struct, kw_only=True):
    """The sums that must balance; null = not known (yet)."""

    planned: int | None = None
    skipped: int | None = None
    started: int | None = None
    ok: int | None = None
    timeout: int | None = None
    failed: int | None = None
    aborted: int | None = None
    rows_written: int | None = None
    rows_stored: int | None = None
    balanced: bool | None = None


class RunFile(msgspec.Struct, kw_only=True):
    """The whole of `run.json`.

    Attributes:
        ended: run_time, stopped, signal, crash, or running while it does.
        problems: Sentences; any entry makes the run void.
        notes: Sentences that a reader should know, and that leave it valid.
        accepted_end: That it ended before its planned end, which was allowed; null = it did not, or was not allowed to.
    """

    schema_version: int = 1
    run_id: str
    version: str = VERSION
    command: list[str] = []
    started_at: str
    ended_at: str | None = None
    planned_end_at: str | None = None
    ended: str = "running"
    target: TargetFacts
    plan: dict[str, Any] = {}
    accounting: AccountingEntry = msgspec.field(default_factory=AccountingEntry)
    workers: list[WorkerEntry] = []
    versions: dict[str, str] = {}
    settings: dict[str, Any] = {}
    problems: list[str] = []
    notes: list[str] = []
    accepted_end: str | None = None

    def write(self, folder: Path) -> None:
        """Replace `run.json` in one step: a reader, or a crash, never sees half of it."""
        temporary = folder / (FILE_NAME + ".new")
        with temporary.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(self), indent=2))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / FILE_NAME)


def read_run_file(folder: Path) -> RunFile:
    """Read `run.json` of a run folder.

    Raises:
        OSError: If it cannot be read.
        msgspec.DecodeError: If it is not what this module writes.
    """
    return msgspec.json.decode((folder / FILE_NAME).read_bytes(), type=RunFile)
