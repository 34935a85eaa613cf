from __future__ import annotations

import socket
import urllib.request
from pathlib import Path

import pyarrow as pa
import pytest
from prometheus_client.parser import text_string_to_metric_families

from attempts.store.exposition import Exposition
from attempts.store.segment_store import Store
from tests.attempts.recording import record


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_page_has_what_was_stored(tmp_path: Path) -> None:
    record(tmp_path / "spool", 3)
    exposition, port = Exposition(), free_port()
    exposition.serve("127.0.0.1", port)
    Store(tmp_path, exposition.add).store_segments(final=True)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    all_samples = [sample for family in families for sample in family.samples]
    samples = {sample.name: sample for sample in all_samples}
    (counted,) = [sample for sample in all_samples if sample.name == "wsoak_attempts_total" and sample.value]
    assert counted.value == 3
    assert counted.labels == {
        "kind": "exchange",
        "outcome": "ok",
        "cause": "",
        "platform": "Linux",
        "client": "websocket-client",
        "delay": "0",
    }
    assert samples["wsoak_attempt_duration_seconds_count"].value == 3
    assert samples["wsoak_attempt_duration_seconds_sum"].value == pytest.approx(0.03)
    assert samples["wsoak_generator_lag_seconds_count"].value == 1
    assert samples["wsoak_generator_blocked_seconds_total"].value == 0


def test_before_the_first_row_there_is_no_count_of_attempts_and_no_failure() -> None:
    exposition = Exposition()
    exposition.add(None, pa.table({"loop_lag_s": [0.5], "loop_blocked_s": [0.45]}))
    samples = [sample for family in exposition.collect() for sample in family.samples]
    assert not [sample for sample in samples if sample.name.startswith("wsoak_attempt")]
    assert [sample.value for sample in samples if sample.name == "wsoak_generator_lag_seconds_count"] == [1]


def test_a_taken_port_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError):
            Exposition().serve("127.0.0.1", taken.getsockname()[1])
