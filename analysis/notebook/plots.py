"""The report's figures of an opened run, for a notebook: each by the name that it has in the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.model import CauseShare
from analysis.notebook.claims import findings_of
from analysis.report import figures
from analysis.report.bursts import burst_slots
from analysis.report.figures.marks import marked
from analysis.report.picture import Picture
from analysis.runs.marks import Mark, marks_of

if TYPE_CHECKING:
    import pandas as pd

    from analysis.pipeline import Analysis


class Plots:
    """Figures of a run: each method gives a `Picture`, whose `figure` is Plotly's.

    Each is shown with the mouse's help where Plotly runs, and as a picture where nothing does (GitHub, nbconvert).
    """

    def __init__(
        self,
        analysis: Callable[[], Analysis],
        verdict: Callable[[], Mapping[str, Any]],
        timeouts: Callable[[Sequence[str]], pd.DataFrame],
    ) -> None:
        self._analysis = analysis
        self._verdict = verdict
        self._timeouts = timeouts

    def timeouts(self) -> Picture:
        """Share of judged attempts that timed out, by added delay, platform and client; bars are 95 % intervals."""
        return Picture(figures.timeouts_by_latency(self._timeouts(["platform", "delay_s", "client"])))

    def claims(self) -> Picture:
        """Each claim's effect with its interval, and the margin inside which an effect does not matter."""
        verdict = self._verdict()
        return Picture(figures.claims_on_one_scale(findings_of(verdict), margin=float(verdict["margin"])))

    def causes(self) -> Picture:
        """How the failures divide up among causes; decides no claim."""
        return Picture(figures.cause_shares([CauseShare(**cause) for cause in self._verdict()["causes"]]))

    def outcomes(self) -> Picture:
        """Failures by cause over time, the share that failed on each platform, and all attempts."""
        overview = self._analysis().overview
        bursts = burst_slots(overview.timeline)
        drawn = figures.outcomes_over_time(overview.timeline, slot_s=overview.slot_s, bursts=bursts)
        return Picture(marked(drawn, self._marks()))

    def waterfall(self) -> Picture:
        """Where a good connect spends its time: the median of each phase."""
        return Picture(figures.phase_waterfall(self._analysis().overview.phases))

    def ended(self) -> Picture:
        """In which phase the connects that did not succeed ended, by cause."""
        return Picture(figures.where_connects_ended(self._analysis().overview.timeline))

    def lost(self) -> Picture:
        """Where the waits that ran out were lost, as far as this machine and its kernel know."""
        return Picture(figures.where_waits_were_lost(self._analysis().overview.lost))

    def checks(self) -> Picture:
        """What came of the ping that followed each silent timeout."""
        return Picture(figures.peer_checks(self._analysis().tables.cells))

    def latency(self) -> Picture:
        """Share of attempts without a good answer by the time waited; timeouts are cut at their budget."""
        return Picture(figures.latency_distribution(self._analysis().overview.durations))

    def by_rtt(self) -> Picture:
        """Share of attempts that timed out by the round trip known before: observed, not dealt."""
        return Picture(figures.timeouts_by_rtt(self._analysis().overview.rtt))

    def overlap(self) -> Picture:
        """At which round trips each platform was measured."""
        return Picture(figures.latency_overlap(self._analysis().overview.rtt))

    def by_delay(self) -> Picture:
        """Failures that nothing else explains, by the delay dealt to the connection: what the claims compare."""
        found = self._analysis()
        decision = found.decision
        return Picture(
            figures.risk_by_delay(found.tables.cells, spared=decision.spared, spared_way=decision.spared_way)
        )

    def hosts(self) -> Picture:
        """A dot a host: what a difference between platforms has to stand out from."""
        found = self._analysis()
        decision = found.decision
        return Picture(
            figures.host_estimates(found.tables.cells, spared=decision.spared, spared_way=decision.spared_way)
        )

    def instances(self) -> Picture:
        """Failures by the instance that the server named."""
        return Picture(figures.risk_by_instance(self._analysis().tables.instances))

    def vitals(self) -> Picture:
        """Loop lag and CPU of the load generators over time."""
        return Picture(marked(figures.generator_vitals(self._analysis().health), self._marks()))

    def _marks(self) -> list[Mark]:
        return marks_of(self._analysis().dataset.runs)

    def __repr__(self) -> str:
        names = sorted(name for name in vars(type(self)) if not name.startswith("_"))
        return f"Figures: {', '.join(f'.{name}()' for name in names)}."
