"""The parts of live.json from literal tables."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from analysis.live import shown
from analysis.live.document import AttemptCounts, Cell, Group, Slot
from analysis.reduction.tallies import CELL_KEYS, SLOT_KEYS, Tally, none


def a_cell(n: int, outcome: str = "ok", **given: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(CELL_KEYS, "") | {"standing": "judged", "platform": "Linux", "client": "c/l"}
    return row | {"delay_us": 80_000, "instance": "a", "outcome": outcome, "n": n} | given


TALLY = Tally(
    pd.DataFrame(
        [
            a_cell(90),
            a_cell(4, "timeout", cause="silent_peer", lost_at="late"),
            a_cell(2, "timeout", cause="silent_peer", lost_at="unread", platform="Windows"),
            a_cell(1, "failed", cause="reset", delay_us=-1, instance=""),
            a_cell(5, standing="probes"),
            a_cell(3, "aborted", standing="cut_off"),
        ]
    ),
    pd.DataFrame(
        [(1000, "ok", "", 90), (1000, "timeout", "silent_peer", 6), (1020, "failed", "reset", 1)],
        columns=[*SLOT_KEYS, "n"],
    ),
)


def test_the_judged_are_all_less_the_others() -> None:
    assert shown.attempt_counts(TALLY) == AttemptCounts(all=105, probes=5, cut_off=3, judged=97)
    assert shown.timeouts(TALLY) == 6


def test_stretches_begin_at_the_first_and_have_timeouts_by_cause() -> None:
    assert shown.over_time(TALLY) == (
        Slot(t_s=0, ok=90, failed=0, timeout={"silent_peer": 6}),
        Slot(t_s=20, ok=0, failed=1, timeout={}),
    )


@pytest.mark.parametrize(("length_s", "width_s"), [(1790, 10), (1800, 30), (4 * 3600, 120), (40 * 86400, 3600)])
def test_a_long_run_has_wider_stretches(length_s: int, width_s: int) -> None:
    slots = pd.DataFrame([(0, "ok", "", 1), (length_s, "ok", "", 1)], columns=[*SLOT_KEYS, "n"])
    assert shown.slot_s(Tally(TALLY.cells, slots)) == width_s


def test_what_a_row_does_not_say_is_none_and_no_zero() -> None:
    by = shown.groups(TALLY)
    assert by["delay_s"] == (
        Group(value=None, n=1, failed=1, causes={"reset": 1}),
        Group(value=0.08, n=96, failed=6, causes={"silent_peer": 6}),
    )
    assert [(one.value, one.n, one.failed) for one in by["platform"]] == [("Linux", 95, 5), ("Windows", 2, 2)]
    assert [one.value for one in by["instance"]] == [None, "a"]
    assert shown.cells(TALLY) == (
        Cell(instance=None, platform="Linux", client="c/l", delay_s=None, n=1, timeouts=0),
        Cell(instance="a", platform="Linux", client="c/l", delay_s=0.08, n=94, timeouts=4),
        Cell(instance="a", platform="Windows", client="c/l", delay_s=0.08, n=2, timeouts=2),
    )


def test_the_ladder_is_in_its_own_order() -> None:
    assert list(shown.lost_at(TALLY).items()) == [("unread", 2), ("late", 4)]


def test_of_many_instances_those_with_most_failures_are_shown() -> None:
    many = [a_cell(1000 - at, "timeout" if at == 250 else "ok", instance=f"i{at:03}") for at in range(300)]
    named = [one.value for one in shown.groups(Tally(pd.DataFrame(many), TALLY.slots))["instance"]]
    assert len(named) == shown.MOST_LINES
    assert "i250" in named and "i299" not in named


def test_nothing_stored_shows_nothing() -> None:
    empty = none()
    assert (shown.attempt_counts(empty), shown.timeouts(empty)) == (AttemptCounts(), 0)
    assert (shown.over_time(empty), shown.cells(empty), shown.lost_at(empty)) == ((), (), {})
    assert set(shown.groups(empty).values()) == {()}
