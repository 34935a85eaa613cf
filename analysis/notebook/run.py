"""One or more runs, opened: the answer, the verdict, cohorts, claims, failures, rows and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analysis.notebook.answered import ShownAnswer, shown_answer
from analysis.notebook.attempts import Attempts
from analysis.notebook.claims import claims_frame, failures_frame
from analysis.notebook.cohorts import Event, shares
from analysis.notebook.conclusions import Conclusions
from analysis.notebook.errors import RunError, reading
from analysis.notebook.plots import Plots
from analysis.notebook.stored import stored_verdict
from analysis.pipeline import Analysis, analyse
from analysis.reduction import cohorts
from analysis.runs.dataset import Dataset, attempts_table, open_runs
from analysis.runs.engine import EngineError
from analysis.runs.parquet_files import DatasetError
from analysis.settings import SettingsError, settings_for
from attempts.printable import one_line

if TYPE_CHECKING:
    import pandas as pd

BY: Final = ("platform", "delay_s", "client")


class Run:
    """One run, or several taken together, as `python -m analysis` takes them.

    Nothing is read until it is asked for. The verdict is the one in the run's folder where it is there and of all
    rows; else the rows are analysed in memory, once, and nothing is written. Of a run that goes on, the rows are those
    stored by the time that is asked, and the verdict stays the one that was made first: open the run again for more.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)
        self._dataset: Dataset | None = None

    @property
    def is_live(self) -> bool:
        """Whether a run goes on: more rows will come."""
        return any(run.is_live for run in self._opened().runs)

    @property
    def attempts(self) -> Attempts:
        """The rows, unread."""
        return Attempts(self._opened, self._short_names)

    @cached_property
    def analysis(self) -> Analysis:
        """The whole analysis of the rows, in memory, with the settings that the run was started with.

        Raises:
            RunError: Runs were started with different settings, or are no runs that can be analysed.
        """
        try:
            settings, levels = settings_for(self.folders, {})
            found = analyse(self.folders, settings=settings, levels=levels)
        except (DatasetError, SettingsError, EngineError) as error:
            raise RunError(one_line(str(error))) from error
        # A notebook stays open for days; the store of a run that goes on must not wait for it.
        return replace(found, dataset=replace(found.dataset, readings=()))

    @cached_property
    def verdict(self) -> dict[str, Any]:
        """The document of `verdict.json` (analysis/verdict/verdict.schema.json)."""
        dataset = self._opened()
        stored = None if self.is_live else stored_verdict(dataset)
        return self.analysis.verdict if stored is None else stored

    @property
    def answer(self) -> ShownAnswer:
        """Why attempts time out, how sure that is, and what would change it."""
        return shown_answer(self.verdict)

    @property
    def conclusions(self) -> Conclusions:
        """What may be concluded and what may not: the claims in four groups, as a list to read."""
        return Conclusions(self.verdict)

    @property
    def claims(self) -> pd.DataFrame:
        """A row a claim: `claim`, `title`, `state`, `effect`, `low`, `high`, `needs` (`claims.claims_frame`)."""
        return claims_frame(self.verdict)

    @property
    def failures(self) -> pd.DataFrame:
        """A row a way in which attempts failed, the commonest first (`claims.failures_frame`)."""
        return failures_frame(self.verdict)

    def timeouts(self, by: Sequence[str] | str = BY, *, of: Event = "timeouts") -> pd.DataFrame:
        """Judged attempts by cohort: how many timed out, which share that is, and how well it is known.

        Judged are the attempts that the verdict counts (`verdict["counts"]["judged"]`): no probes, nothing that the
        run's end cut off. Cohorts beside each other are described, not compared: whether they differ is for the claims.

        Args:
            by: Some of `reduction.cohorts.COLUMNS`; none: all attempts are one row. `client` is library/event loop,
                `delay_s` the seconds that wsoak added to the round trip.
            of: What the share and its interval are of: "timeouts", or "failed" (timeouts and errors).

        Returns:
            A row a cohort, sorted: the columns of `by`; `n` attempts, `timeouts` and `failed` among them; `share` (0
            to 1), `low` and `high` (95 %: attempts of a session, of a minute and of a host fail together, and count
            as fewer; `cohorts.shares`).

        Raises:
            RunError: There is no such column or event, or there are no rows.
        """
        names = [by] if isinstance(by, str) else list(dict.fromkeys(by))
        unknown = [name for name in names if name not in cohorts.COLUMNS]
        if unknown:
            raise RunError(f"by={unknown[0]!r} is not allowed: it is one or more of {', '.join(cohorts.COLUMNS)}.")
        if of not in cohorts.EVENTS:
            raise RunError(f"of={of!r} is not allowed: it is one of {', '.join(cohorts.EVENTS)}.")
        table = attempts_table(self._with_rows())
        with reading(self._names):
            counted = cohorts.read(table, names)
        return shares(counted, names, of=of)

    @property
    def plot(self) -> Plots:
        """The report's figures, and `plot.timeouts()`: timeouts against latency, platform and client."""
        return Plots(lambda: self.analysis, lambda: self.verdict, self.timeouts)

    def _opened(self) -> Dataset:
        """The footers; of a run that goes on those of now."""
        if self._dataset is None:
            try:
                found = open_runs(self.folders)
            except DatasetError as error:
                raise RunError(one_line(str(error))) from error
            if any(run.is_live for run in found.runs):
                return found
            self._dataset = found
        return self._dataset

    def _with_rows(self) -> Dataset:
        dataset = self._opened()
        if dataset.rows == 0:
            later = "they come while it goes on" if any(run.is_live for run in dataset.runs) else dataset.problems[0]
            raise RunError(f"{self._names} has no attempts stored, so there is nothing to count or to draw: {later}")
        return dataset

    @property
    def _names(self) -> str:
        return ", ".join(one_line(str(folder)) for folder in self.folders)

    @property
    def _short_names(self) -> str:
        return ", ".join(one_line(folder.name) for folder in self.folders)

    def __repr__(self) -> str:
        dataset = self._opened()
        goes_on = " It goes on: more rows will come." if self.is_live else ""
        problems = "".join(f" {problem}" for problem in dataset.problems)
        said = f"{self._short_names}: {dataset.rows:,} attempts.{goes_on}{problems}"
        return f"{said} Ask for .answer, .timeouts() or .claims."

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"
