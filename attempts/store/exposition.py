"""The page that Prometheus asks for, while a store follows a run: what `metrics.Metrics` has counted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from threading import Lock
from typing import Final

import pyarrow as pa
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from attempts.store.metrics import AttemptLabels, DurationLabels, Histogram, Metrics

ATTEMPTS: Final = "wsoak_attempts"
DURATIONS: Final = "wsoak_attempt_duration_seconds"
LAG: Final = "wsoak_generator_lag_seconds"
BLOCKED: Final = "wsoak_generator_blocked_seconds"


class Exposition(Collector):
    """Metrics that one thread adds to and the page's threads read."""

    def __init__(self) -> None:
        self._metrics = Metrics()
        self._lock = Lock()

    def add(self, attempts: pa.Table | None, health: pa.Table | None) -> None:
        """Count rows that have just been stored."""
        with self._lock:
            if attempts is not None:
                self._metrics.add_attempts(attempts)
            if health is not None:
                self._metrics.add_health(health)

    def collect(self) -> Iterator[Metric]:
        """What the page shows; called by the library."""
        with self._lock:
            found = list(_families(self._metrics))
        yield from found

    def serve(self, host: str, port: int) -> None:
        """Serve the page in threads of its own until the process ends.

        Raises:
            OSError: It cannot listen there.
        """
        registry = CollectorRegistry()
        registry.register(self)
        start_http_server(port, addr=host, registry=registry)


def _families(metrics: Metrics) -> Iterator[Metric]:
    attempts = CounterMetricFamily(
        ATTEMPTS, "Attempts that were stored, by how they ended.", labels=AttemptLabels._fields
    )
    for labels, n in metrics.attempts.items():
        attempts.add_metric(labels, n)
    yield attempts
    durations = HistogramMetricFamily(
        DURATIONS,
        "Durations of attempts but holds that ended ok or failed; a timeout's is not known.",
        labels=DurationLabels._fields,
    )
    for of, histogram in metrics.durations.items():
        durations.add_metric(of, _buckets(histogram), histogram.total_s)
    yield durations
    lag = HistogramMetricFamily(LAG, "The largest lag of a worker's event loop in each second.")
    lag.add_metric([], _buckets(metrics.lag), metrics.lag.total_s)
    yield lag
    blocked = CounterMetricFamily(BLOCKED, "Lag of the workers' event loops beyond 50 ms, added up.")
    blocked.add_metric([], metrics.blocked_s)
    yield blocked


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    return [("+Inf" if math.isinf(bound) else str(bound), n) for bound, n in histogram.cumulative()]
