"""The figure of the product's question: a line for each platform and client, over the delays that were added."""

from __future__ import annotations

import pandas as pd

from analysis.report.figures.cohorts import timeouts_by_latency

COHORTS = pd.DataFrame(
    [
        ("Linux", 0.0, "a/libev", 100, 1),
        ("Linux", 0.3, "a/libev", 100, 2),
        ("Linux", 0.3, "b/selector", 100, 0),
        ("Windows", 0.0, "a/libuv", 100, 1),
        ("Windows", 0.3, "a/libuv", 100, 9),
    ],
    columns=["platform", "delay_s", "client", "n", "timeouts"],
).assign(share=lambda f: f["timeouts"] / f["n"], low=0.0, high=0.2)


def test_a_line_for_each_platform_and_client_with_its_intervals() -> None:
    figure = timeouts_by_latency(COHORTS)
    assert [line.name for line in figure.data] == ["Linux · a/libev", "Linux · b/selector", "Windows · a/libuv"]
    windows = figure.data[2]
    assert list(windows.y) == [0.01, 0.09]
    assert [round(one, 3) for one in windows.error_y.array] == [0.19, 0.11]
    assert [list(point[:2]) for point in windows.customdata] == [[1, 100], [9, 100]]
    assert list(figure.layout.xaxis.tickvals) == [0.0, 300.0]


def test_a_platform_has_one_colour_and_a_library_one_line_on_all_of_them() -> None:
    linux, other, windows = timeouts_by_latency(COHORTS).data
    assert linux.line.color == other.line.color != windows.line.color
    assert linux.line.dash == windows.line.dash != other.line.dash


def test_neighbours_at_one_delay_stand_apart_and_near_it() -> None:
    at = [line.x[-1] for line in timeouts_by_latency(COHORTS).data]
    assert len(set(at)) == 3 and all(abs(x - 300) < 15 for x in at)


def test_one_delay_and_none_at_all() -> None:
    assert timeouts_by_latency(COHORTS[COHORTS["delay_s"] == 0.3]).layout.xaxis.ticktext == ("300",)
    assert "no attempts" in str(timeouts_by_latency(COHORTS.iloc[:0]).to_dict())
