"""Ground truth lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from standin.clock import Clock
from standin.evidence.jsonlines import JsonLines
from standin.evidence.truth import FIELDS, Record, Truth
from standin.faults import parse_fault


def record(ordinal: int = 0) -> Record:
    return Record(ordinal=ordinal, subject="", instance="instance-0", client_port=4711, opened_at=10)


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_is_flat_and_nothing_unknown_is_a_number() -> None:
    line = record().line(20)
    assert tuple(line) == FIELDS
    assert all(value is None or isinstance(value, str | int) for value in line.values())
    assert line["subject"] is None and line["fault"] is None and line["welcomed_at"] is None
    assert (line["opened_at"], line["closed_at"], line["ended"]) == (10, 20, "client_gone")


def test_faults_are_listed_in_the_order_they_hit_each_once() -> None:
    found = record()
    slow, zombie = parse_fault("slow_welcome:delay=3"), parse_fault("zombie:after=1")
    for fault, at in ((slow, 100), (zombie, 200), (slow, 300)):
        found.hit(fault, at)
    line = found.line(400)
    assert line["fault"] == "slow_welcome;zombie" and line["fault_at"] == 100
    assert line["fault_spec"] == "slow_welcome:seed=0,delay=3;zombie:seed=0,after=1"


def test_the_first_end_stands() -> None:
    found = record()
    found.end("auth_refused", 1008)
    found.end("client_close", 1000)
    assert (found.line(1)["ended"], found.line(1)["close_code"]) == ("auth_refused", 1008)


def test_each_connection_is_written_once_and_the_open_ones_at_the_end(tmp_path: Path) -> None:
    file = JsonLines(tmp_path / "truth")
    truth = Truth(file, Clock())
    first, second = record(0), record(1)
    for one in (first, second):
        truth.opened(one)
    truth.closed(first)
    truth.closed(first)
    truth.finish()
    truth.finish()
    file.close()
    lines = written(tmp_path / "truth")
    assert [(line["ordinal"], line["ended"]) for line in lines] == [(0, "client_gone"), (1, "shutdown")]


def test_a_window_names_its_fault(tmp_path: Path) -> None:
    file = JsonLines(tmp_path / "truth")
    Truth(file, Clock()).window(parse_fault("server_stall:for=1"), 5, 9)
    file.close()
    (line,) = written(tmp_path / "truth")
    assert tuple(line) == FIELDS
    assert {key: value for key, value in line.items() if value is not None} == {
        "kind": "window",
        "opened_at": 5,
        "closed_at": 9,
        "fault": "server_stall",
        "fault_spec": "server_stall:for=1",
    }
