"""Axes of a still picture: ticks, scale and range as Plotly has them."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.report.stills.axes import places_of, set_axis
from analysis.report.stills.places import Places


def axes_with(axis: dict[str, Any], places: Places | None = None) -> Axes:
    axes = Figure().subplots()
    axes.plot([1, 100], [0.01, 0.02])
    set_axis(axes, "x", axis, places or Places([1, 100]))
    return axes


def test_a_logarithmic_axis_has_its_range_in_decades_and_its_own_ticks() -> None:
    axes = axes_with({"type": "log", "range": [0, 2], "tickvals": [1, 10, 100], "ticktext": ["1", "10", "100"]})
    assert axes.get_xscale() == "log"
    assert axes.get_xlim() == (1, 100)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "10", "100"]


def test_names_are_ticks_in_their_order_from_above_where_it_is_reversed() -> None:
    axes = axes_with({"autorange": "reversed"}, Places(["a", "_b"]))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", " _b"]
    assert axes.get_xlim()[0] > axes.get_xlim()[1]


def test_an_axis_may_begin_at_zero_have_a_title_or_not_be_seen() -> None:
    axes = axes_with({"rangemode": "tozero", "title": {"text": "seconds"}})
    assert axes.get_xlim()[0] == 0 and axes.get_xlabel() == "seconds"
    assert not axes_with({"visible": False}).xaxis.get_visible()


def test_places_are_those_of_the_series_and_of_notes_at_names() -> None:
    traces, notes = [{"y": ["a", "b"]}], [{"y": "c", "text": "not estimated"}]
    assert places_of(traces, "y", {"categoryarray": ["c", "b", "a"]}, notes).names == ["c", "b", "a"]
    assert places_of(traces, "y", {}, notes).names == ["a", "b", "c"]
