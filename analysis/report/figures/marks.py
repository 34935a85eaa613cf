"""Marks on a figure's time axis: what happened when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from analysis.report.figures.theme import PURPLE, faded

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from analysis.runs.marks import Mark


def marked(figure: go.Figure, marks: Sequence[Mark]) -> go.Figure:
    """Draw each mark over the whole height of a figure with a time axis; an empty figure stays as it is."""
    if not figure.data:
        return figure
    for number, mark in enumerate(marks):
        start, end = (f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S.%f}" for at in (mark.start_s, mark.end_s))
        figure.add_shape(
            type="rect", xref="x", yref="paper", x0=start, x1=end, y0=0, y1=1, layer="below",
            fillcolor=faded(PURPLE, 0.15), line={"color": PURPLE, "width": 1, "dash": "dot"},
        )  # fmt: skip
        # Neighbours stand on lines of their own, so that their words do not cover each other.
        figure.add_annotation(
            x=start, xref="x", y=1, yref="paper", text=mark.text, showarrow=False, xanchor="left", yanchor="top",
            yshift=-14 * (number % 4), font={"size": 11},
        )  # fmt: skip
    return figure
