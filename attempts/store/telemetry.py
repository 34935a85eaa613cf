"""The metrics of `metrics.Metrics` for OpenTelemetry, while a store follows a run.

Locust's `--otel` sets up exporters in its own process, by the standard's variables. This does the same with the same
variables in the store's process, where each row comes in once and nobody is measured. gRPC, which is the default, would
not go on gevent's loop.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Final

import pyarrow as pa
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    ConsoleMetricExporter,
    MetricExporter,
    MetricReader,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource

from attempts.exit_codes import EXIT_OK, EXIT_USAGE
from attempts.store.metrics import DURATION_BOUNDS_S, LAG_BOUNDS_S, Groups, duration_labels, has_duration

# As the variables name it, and the package that has its exporter.
_PROTOCOLS: Final = {"grpc": "grpc", "http/protobuf": "http", "http": "http"}
# How long the end waits for a collector that does not answer.
_LAST_EXPORT_MS: Final = 5_000


class NoExporter(Exception):
    """What the variables ask for is not there; the text is one sentence."""


def exporters_by(environ: Mapping[str, str]) -> list[MetricExporter]:
    """What exports, as the standard's variables have it: to a collector (otlp), to standard error (console).

    Raises:
        NoExporter: An exporter is not known, or its package is not installed.
    """
    found: list[MetricExporter] = []
    for name in environ.get("OTEL_METRICS_EXPORTER", "otlp").lower().replace(",", " ").split():
        if name == "console":  # standard output has the store's own line
            found.append(ConsoleMetricExporter(out=sys.stderr))
        elif name == "otlp":
            found.append(_otlp_exporter(environ))
        elif name != "none":
            raise NoExporter(
                f"--otel: OTEL_METRICS_EXPORTER names {name!r}, and there are otlp, console and none "
                "(--prometheus-port is the way to Prometheus)."
            )
    return found


def _otlp_exporter(environ: Mapping[str, str]) -> MetricExporter:
    usual = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    protocol = environ.get("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", usual).strip().lower()
    if protocol not in _PROTOCOLS:
        raise NoExporter(f"--otel: OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}, and there are grpc and http/protobuf.")
    package = _PROTOCOLS[protocol]
    try:
        module = importlib.import_module(f"opentelemetry.exporter.otlp.proto.{package}.metric_exporter")
    except ImportError:
        raise NoExporter(
            f"--otel: the exporter for {protocol} is not installed: pip install "
            f"opentelemetry-exporter-otlp-proto-{package}, or set OTEL_EXPORTER_OTLP_PROTOCOL to another."
        ) from None
    exporter: MetricExporter = module.OTLPMetricExporter()
    return exporter


def exporting() -> Telemetry:
    """Instruments whose metrics go where this process's variables say.

    Raises:
        NoExporter: As `exporters_by`.
    """
    readers: list[MetricReader] = [PeriodicExportingMetricReader(one) for one in exporters_by(os.environ)]
    return Telemetry(readers, service_name=os.environ.get("OTEL_SERVICE_NAME", "wsoak"))


def main() -> int:
    """Whether a store would export: its sentence on standard error and exit status 2 where it could not."""
    try:
        exporters_by(os.environ)
    except NoExporter as missing:
        print(missing, file=sys.stderr)
        return EXIT_USAGE
    return EXIT_OK


class Telemetry:
    """Instruments that stored rows are told to.

    Args:
        readers: What exports.
        service_name: Whose metrics they are.
    """

    def __init__(self, readers: list[MetricReader], *, service_name: str = "wsoak") -> None:
        self._provider = MeterProvider(
            metric_readers=readers, resource=Resource.create({"service.name": service_name}), shutdown_on_exit=False
        )
        meter: Meter = self._provider.get_meter("wsoak")
        self._attempts = meter.create_counter("wsoak.attempts", unit="{attempt}", description="Attempts, as stored.")
        self._durations = meter.create_histogram(
            "wsoak.attempt.duration",
            unit="s",
            description="Of attempts but holds that ended ok or failed.",
            explicit_bucket_boundaries_advisory=DURATION_BOUNDS_S,
        )
        self._lag = meter.create_histogram(
            "wsoak.generator.lag",
            unit="s",
            description="The largest lag of a worker's event loop in each second.",
            explicit_bucket_boundaries_advisory=LAG_BOUNDS_S,
        )
        self._blocked = meter.create_counter(
            "wsoak.generator.blocked", unit="s", description="Lag of the workers' event loops beyond 50 ms."
        )
        self._groups = Groups()

    def add(self, attempts: pa.Table | None, health: pa.Table | None) -> None:
        """Count rows that have just been stored."""
        if attempts is not None:
            for labels, durations in self._groups.of(attempts):
                self._attempts.add(len(durations), labels._asdict())
                if has_duration(labels):
                    of = duration_labels(labels)._asdict()
                    for duration_s in durations:
                        self._durations.record(duration_s, of)
        if health is not None:
            for lag_s in health.column("loop_lag_s").to_pylist():
                self._lag.record(lag_s)
            for blocked_s in health.column("loop_blocked_s").to_pylist():
                self._blocked.add(blocked_s)

    def close(self) -> None:
        """Export what has been counted, all of it, and end."""
        self._provider.shutdown(timeout_millis=_LAST_EXPORT_MS)


if __name__ == "__main__":
    sys.exit(main())
