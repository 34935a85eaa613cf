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
from typing import Final

import msgspec

from attempts import accounting
from attempts.schema import OUTCOMES
from scenarios.child_environment import child_environment
from scenarios.control.child_process import Child, module_command, start_child
from scenarios.control.planned_end import PlannedEnd
from scenarios.exit_codes import EXIT_MET, EXIT_VOID
from scenarios.exit_words import how_ended
from scenarios.options import Settings
from scenarios.printable import one_line
from scenarios.run_file import AccountingEntry, RunFile, WorkerEntry, iso
from scenarios.screens.voice import say

# Storing a day's last segments and analysing some 10^8 rows take minutes on two cores; past this
# something hangs, and a hanging CI job tells less than a void run.
STORE_TIMEOUT_S: Final = 1800.0
ANALYSIS_TIMEOUT_S: Final = 1800.0


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
    _plan: PlannedEnd | None = field(init=False, default=None)
    _stopped_at: float | None = None

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

    def problem(self, sentence: str, *, is_first: bool = False) -> None:
        """Remember what makes the run void; the first time also on the screen. The first one is said in the verdict."""
        sentence = one_line(sentence)
        if sentence not in self._said:
            self._said.add(sentence)
            self.file.problems.insert(0 if is_first else len(self.file.problems), sentence)
            say(f"wsoak: VOID: {sentence}")

    def note(self, sentence: str) -> None:
        """Remember what a reader should know, and what leaves the run valid; the first time also on the screen."""
        sentence = one_line(sentence)
        if sentence not in self._said:
            self._said.add(sentence)
            self.file.notes.append(sentence)
            say(f"wsoak: {sentence}")

    def start_store(self) -> None:
        """Start the process that turns spool segments into Parquet while the run goes on."""
        self.store = start_child(
            "store",
            module_command("attempts.store", str(self.folder), "--follow"),
            environment=child_environment(os.environ, named=self.settings.secret_variables),
            wait_ready=False,
        )

    def watch(self) -> bool:
        """Whether the processes beside the users still live; call it every second or so."""
        ended = [c for c in (self.standin, self.store) if c is not None and c.exit_status is not None]
        for child in ended:
            self.problem(f"The {child.name} {how_ended(child.exit_status)} during the run.")
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
        self._say_if_early()
        self.file.ended, self.file.ended_at = ended, iso(now)
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

    def _say_if_early(self) -> None:
        """An end before the planned one makes the run void, whoever asked for it, unless that was allowed."""
        early = None if self._plan is None else self._plan.early(self._end)
        if early is None:
            return
        if self.settings.accept_early:
            self.file.accepted_end = f"{early}, which --accept-early allows."
            self.note(self.file.accepted_end)
        else:
            self.problem(f"{early}: it is less than what was asked for (--accept-early judges it).", is_first=True)

    def abandon(self) -> None:
        """End the child processes of a run that could not start."""
        for child in (self.standin, self.store):
            if child is not None:
                child.stop()

    def _stop(self, child: Child) -> None:
        if child.exit_status is None and child.stop() != 0:
            self.problem(f"The {child.name} {how_ended(child.exit_status)}.")

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
                f"The store {how_ended(status)}: python -m attempts.store {self.folder} brings its rows "
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
            environment=child_environment(os.environ, named=self.settings.secret_variables),
            wait_ready=False,
        )
        status, self.last_words = analysis.finish(ANALYSIS_TIMEOUT_S)
        # A crash of the analysis ends with status 1, too; only a verdict makes that "breached".
        if status in (0, 1, 3) and (self.folder / "verdict.json").is_file():
            return status
        analysis.stop()
        self.last_words += f"wsoak: VOID: the analysis {how_ended(status)}; the rows are in {self.folder}.\n"
        return EXIT_VOID


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


def utc_now() -> datetime:
    """The wall clock, for `run.json` only."""
    return datetime.now(UTC)
