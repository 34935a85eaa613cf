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


class ClockStep(msgspec.Struct, kw_only=True):
    """A worker's wall clock was set while it measured; its rows were not moved by that.

    Attributes:
        at: When, on the run's time line.
        seconds: By how much; forward above 0.
    """

    at: str
    seconds: float


class ClockEntry(msgspec.Struct, kw_only=True):
    """What a worker's own clock was worth. Its rows, tokens and storms go by the run's clock, which is the master's.

    Attributes:
        offset_s: Its wall clock minus the run's when it began: by so much its rows would have been wrong. null: it is
            the run's own, or the master had not answered yet.
        uncertainty_s: By how much that may be wrong, either way.
        drift_s: What its timer has gained on the run's clock since (lost: below 0), corrected when the rows are stored.
        corrections: In how many pieces.
        steps: How often its wall clock was set meanwhile; the first ones.
        ahead_of_target_s: The run's clock minus the target's, at least and at most, by the Date headers of its answers;
            null: they had none.
    """

    offset_s: float | None = None
    uncertainty_s: float | None = None
    drift_s: float = 0.0
    corrections: int = 0
    steps: list[ClockStep] = []
    ahead_of_target_s: tuple[float, float] | None = None


class WorkerEntry(msgspec.Struct, kw_only=True):
    """One boot of one load-generating process, as the run's controller knows it.

    Attributes:
        platform: As the rows have it: in a rehearsal the label, where `fingerprint` has the real one.
        fingerprint, versions: Of the platform and the libraries that it runs on; a lost worker's, too.
        relay: The report of its relay; null = it had none, or nobody could ask it.
        reopening_pauses: How often a user of it waited before it connected again because the peer had ended its
            session within a second; null = unknown, or a child process, whose users are its worker's.
        token_waits: How often a user of it waited for a token; null alike.
        clock: What its clock was worth.
        clock_offset_s: As `clock` has it.
        users: How many users it ran when the controller last heard of them; null = it never told.
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
    clock: ClockEntry = msgspec.field(default_factory=ClockEntry)
    rows_written: int | None = None
    lost: bool = False
    users: int | None = None


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


class LoadEntry(msgspec.Struct, kw_only=True):
    """Users planned and users that ran, summed over the seconds that count: those behind the ramps.

    Attributes:
        judged_s: How many seconds these are.
        within_s: Of them, those in which the two differed by 5 % at most.
        planned_user_s, ran_user_s: Users times seconds.
    """

    judged_s: float
    within_s: float
    planned_user_s: float
    ran_user_s: float


class ProblemEntry(msgspec.Struct, kw_only=True):
    """What a problem is, beside its sentence: what it would take to disprove it (`attempts.settling`).

    Attributes:
        worker: Of whom it is said; null = of the run.
    """

    kind: str
    worker: str | None = None
    sentence: str


class ResumedEntry(msgspec.Struct, kw_only=True):
    """That another master led the run on (`--resume`).

    Attributes:
        at: Since when.
        gap_s: How long nobody had written `run.json` before that; null = unknown.
        came_back: Workers that it heard of again, by their names.
        stayed_away: Workers of which it heard nothing.
    """

    at: str
    gap_s: float | None = None
    came_back: list[str] = []
    stayed_away: list[str] = []


class SettledEntry(msgspec.Struct, kw_only=True):
    """That the run was held against its rows after its end.

    Attributes:
        complete: Every row of every worker is stored.
        left: The process that led the run was gone before it could say how it ended.
        taken_back: Sentences that were among the problems, and are disproved.
    """

    at: str | None = None
    complete: bool = False
    left: bool = False
    taken_back: list[str] = []


class RunFile(msgspec.Struct, kw_only=True):
    """The whole of `run.json`.

    Attributes:
        ended: run_time, stopped, signal, crash, or running while it does.
        load: Whether the users ran that were planned; null = not known (yet).
        updated_at: When the process that leads the run wrote this; it does so every few seconds.
        users: How many there are to be.
        problems: Sentences; any entry makes the run void.
        notes: Sentences that a reader should know, and that leave it valid.
        accepted_end: That it ended before its planned end, which was allowed; null = it did not, or was not allowed to.
        problem_kinds: Of these, what each is.
        resumed: Each time that another master led the run on.
        settled: Its last count after the end; null = the sums are those of the end.
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
    load: LoadEntry | None = None
    accounting: AccountingEntry = msgspec.field(default_factory=AccountingEntry)
    workers: list[WorkerEntry] = []
    versions: dict[str, str] = {}
    settings: dict[str, Any] = {}
    problems: list[str] = []
    notes: list[str] = []
    accepted_end: str | None = None
    problem_kinds: list[ProblemEntry] = []
    updated_at: str | None = None
    users: int | None = None
    resumed: list[ResumedEntry] = []
    settled: SettledEntry | None = None

    def write(self, folder: Path) -> None:
        """Replace `run.json` in one step: a reader, or a crash, never sees half of it."""
        replace_run_file(folder, self.encoded())

    def encoded(self) -> bytes:
        """The file's content."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)


def replace_run_file(folder: Path, content: bytes) -> None:
    """Put `run.json` there whole, and wait until the disk has it. Blocks.

    Raises:
        OSError: The disk refused.
    """
    temporary = folder / (FILE_NAME + ".new")
    with temporary.open("wb") as file:
        file.write(content)
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
