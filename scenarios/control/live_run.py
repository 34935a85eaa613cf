"""One run as its controller sees it: the processes beside the users, and how it ends.

The order of the end is the point: the users have stopped and their rows are on disk before the stand-in
goes; the stand-in's truth is whole before the store closes; `run.json` says all that is known before the
analysis reads it. Whatever fails on the way becomes a sentence in `problems`, and the run is void.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from attempts import accounting, settling
from attempts.printable import one_line
from attempts.schema import OUTCOMES
from scenarios.child_environment import child_environment
from scenarios.control.child_process import Child, module_command, start_child
from scenarios.control.leadership import Leadership
from scenarios.control.live_analysis import LiveAnalysis
from scenarios.control.load_seen import is_kept
from scenarios.control.planned_end import PlannedEnd
from scenarios.exit_codes import EXIT_MET, EXIT_VOID
from scenarios.exit_words import how_ended
from scenarios.load.disk import Disk
from scenarios.options import Settings
from scenarios.run_file import AccountingEntry, ProblemEntry, RunFile, WorkerEntry, iso, replace_run_file
from scenarios.screens.voice import say
from scenarios.screens.waiting import as_shown, waiting

# Storing a day's last segments and analysing some 10^8 rows take minutes on two cores; past this
# something hangs, and a hanging CI job tells less than a void run.
STORE_TIMEOUT_S: Final = 1800.0
ANALYSIS_TIMEOUT_S: Final = 1800.0
# With metrics: rows are stored, and so counted, so often. Prometheus commonly asks every 15 s.
METRICS_EVERY_S: Final = 5.0


@dataclass(kw_only=True)
class LiveRun:
    """A run between its start and its verdict.

    Attributes:
        folder: `reports/<run_id>`.
        file: What `run.json` says.
        standin, store: The processes beside the users, those that this run needs.
        live: The analysis beside the run.
        exit_status: Of the run; None until it is finished.
        last_words: What the analysis said; shown when Locust has printed its tables.
        lead: This process' right to lead it; None = nobody could take it over.
        has_crashed: A part died without which the run cannot be recorded.
    """

    folder: Path
    file: RunFile
    settings: Settings
    standin: Child | None = None
    store: Child | None = None
    live: LiveAnalysis = field(default_factory=LiveAnalysis)
    exit_status: int | None = None
    last_words: str = ""
    planned_end: datetime | None = None
    lead: Leadership | None = None
    has_crashed: bool = False
    _said: set[str] = field(default_factory=set)
    _disk: Disk = field(default_factory=Disk)
    _plan: PlannedEnd | None = field(init=False, default=None)
    _stopped_at: float | None = None
    _analysis: Child | None = None

    def __post_init__(self) -> None:
        """Put the planned end on the monotonic clock, as it is from here."""
        if self.planned_end is not None:
            now, began = utc_now(), datetime.fromisoformat(self.file.started_at)
            self._plan = PlannedEnd(
                of_s=(self.planned_end - began).total_seconds(),
                at=time.monotonic() + (self.planned_end - now).total_seconds(),
            )

    @property
    def run_id(self) -> str:
        """Name of the folder."""
        return self.file.run_id

    @property
    def has_had_its_time(self) -> bool:
        """Whether all of its --run-time has passed; a run without one has never had it."""
        return self._plan is not None and self._plan.is_over(self._end)

    @property
    def _end(self) -> float:
        return time.monotonic() if self._stopped_at is None else self._stopped_at

    def stopping(self) -> None:
        """Its users are told to stop, now: what comes after is no more of the load."""
        self._stopped_at = self._end

    @property
    def is_mine(self) -> bool:
        """Whether this process still leads the run: where another one does, nothing of it may be written here."""
        return self.lead is None or self.lead.is_mine

    def left_s(self, now: datetime) -> float | None:
        """How much of the run is left, 0 after its planned end; None = until somebody ends it."""
        return None if self.planned_end is None else max(0.0, (self.planned_end - now).total_seconds())

    def problem(
        self, sentence: str, *, kind: str = settling.OTHER, worker: str | None = None, is_first: bool = False
    ) -> None:
        """Remember what makes the run void; the first time also on the screen.

        Args:
            sentence: For people, and for the verdict.
            kind: What it would take to disprove it (`attempts.settling`).
            worker: Of whom it is said.
            is_first: It comes before the others: the verdict says the first one.
        """
        sentence = one_line(sentence)
        if sentence not in self._said:
            self._said.add(sentence)
            at = 0 if is_first else len(self.file.problems)
            self.file.problems.insert(at, sentence)
            self.file.problem_kinds.insert(at, ProblemEntry(kind=kind, worker=worker, sentence=sentence))
            say(f"wsoak: VOID: {sentence}")

    def remark(self, sentence: str) -> None:
        """Remember what a reader should know, and what leaves the run valid; the first time also on the screen."""
        sentence = one_line(sentence)
        if sentence not in self._said:
            self._said.add(sentence)
            self.file.notes.append(sentence)
            say(f"wsoak: {sentence}")

    def write(self) -> None:
        """Write `run.json` as it is known now, after whatever is being written; nothing if another leads the run.

        Raises:
            OSError: The disk refused.
        """
        if self.is_mine:
            self._disk.apply(replace_run_file, (self.folder, self.file.encoded()))

    def note(self, workers: Sequence[WorkerEntry], *, now: datetime) -> None:
        """Write what is known while the run goes on, so that a death of this process leaves it known."""
        self.file.workers, self.file.updated_at = list(workers), iso(now)
        try:
            self.write()
        except OSError as error:
            self.problem(f"run.json cannot be written ({error.strerror}): what happens from here on is not in it.")

    def start_store(self, *, has_otel: bool = False) -> None:
        """Start the process that turns spool segments into Parquet, and serves metrics, while the run goes on.

        Args:
            has_otel: It exports them by OpenTelemetry, too.

        """
        asked = metrics_arguments(self.settings, has_otel=has_otel)
        self.store = start_child(
            "store",
            module_command("attempts.store", str(self.folder), "--follow", *asked),
            environment=child_environment(
                os.environ,
                keep=[name for name in os.environ if has_otel and name.startswith("OTEL_")],
                named=self.settings.secret_variables,
            ),
            wait_ready=False,
        )
        if at := self.settings.prometheus_port:
            say(f"wsoak: metrics of the run are at http://{at}/metrics until it has been stored.")

    def start_live_analysis(self) -> None:
        """Start the process that says what can be said so far, unless nobody wants to know."""
        if not self.settings.no_analysis and not self.settings.no_live_analysis:
            named = self.settings.secret_variables
            self.live = LiveAnalysis.started(self._analysis_arguments(), secret_variables=named)

    def watch(self) -> bool:
        """Whether the processes that a run needs beside the users still live; call it every second or so."""
        self.live.watch()
        ended = [c for c in (self.standin, self.store) if c is not None and c.exit_status is not None]
        for child in ended:
            kind = settling.STORE_DIED if child is self.store else settling.PART_DIED
            self.problem(f"The {child.name} {how_ended(child.exit_status)} during the run.", kind=kind)
            self.has_crashed = True
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
        self.live.storing()
        self._say_if_early()
        self.file.workers = list(workers)
        if self.standin is not None:
            self._stop(self.standin)
        self.write()  # the store learns from it how many rows there are to be
        rows = [worker.rows_written for worker in workers if worker.rows_written is not None]
        with waiting(f"storing the last of {sum(rows):,} rows" if len(rows) == len(workers) else "storing the rows"):
            stored = self._finish_store()
        # Not before: whoever reads that a run has ended reads its sums as well.
        self.file.ended, self.file.ended_at = ended, iso(now)
        if not self.is_mine:
            self.live.stop()
            self.last_words = f"wsoak: VOID: run {self.run_id} is led by another process now.\n"
            return EXIT_VOID
        self.file.accounting = _as_entry(account(tallies, workers, stored.get("rows_stored")))
        self._settle(stored)
        self.file.updated_at = self.file.ended_at
        self.write()
        if self.settings.no_analysis:
            self.exit_status = EXIT_MET if self._is_sound() else EXIT_VOID
        else:
            self.exit_status = self._analyse()
        if self.lead is not None:
            self.lead.end()
        return self.exit_status

    def _say_if_early(self) -> None:
        """An end before the planned one makes the run void, whoever asked for it, unless that was allowed."""
        early = None if self._plan is None else self._plan.early(self._end)
        if early is None:
            return
        if self.settings.accept_early:
            self.file.accepted_end = f"{early}, which --accept-early allows."
            self.remark(self.file.accepted_end)
        else:
            self.problem(f"{early}: it is less than what was asked for (--accept-early judges it).", is_first=True)

    def _is_sound(self) -> bool:
        """Whether a run that nobody analyses has all its rows, and had its load."""
        if not is_kept(self.file.load) and not self.settings.allow_less_load:
            say("wsoak: VOID: the load was not the planned one (load in run.json).")
            return False
        return not self.file.problems

    def abandon(self) -> None:
        """End the child processes of a run that could not start, or that another one leads now."""
        self.live.stop()
        for child in (self.standin, self.store):
            if child is not None:
                child.stop()
        if self.lead is not None:
            self.lead.end()

    def leave_unjudged(self) -> None:
        """End whatever is analysing the run, at once: it would make a verdict of what was left as it is.

        The store may go on: it takes what is on the disk, and brings no row twice.
        """
        self.live.kill()
        if self._analysis is not None:
            self._analysis.kill()

    def _settle(self, stored: Mapping[str, Any]) -> None:
        """Hold the run against its rows: what they disprove is taken back, what they show is said."""
        settled = settling.settle(msgspec.to_builtins(self.file), stored)
        for found in settled.problems:
            self.problem(found.sentence, kind=found.kind, worker=found.worker)
        for sentence in settled.taken_back:
            say(f"wsoak: taken back, since every row of it is stored: {sentence}")
        self.file.problems = [problem.sentence for problem in settled.problems]
        self.file.problem_kinds = [ProblemEntry(**problem._asdict()) for problem in settled.problems]
        self.file.accounting = _as_entry(settled.accounting)
        self.file.workers = [
            msgspec.structs.replace(w, lost=False, rows_written=stored["workers"][w.worker]["rows_written"])
            if w.worker in settled.whole
            else w
            for w in self.file.workers
        ]

    def _stop(self, child: Child) -> None:
        if child.exit_status is None and child.stop() != 0:
            self.problem(f"The {child.name} {how_ended(child.exit_status)}.", kind=settling.PART_DIED)

    def _finish_store(self) -> dict[str, Any]:
        """What the store counted (`attempts.store`); empty if it cannot tell."""
        if self.store is None:
            return {}
        self.store.close_input()
        status, output = self.store.finish(STORE_TIMEOUT_S)
        lines = output.strip().splitlines()
        try:
            said: dict[str, Any] = msgspec.json.decode(lines[-1], type=dict[str, Any]) if lines else {}
        except msgspec.DecodeError:
            said = {}
        if status != 0 and not said.get("problems"):
            self.problem(
                f"The store {how_ended(status)}: python -m attempts.store {self.folder} brings its rows; then "
                f"python -m analysis {self.folder} judges them.",
                kind=settling.STORE_DIED,
            )
        return said

    def _analyse(self) -> int:
        made = self.live.verdict(ANALYSIS_TIMEOUT_S)
        # A crash of the analysis ends with status 1, too; only a verdict makes that "breached".
        if made is not None and (self.folder / "verdict.json").is_file():
            status, self.last_words = made
            return status
        self._analysis = analysis = start_child(
            "analysis",
            module_command("analysis", *self._analysis_arguments()),
            environment=child_environment(os.environ, named=self.settings.secret_variables) | as_shown(),
            wait_ready=False,
        )
        with waiting("analysing"):
            ended, self.last_words = analysis.finish(ANALYSIS_TIMEOUT_S)
        if ended in (0, 1, 3) and (self.folder / "verdict.json").is_file():
            return ended
        analysis.stop()
        self.last_words += f"wsoak: VOID: the analysis {how_ended(ended)}; the rows are in {self.folder}.\n"
        return EXIT_VOID

    def _analysis_arguments(self) -> list[str]:
        """What `python -m analysis` is told of this run."""
        slo = self.file.settings["slo"]
        return [
            str(self.folder),
            f"--slo-success-ratio={slo['success_ratio']}",
            f"--slo-max-duration-s={slo['max_duration_s']}",
            f"--slo-timeouts={slo['timeouts']}",
            f"--margin={self.settings.margin}",
            f"--alpha={self.settings.alpha}",
            *(["--rehearsal"] if self.settings.platform_label else []),
            *([f"--baseline={self.settings.baseline}"] if self.settings.baseline else []),
            *server_log_arguments(self.settings),
        ]


def metrics_arguments(settings: Settings, *, has_otel: bool) -> list[str]:
    """What the store is told of metrics; nothing: there are none."""
    asked = ["--prometheus", settings.prometheus_port] if settings.prometheus_port else []
    asked += ["--otel"] if has_otel else []
    # As often in a long run as in a short one: who watches it would see steps of two minutes otherwise.
    return [*asked, "--every-s", f"{METRICS_EVERY_S:g}"] if asked else []


def server_log_arguments(settings: Settings) -> list[str]:
    """What the analysis is told of the server's logs."""
    if not settings.server_log:
        return []
    forms = settings.server_log_format
    return ["--server-log", *settings.server_log, *(["--server-log-format", *forms] if forms else [])]


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
    return msgspec.convert(settling.as_entry(sums), AccountingEntry)


def utc_now() -> datetime:
    """The wall clock, for `run.json` only."""
    return datetime.now(UTC)
