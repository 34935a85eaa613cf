from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from attempts.store.metrics import DURATION_BOUNDS_S
from attempts.store.segment_store import Store
from attempts.store.telemetry import NoExporter, Telemetry, exporters_by, exporting, main
from tests.attempts.recording import record
from tests.typed import known


def points(reader: InMemoryMetricReader) -> dict[str, list[Any]]:
    data = known(reader.get_metrics_data())
    (resource,) = data.resource_metrics
    assert resource.resource.attributes["service.name"] == "wsoak"
    return {metric.name: list(metric.data.data_points) for scope in resource.scope_metrics for metric in scope.metrics}


def test_what_is_stored_is_told_to_the_instruments(tmp_path: Path) -> None:
    record(tmp_path / "spool", 3)
    reader = InMemoryMetricReader()
    telemetry = Telemetry([reader])
    Store(tmp_path, telemetry.add).store_segments(final=True)
    found = points(reader)
    of = {"kind": "exchange", "outcome": "ok", "platform": "Linux", "client": "websocket-client", "delay": "0"}
    (attempts,) = found["wsoak.attempts"]
    assert (attempts.value, dict(attempts.attributes)) == (3, {**of, "cause": ""})
    (durations,) = found["wsoak.attempt.duration"]
    assert (durations.count, durations.sum, dict(durations.attributes)) == (3, pytest.approx(0.03), of)
    assert tuple(durations.explicit_bounds) == DURATION_BOUNDS_S
    (lag,) = found["wsoak.generator.lag"]
    assert (lag.count, lag.sum) == (1, pytest.approx(0.001))
    (blocked,) = found["wsoak.generator.blocked"]
    assert blocked.value == 0
    telemetry.close()


def test_nothing_is_exported_where_the_variables_say_so() -> None:
    assert exporters_by({"OTEL_METRICS_EXPORTER": "none"}) == []


def test_the_console_is_standard_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", " Console,none")
    record(tmp_path / "spool", 1)
    telemetry = exporting()
    Store(tmp_path, telemetry.add).store_segments(final=True)
    telemetry.close()
    said = capsys.readouterr()
    assert said.out == ""
    assert "wsoak.attempts" in said.err


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        (
            {"OTEL_METRICS_EXPORTER": "prometheus"},
            "names 'prometheus', and there are otlp, console and none (--",
        ),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "carrier"}, "is 'carrier', and there are grpc and http/protobuf."),
        ({}, "exporter for grpc is not installed: pip install opentelemetry-exporter-otlp-proto-grpc, or set"),
        (
            {"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf"},
            "exporter for http/protobuf is not installed: pip install opentelemetry-exporter-otlp-proto-http",
        ),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(
    environ: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # They may be installed where somebody uses them.
    for package in ("grpc", "http"):
        monkeypatch.setitem(sys.modules, f"opentelemetry.exporter.otlp.proto.{package}.metric_exporter", None)
    with pytest.raises(NoExporter) as refusal:
        exporters_by(environ)
    assert says in str(refusal.value)


def test_the_command_says_beforehand_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    assert main() == 0
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "pigeon")
    assert main() == 2
    assert capsys.readouterr().err.startswith("--otel: OTEL_METRICS_EXPORTER names 'pigeon'")
