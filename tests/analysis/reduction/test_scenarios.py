from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from analysis.reduction.scenarios import scenarios_differ

Line = tuple[str, str, str, int, str, int]  # host, platform, client, delay_us, scenario, n


def census(*lines: Line) -> pd.DataFrame:
    names = ["host", "platform", "client", "delay_us", "by_scenario", "n"]
    return pd.DataFrame(lines, columns=names).assign(event_loop="gevent-libev")


def mixed(steady: int, churn: int, **side: Any) -> list[Line]:
    given = {"host": "h1", "platform": "Linux", "client": "a", "delay_us": 0} | side
    where: Any = (given["host"], given["platform"], given["client"], given["delay_us"])
    return [(*where, "steady", steady), (*where, "churn", churn)]


def test_one_scenario_is_no_difference() -> None:
    assert not scenarios_differ(census(("h1", "Linux", "a", 0, "steady", 50), ("h2", "Windows", "a", 0, "steady", 9)))


def test_no_waits_are_no_difference() -> None:
    assert not scenarios_differ(census())


@pytest.mark.parametrize("side", [{"host": "h2"}, {"client": "b"}, {"delay_us": 300_000}])
def test_the_same_mix_on_both_sides_is_alike_whatever_their_sizes(side: dict[str, Any]) -> None:
    assert not scenarios_differ(census(*mixed(600, 400), *mixed(65, 35, **side)))


@pytest.mark.parametrize("side", [{"host": "h2"}, {"client": "b"}, {"delay_us": 300_000}])
def test_another_mix_on_one_side_is_a_difference(side: dict[str, Any]) -> None:
    assert scenarios_differ(census(*mixed(600, 400), *mixed(400, 600, **side)))


def test_a_small_host_with_a_scenario_of_its_own_is_seen_beside_large_ones() -> None:
    large = [line for n in range(9) for line in mixed(600, 400, host=f"large-{n}")]
    assert scenarios_differ(census(*large, *mixed(0, 30, host="small")))


def test_what_is_no_wait_counts_for_nothing() -> None:
    assert not scenarios_differ(census(*mixed(600, 400), ("h1", "Linux", "b", 0, "auth_probe", 0)))
