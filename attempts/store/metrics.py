"""What monitoring is told of the rows: counts by arm, and how long attempts took, in buckets.

Rows are counted when they are stored, which happens to each once: a segment that comes a second time adds nothing. What
is counted grows only, as Prometheus wants it of counters; a store that begins anew begins at zero, and goes on with the
rows that come from then on.

No label may take ever more values, for each is a time series for ever: kinds, outcomes and causes are the record's own
words, and of names that runs are given (platforms, clients, delays) so many are kept and the others are one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attempts.schema import CAUSES

# Upper ends in seconds: from an answer on the same machine to the longest wait that a service level allows.
DURATION_BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
LAG_BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
# Of a timeout, and of an attempt that the run's end cut off, only a lower bound of its duration is known. A hold lasts
# as long as its scenario says.
_TIMED_OUTCOMES: Final = ("ok", "failed")
_UNTIMED_KIND: Final = "hold"
MOST_NAMES: Final = 32
OTHER: Final = "other"
_OF_TIMEOUTS: Final = "silent_peer"
_LABELS: Final = ("kind", "outcome", "cause", "platform", "client", "delay_s")


class AttemptLabels(NamedTuple):
    """The labels of a count of attempts; `cause` is empty where there is none."""

    kind: str
    outcome: str
    cause: str
    platform: str
    client: str
    delay: str


class DurationLabels(NamedTuple):
    """The labels of a histogram of durations."""

    kind: str
    outcome: str
    platform: str
    client: str
    delay: str


class Histogram:
    """Counts between bounds, and the sum of what was counted.

    Attributes:
        counts: One a bound, of values up to it and above the bound before; then those above the last.
        total_s: The sum of all values, seconds.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total_s = 0.0

    def add(self, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
        """Count some values, seconds."""
        places = np.searchsorted(self.bounds, values, side="left")
        for place, n in enumerate(np.bincount(places, minlength=len(self.counts))):
            self.counts[place] += int(n)
        self.total_s += float(values.sum())

    def cumulative(self) -> list[tuple[float, int]]:
        """For each bound how many values were up to it; the last bound is infinite."""
        up_to = np.cumsum(self.counts)
        return [(bound, int(n)) for bound, n in zip((*self.bounds, float("inf")), up_to, strict=True)]


class Groups:
    """Rows by their labels, whose values have an end; one object for all rows, since it knows what there has been."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}

    def of(self, table: pa.Table) -> Iterator[tuple[AttemptLabels, list[float]]]:
        """The durations of the rows of a table `attempts`, seconds, by their labels."""
        columns = {name: table.column(name).cast(_plain(name)) for name in _LABELS}
        groups = pa.table({**columns, "duration_s": table.column("duration_s")}).group_by(list(_LABELS))
        for group in groups.aggregate([("duration_s", "list")]).to_pylist():
            labels = AttemptLabels(
                kind=group["kind"],
                outcome=group["outcome"],
                cause=group["cause"] or "",
                platform=self._bounded("platform", group["platform"]),
                client=self._bounded("client", group["client"]),
                delay=self._bounded("delay", f"{group['delay_s']:g}"),
            )
            yield labels, group["duration_s_list"]

    def _bounded(self, label: str, name: str) -> str:
        names = self._names.setdefault(label, set())
        if len(names) < MOST_NAMES:
            names.add(name)
        return name if name in names else OTHER


def has_duration(labels: AttemptLabels) -> bool:
    """Whether the durations of such attempts are known, and nobody planned them."""
    return labels.outcome in _TIMED_OUTCOMES and labels.kind != _UNTIMED_KIND


def duration_labels(labels: AttemptLabels) -> DurationLabels:
    """The labels that such attempts' durations have."""
    return DurationLabels(labels.kind, labels.outcome, labels.platform, labels.client, labels.delay)


class Metrics:
    """Sums over the rows that have been stored since this object was made.

    Attributes:
        attempts: How many, by labels.
        durations: How long those that ended by themselves took, by labels.
        lag: Each worker's largest lag of its loop, of each second.
        blocked_s: All workers' lag beyond 50 ms, added up.
    """

    def __init__(self) -> None:
        self.attempts: Counter[AttemptLabels] = Counter()
        self.durations: dict[DurationLabels, Histogram] = {}
        self.lag = Histogram(LAG_BOUNDS_S)
        self.blocked_s = 0.0
        self._groups = Groups()

    def add_attempts(self, table: pa.Table) -> None:
        """Count rows of the table `attempts`."""
        for labels, durations in self._groups.of(table):
            self._begin(labels)
            self.attempts[labels] += len(durations)
            if has_duration(labels):
                histogram = self.durations.setdefault(duration_labels(labels), Histogram(DURATION_BOUNDS_S))
                histogram.add(np.array(durations))

    def add_health(self, table: pa.Table) -> None:
        """Count rows of the table `health`."""
        self.lag.add(table.column("loop_lag_s").to_numpy())
        self.blocked_s += pc.sum(table.column("loop_blocked_s")).as_py() or 0.0

    def _begin(self, labels: AttemptLabels) -> None:
        """Let an arm's failures be there at zero before the first one.

        Prometheus sees how much a count has grown since it was first asked for: of a failure that comes once, and
        brings its count with it, it would see nothing.
        """
        arm = labels._replace(outcome="ok", cause="")
        if arm not in self.attempts:
            self.attempts[arm] = 0
            self.attempts[arm._replace(outcome="timeout", cause=_OF_TIMEOUTS)] = 0
            for cause in sorted(CAUSES - {_OF_TIMEOUTS}):
                self.attempts[arm._replace(outcome="failed", cause=cause)] = 0


def _plain(name: str) -> pa.DataType:
    # Dictionaries differ from segment to segment, and are no keys to group by.
    return pa.float64() if name == "delay_s" else pa.string()
