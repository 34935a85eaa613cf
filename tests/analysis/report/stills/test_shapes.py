"""Bands, lines and notes are where Plotly has them."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.report.stills.places import Places
from analysis.report.stills.shapes import add_note, add_shape

X, Y = Places([0, 10]), Places(["a", "b"])
RECT = {"type": "rect", "x0": 2, "x1": 4, "fillcolor": "rgba(0,0,0,0.5)"}


def shaped(shape: dict[str, Any]) -> Axes:
    axes = Figure().subplots()
    add_shape(axes, shape, "x", "y", X, Y)
    return axes


def noted(note: dict[str, Any], *, is_only: bool = False) -> list[str]:
    axes = Figure().subplots()
    add_note(axes, note, "x", "y", X, Y, is_only=is_only)
    return [text.get_text() for text in axes.texts]


def test_a_band_over_the_height_and_a_moment_as_a_line() -> None:
    (band,) = shaped(RECT | {"xref": "x", "yref": "y domain"}).patches
    assert (band.get_x(), band.get_width()) == (2, 2)  # type: ignore[attr-defined]
    moment = shaped(RECT | {"x1": 2, "xref": "x", "yref": "paper"})
    assert len(moment.lines) == 1 and not moment.patches


def test_a_limit_over_the_width() -> None:
    (line,) = shaped({"type": "line", "y0": 1, "y1": 1, "xref": "x domain", "yref": "y"}).lines
    assert list(line.get_ydata()) == [1, 1]  # type: ignore[arg-type]


def test_what_belongs_to_other_axes_is_left_to_them() -> None:
    other = shaped(RECT | {"xref": "x2", "yref": "y2 domain"})
    assert not other.patches and not other.lines
    assert noted({"xref": "x2", "yref": "y2", "x": 1, "y": 1, "text": "t"}) == []


def test_a_note_stands_at_its_value_and_the_one_of_an_empty_figure_in_its_middle() -> None:
    assert noted({"xref": "x", "yref": "y", "x": 1, "y": "b", "text": "not estimated"}) == ["not estimated"]
    on_paper = {"xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5, "text": "nothing<br>to draw"}
    assert noted(on_paper, is_only=True) == ["nothing\nto draw"]
    assert noted(on_paper) == []  # the title of one of several axes
