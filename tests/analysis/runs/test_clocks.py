from __future__ import annotations

from typing import Any

import pytest

from analysis.runs.clocks import MOST_NAMED, clock_notes


def worker(**clock: Any) -> dict[str, Any]:
    return {"worker": "0123456789abcdef", "host": "host-1", "clock": clock}


RIGHT = {"offset_s": 0.004, "uncertainty_s": 0.001, "drift_s": -0.02, "steps": [], "ahead_of_target_s": [-0.9, 1.1]}


def test_clocks_that_were_right_are_not_spoken_of() -> None:
    assert clock_notes([worker(**RIGHT), worker(offset_s=None, steps=[])]) == []


@pytest.mark.parametrize("entry", [{}, {"clock": None}, {"clock": {"steps": ["x"], "offset_s": "late"}}])
def test_what_says_nothing_of_clocks_is_no_error(entry: dict[str, Any]) -> None:
    assert clock_notes([entry]) == []


@pytest.mark.parametrize(
    ("clock", "said"),
    [
        ({"offset_s": 60.04}, "was 60.0 s ahead of the master's: its rows were put on the master's time line."),
        ({"offset_s": -60.0}, "was 60.0 s behind the master's"),
        ({"drift_s": -3600.0}, "was 3600.0 s behind the run's at its end"),
        ({"steps": [{"at": "x", "seconds": 70.0}, {"at": "y", "seconds": -70.0}]}, "(2 x, first by +70.0 s)"),
        ({"ahead_of_target_s": [58.2, 60.1]}, "at least 58.2 s ahead of the target's (its Date header)"),
        ({"ahead_of_target_s": [-61.0, -59.0]}, "at least 59.0 s behind the target's"),
    ],
)
def test_a_clock_that_was_wrong_is_named_with_its_worker(clock: dict[str, Any], said: str) -> None:
    (note,) = clock_notes([worker(**{**RIGHT, **clock})])
    assert note.startswith("The clock of worker 0123456789ab on host-1 ")
    assert said in note


def test_of_many_wrong_clocks_a_few_are_named() -> None:
    notes = clock_notes([worker(offset_s=60.0)] * (MOST_NAMED + 7))
    assert len(notes) == MOST_NAMED + 1
    assert notes[-1] == "7 more sentences on clocks are in run.json (workers, clock)."
