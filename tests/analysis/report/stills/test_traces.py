"""Series on Matplotlib's axes: where their points, bars and intervals come to lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.report.stills.places import Places
from analysis.report.stills.traces import add_trace


def drawn(*traces: dict[str, Any]) -> Axes:
    axes = Figure().subplots()
    stacked: dict[tuple[str, Any], float] = {}
    x, y = (Places([value for trace in traces for value in trace[name]]) for name in "xy")
    for trace in traces:
        add_trace(axes, trace, x, y, stacked)
    return axes


def test_points_and_lines_lie_at_their_values_in_their_colour() -> None:
    trace = {"type": "scatter", "x": [1, 2], "y": [3, None], "name": "a", "mode": "lines+markers"}
    (line,) = drawn(trace | {"line": {"color": "#3b8fd6", "dash": "dash"}, "marker": {"symbol": "square"}}).lines
    assert np.asarray(line.get_xydata())[0].tolist() == [1, 3]
    assert (line.get_color(), line.get_linestyle(), line.get_marker(), line.get_label()) == ("#3b8fd6", "--", "s", "a")


def test_intervals_reach_from_low_to_high() -> None:
    bars = {"array": [0.5], "arrayminus": [0.25], "color": "#000000"}
    axes = drawn({"type": "scatter", "x": [1], "y": [2], "mode": "markers", "error_y": bars})
    (segments,) = [part.get_segments() for part in axes.collections]  # type: ignore[attr-defined]
    assert segments[0].tolist() == [[1, 1.75], [1, 2.5]]


def test_bars_are_stacked_by_place_and_direction() -> None:
    bar = {"type": "bar", "orientation": "h", "y": ["a", "b"], "marker": {"color": "#000000"}}
    axes = drawn(bar | {"x": [1, 2]}, bar | {"x": [3, 4]})
    assert [(one.get_x(), one.get_width()) for one in axes.patches] == [(0, 1), (0, 2), (1, 3), (2, 4)]  # type: ignore[attr-defined]


def test_a_filled_series_has_an_area_and_a_hidden_one_no_label() -> None:
    trace = {"type": "scatter", "x": [1, 2], "y": [1, 2], "mode": "lines", "name": "a", "showlegend": False}
    axes = drawn(trace | {"fill": "tozeroy", "fillcolor": "rgba(0,0,0,0.1)", "line": {"shape": "hvh"}})
    assert len(axes.collections) == 1
    assert axes.get_legend_handles_labels() == ([], [])


def test_another_kind_of_series_is_refused() -> None:
    with pytest.raises(ValueError, match="no still picture is made of 'pie': it knows scatter and bar"):
        drawn({"type": "pie", "x": [], "y": []})
