"""One run as its controller sees it: the folder, the processes beside the users, and how it ends.

The order of the end is the point: the users have stopped and their rows are on disk before the stand-in
goes; the stand-in's truth is whole before the store closes; `run.json` says all that is known before the
analysis reads it. Whatever fails on the way becomes a sentence in `problems`, and the run is void.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from attempts import accounting
from attempts.schema import OUTCOMES
from scenarios.control.child_process import Child, module_command, start_child
from scenarios.credentials.jwt import load_key
from scenarios.errors import ConfigError, HarnessError
from scenarios.exit_codes import EXIT_MET, EXIT_VOID
from scenarios.options import Settings
from scenarios.run_file import AccountingEntry, RunFile, TargetFacts, WorkerEntry

# Storing a day's last segments and analysing some 10^8 rows take minutes on two cores; past this
# something hangs, and a hanging CI job tells less than a void run.
STORE_TIMEOUT_S: Final = 1800.0
ANALYSIS_TIMEOUT_S: Final = 1800.0
# The stand-in logs two lines a message as the real one does: 300 MB in ten minutes at 300 users. In longer
# runs it leaves these out.
MESSAGE_LOG_S: Final = 600.0


def new_run_id(now: datetime) -> str:
    """A folder name that sorts by time and does not collide: 20261123T154500Z-1f2e."""
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(kw_only=True)
class LiveRun:
    """A run between its start and its verdict.

    Attributes:
        folder: `reports/<run_id>`.
        file: What `run.json` says.
        standin, store: The processes beside the users, those that this run needs.
        exit_status: Of the run; None until it is finished.
        last_words: What the analysis said; shown when Locust has printed its tables.
    """

    folder: Path
    file: RunFile
    settings: Settings
    standin: Child | None = None
    store: Child | None = None
    exit_status: int | None = None
    last_words: str = ""
    planned_end: datetime | None = None
    _said: set[str] = field(default_factory=set)

    @property
    def run_id(self) -> str:
        """Name of the folder."""
        return self.file.run_id

    def problem(self, sentence: str) -> None:
        """Remember what makes the run void; the first time also on the screen."""
        if sentence not in self._said:
            self._said.add(sentence)
            self.file.problems.append(sentence)
            print(f"wsoak: VOID: {sentence}", file=sys.stderr, flush=True)

    def start_store(self) -> None:
        """Start the process that turns spool segments into Parquet while the run goes on."""
        self.store = start_child(
            "store", module_command("attempts.store", str(self.folder), "--follow"), wait_ready=False
        )

    def watch(self) -> bool:
        """Whether the processes beside the users still live; call it every second or so."""
        ended = [c for c in (self.standin, self.store) if c is not None and c.exit_status is not None]
        for child in ended:
            self.problem(f"The {child.name} ended during the run (exit status {child.exit_status}).")
        return not ended

    def finish(
        self, *, ended: str, workers: Sequence[WorkerEntry], tallies: Sequence[Mapping[str, int]], now: datetime
    ) -> int:
        """Close everything in order, store, account, analyse. Returns the exit status of the contract.

        Args:
            ended: run_time, stopped, signal or crash.
            workers: All load-generating processes that took part, the lost ones marked.
            tallies: The counts of each (`plan.Tally` as a mapping), of those that could tell.
            now: When the users had stopped.
        """
        self.watch()
        self.file.ended, self.file.ended_at = ended, _iso(now)
        self.file.workers = list(workers)
        if self.standin is not None:
            self._stop(self.standin)
        stored = self._finish_store()
        sums = account(tallies, workers, stored)
        self.file.accounting = _as_entry(sums)
        for sentence in sums.imbalances:
            self.problem(f"The accounting does not balance: {sentence}")
        if not sums.started:
            self.problem("No attempt was started, or nobody knows of one: there is nothing to judge.")
        self.file.write(self.folder)
        if self.settings.no_analysis:
            self.exit_status = EXIT_VOID if self.file.problems else EXIT_MET
        else:
            self.exit_status = self._analyse()
        return self.exit_status

    def abandon(self) -> None:
        """End the child processes of a run that could not start."""
        for child in (self.standin, self.store):
            if child is not None:
                child.stop()

    def _stop(self, child: Child) -> None:
        if child.exit_status is None and child.stop() != 0:
            self.problem(f"The {child.name} ended with exit status {child.exit_status}.")

    def _finish_store(self) -> int | None:
        """Rows stored; None if the store cannot tell."""
        if self.store is None:
            return None
        self.store.close_input()
        status, output = self.store.finish(STORE_TIMEOUT_S)
        lines = output.strip().splitlines()
        try:
            said = msgspec.json.decode(lines[-1]) if lines else {}
        except msgspec.DecodeError:
            said = {}
        for sentence in said.get("problems", []):
            self.problem(str(sentence))
        if status != 0 and not said.get("problems"):
            self.problem(
                f"The store ended with exit status {status}: python -m attempts.store {self.folder} brings its rows "
                f"for python -m analysis {self.folder} to look at; the run stays void."
            )
        rows = said.get("rows_stored")
        return None if rows is None else int(rows)

    def _analyse(self) -> int:
        slo = self.file.settings["slo"]
        analysis = start_child(
            "analysis",
            module_command(
                "analysis",
                str(self.folder),
                f"--slo-success-ratio={slo['success_ratio']}",
                f"--slo-max-duration-s={slo['max_duration_s']}",
                f"--slo-timeouts={slo['timeouts']}",
                f"--margin={self.settings.margin}",
                f"--alpha={self.settings.alpha}",
                *(["--rehearsal"] if self.settings.platform_label else []),
            ),
            wait_ready=False,
        )
        status, self.last_words = analysis.finish(ANALYSIS_TIMEOUT_S)
        # A crash of the analysis ends with status 1, too; only a verdict makes that "breached".
        if status in (0, 1, 3) and (self.folder / "verdict.json").is_file():
            return status
        analysis.stop()
        self.last_words += f"wsoak: VOID: the analysis failed (exit status {status}); the rows are in {self.folder}.\n"
        return EXIT_VOID


def create(
    settings: Settings,
    *,
    target: TargetFacts,
    command: Sequence[str],
    run_time_s: float | None,
    plan: Mapping[str, Any],
    versions: Mapping[str, str],
    now: datetime,
) -> LiveRun:
    """Make the run's folder and write the first `run.json`: from here on the run exists.

    Raises:
        ConfigError: If the folder is there already or cannot be made.
    """
    run_id = settings.run_id or new_run_id(now)
    folder = Path(settings.reports_dir) / run_id
    try:
        folder.mkdir(parents=True)
        (folder / "spool").mkdir()
    except FileExistsError:
        raise ConfigError(
            f"The run folder {folder} exists already, and a run is never written over another: choose a new --run-id."
        ) from None
    except OSError as error:
        raise ConfigError(f"The run folder {folder} cannot be made: {os.strerror(error.errno or 0)}.") from None
    planned_end = now + timedelta(seconds=run_time_s) if run_time_s else None
    file = RunFile(
        run_id=run_id,
        command=list(command),
        started_at=_iso(now),
        planned_end_at=_iso(planned_end) if planned_end else None,
        target=target,
        plan=dict(plan),
        versions=dict(versions),
        settings=settings.for_run_file(),
    )
    file.write(folder)
    return LiveRun(folder=folder, file=file, settings=settings, planned_end=planned_end)


def account(
    tallies: Sequence[Mapping[str, int]], workers: Sequence[WorkerEntry], rows_stored: int | None
) -> accounting.Accounting:
    """Add up what the workers counted; unknown stays unknown (a lost worker counted nothing)."""
    if not tallies or any(w.lost for w in workers):
        return accounting.Accounting(rows_stored=rows_stored)
    sums = {name: sum(t[name] for t in tallies) for name in tallies[0]}
    rows = [w.rows_written for w in workers if w.rows_written is not None]
    return accounting.Accounting(
        planned=sums["planned"],
        skipped=sums["skipped"],
        started=sums["started"],
        outcomes={name: sums[name] for name in sorted(OUTCOMES)},
        rows_written=sum(rows) if len(rows) == len(workers) else None,
        rows_stored=rows_stored,
    )


def _as_entry(sums: accounting.Accounting) -> AccountingEntry:
    outcomes = sums.outcomes or {}
    return AccountingEntry(
        planned=sums.planned,
        skipped=sums.skipped,
        started=sums.started,
        ok=outcomes.get("ok"),
        timeout=outcomes.get("timeout"),
        failed=outcomes.get("failed"),
        aborted=outcomes.get("aborted"),
        rows_written=sums.rows_written,
        rows_stored=sums.rows_stored,
        balanced=sums.is_balanced,
    )


def start_standin(settings: Settings, *, port: int, folder: Path, secret: str, run_time_s: float | None) -> Child:
    """Start the embedded stand-in for one run.

    Raises:
        ConfigError: If it refuses a fault; HarnessError if it does not start.
    """
    arguments = standin_arguments(settings)
    if not run_time_s or run_time_s > MESSAGE_LOG_S:
        arguments.append("--no-message-log")
    if settings.jwt_algorithm != "HS256" and settings.token_source == "mint":
        key = load_key(settings.jwt_algorithm, key_file=settings.jwt_key_file, environment=os.environ)
        public = folder / "jwt-public.pem"
        public.write_bytes(key.public_pem() or b"")
        arguments += ["--public-key-file", str(public)]
    arguments += ["--port", str(port), "--exit-with-stdin"]
    arguments += ["--log", str(folder / "standin.log"), "--truth", str(folder / "truth.jsonl")]
    child = start_child(
        "stand-in",
        module_command("standin", *arguments),
        environment={**os.environ, "STANDIN_JWT_SECRET": secret},
    )
    if "url" not in child.ready:
        child.stop()
        raise HarnessError("The stand-in's ready line names no url.")
    return child


def standin_arguments(settings: Settings) -> list[str]:
    """The stand-in's part of the options, as its command line."""
    arguments = ["--host", "127.0.0.1", "--seed", str(settings.seed)]
    arguments += ["--instances", str(settings.standin_instances)]
    arguments += ["--issuer", settings.jwt_issuer]
    if settings.jwt_audience:
        arguments += ["--audience", settings.jwt_audience]
    for fault in settings.fault:
        arguments += ["--fault", fault]
    if settings.standin_quirks:
        arguments += ["--quirks", settings.standin_quirks]
    return arguments + (["--tls"] if settings.standin_tls else [])


def utc_now() -> datetime:
    """The wall clock, for `run.json` only."""
    return datetime.now(UTC)
